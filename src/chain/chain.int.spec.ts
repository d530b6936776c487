// has two servers of its own: the ledger, and the copy that an operator has changed

import type { JetStreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { ODD_HEADERS } from '../../test/support/odd-headers.js'
import { headerBlock, publishRaw, type RawMessage } from '../../test/support/raw-publisher.js'
import { startTestNats, type TestNats, until } from '../../test/support/servers.js'
import { verifyProof } from '../../test/support/verify-proof.js'
import { E } from '../fp.js'
import { createHealth, type Health } from '../health.js'
import { leadershipOf } from '../stream/leadership.js'
import { manager, provision } from '../stream/provision.js'
import { HEAD_STREAM, HEAD_SUBJECT, headStream, LEDGER_STREAM, ledgerStream } from '../stream/settings.js'
import { type ChainReport, checkChain, isIntact } from './check.js'
import type { Finding } from './compare.js'
import { readEntries } from './entries.js'
import { type Head, newLine, nextHead, type SignedHead } from './head.js'
import { readAnyEnd, readHeads, writeHead } from './head-stream.js'
import { HEADS_PART, type Keeper, type KeeperPace, startKeeper } from './keeper.js'
import { type Entry, isHole } from './leaf.js'
import { newSeed, type Signer, signerOf } from './nkey.js'
import { proveInclusion } from './prove.js'

const EVENTS = 1_300
const DEADLINE_MS = 20_000
const FAST: KeeperPace = { look_ms: 5, head_ms: 40, log_ms: 60_000 }

type Side = { readonly nats: TestNats; readonly nc: NatsConnection; readonly jsm: JetStreamManager }

const newSigner = (): Signer => {
  const signer = signerOf(newSeed())
  if (E.isLeft(signer)) throw new Error(signer.left)
  return signer.right
}

let original: Side
let copy: Side
const signer = newSigner()

const startSide = async (): Promise<Side> => {
  const nats = await startTestNats()
  const nc = await connect({ servers: nats.url })
  await right(provision(nc, { replicas: 1, has_heads: true }))
  return { nats, nc, jsm: await right(manager(nc)) }
}

const log = pino({ level: 'silent' })
const keep = (side: Side, health: Health, own = signer, pace = FAST): Keeper =>
  startKeeper({ ...side, log, health }, own, pace)

/** Publishes events one by one: nobody can write a part of an atomic batch anew, so a copy of single events is the easiest to change. */
const publishAll = async (side: Side, messages: readonly RawMessage[]): Promise<void> => {
  const size = (await endOf(side)) + messages.length
  await publishRaw(side.nats.url, messages)
  await until(async () => (await endOf(side)) === size, { deadline_ms: DEADLINE_MS, what: `${size} events` })
}

const publishEvents = (side: Side, count: number, what: string): Promise<void> =>
  publishAll(
    side,
    Array.from({ length: count }, (_, i) => ({
      subject: `customer.balance.c${i % 7}`,
      headers: headerBlock(`Nats-Msg-Id: ${what}-${i}`),
      body: JSON.stringify({ type: 'credit', amount: i + 1 }),
    })),
  )

const endOf = async ({ nc }: Side): Promise<number> => (await right(leadershipOf(nc).prove())).last_seq

const entriesOf = async (side: Side): Promise<Entry[]> => {
  const proof = await right(leadershipOf(side.nc).prove())
  const entries: Entry[] = []
  for await (const page of readEntries(side, proof, 1, proof.last_seq)) entries.push(...page)
  return entries
}

const signedSize = async ({ nc }: Side): Promise<number> => (await right(readAnyEnd(nc))).head?.tree.size ?? 0

const untilSigned = async (side: Side): Promise<void> => {
  const size = await endOf(side)
  await until(async () => (await signedSize(side)) >= size, {
    deadline_ms: DEADLINE_MS,
    what: `a head of ${size}`,
  })
}

const check = (side: Side, keys: readonly string[] = [signer.key], kept: readonly SignedHead[] = []) =>
  checkChain(side, true, { keys, kept, findings_max: 100, onProgress: () => undefined })

const findingsOf = ({ lines }: ChainReport): Omit<Finding, 'head'>[] =>
  lines.flatMap(({ findings }) => findings.map(({ head: _, ...finding }) => finding))

const headsOf = async ({ nc }: Side): Promise<Head[]> => {
  const heads: Head[] = []
  for await (const { read } of readHeads(nc, (await right(readAnyEnd(nc))).place))
    if (E.isRight(read)) heads.push(read.right)
  return heads
}

/** Writes the copy anew, as an operator would who wants to change events: a stream of the same name, from a copy of its events. */
const rewrite = async (entries: readonly Entry[], heads: readonly Head[]): Promise<void> => {
  for (const name of [LEDGER_STREAM, HEAD_STREAM]) await copy.jsm.streams.delete(name)
  // an operator who changes a ledger allows himself to delete
  for (const settings of [ledgerStream({ replicas: 1 }), headStream({ replicas: 1 })])
    await copy.jsm.streams.add({ ...settings, deny_delete: false })
  await publishAll(
    copy,
    entries.map(({ subject, headers, body }) => ({
      subject,
      headers: headers.length === 0 ? 'NATS/1.0\r\n\r\n' : Buffer.concat([headers, Buffer.from('\r\n')]),
      body,
    })),
  )
  for (const [place, head] of heads.entries()) await right(writeHead(copy.nc, place, head))
}

beforeAll(async () => {
  ;[original, copy] = await Promise.all([startSide(), startSide()])
  await publishAll(
    original,
    Object.values(ODD_HEADERS).flatMap((headers, i) => [
      { subject: `customer.balance.odd-${i}`, headers, body: '{"type":"credit","amount":1}' },
      { subject: `customer.balance.empty-${i}`, headers, body: '' },
    ]),
  )
  await publishEvents(original, EVENTS, 'first')
})

afterAll(async () => {
  for (const side of [original, copy]) {
    await side.nc.close()
    await side.nats.stop()
  }
})

it('reads of every event the bytes that the server stores, whatever its headers are', async () => {
  const odd = 2 * Object.keys(ODD_HEADERS).length
  for (const entry of (await entriesOf(original)).slice(0, odd + 1)) {
    const answer = await original.nc.request(
      `$JS.API.STREAM.MSG.GET.${LEDGER_STREAM}`,
      JSON.stringify({ seq: entry.seq }),
    )
    const { message } = answer.json<{ message: { hdrs?: string; data?: string; subject: string } }>()
    const block = Buffer.from(message.hdrs ?? '', 'base64').subarray(0, -2)
    expect(Buffer.from(entry.headers).toString()).toBe(
      block.toString() === 'NATS/1.0\r\n' ? '' : block.toString(),
    )
    expect(Buffer.from(entry.body)).toEqual(Buffer.from(message.data ?? '', 'base64'))
    expect(entry.subject).toBe(message.subject)
  }
})

it('signs everything, with instances that take turns, and goes on where it ended', async () => {
  const health = createHealth(() => undefined)
  const both = [keep(original, health), keep(original, health)]
  await untilSigned(original)
  await publishEvents(original, 800, 'second')
  await untilSigned(original)
  await Promise.all(both.map(one => one.stop()))
  expect(health.read().parts[HEADS_PART]).toEqual({ state: 'ok', detail: '' })

  await publishEvents(original, 3, 'third')
  const next = keep(original, health)
  await untilSigned(original)
  await next.stop()

  const report = await check(original)
  expect(isIntact(report)).toBe(true)
  expect(report).toMatchObject({ unsigned: 0, keys: [signer.key], problems: [] })
  const heads = await headsOf(original)
  expect(heads.map(({ head, leaves }) => head.size - leaves.length)).toEqual([
    0,
    ...heads.slice(0, -1).map(({ head }) => head.size),
  ])
})

it('signs the first events at once, later ones after a minute, and what is left when it stops', async () => {
  const keeper = keep(
    copy,
    createHealth(() => undefined),
    signer,
    { ...FAST, head_ms: 60_000 },
  )
  await publishEvents(copy, 3, 'early')
  await until(async () => (await signedSize(copy)) > 0, { deadline_ms: DEADLINE_MS, what: 'the first head' })
  const { place } = await right(readAnyEnd(copy.nc))
  await publishEvents(copy, 5, 'late')
  expect((await right(readAnyEnd(copy.nc))).place).toBe(place)
  await keeper.stop()
  expect(await signedSize(copy)).toBe(8)
})

describe('a copy that an operator has changed', () => {
  let entries: Entry[]
  let heads: Head[]
  beforeEach(async () => {
    entries = await entriesOf(original)
    heads = await headsOf(original)
  })

  /** The findings beside the times, which are others because every event was stored anew. */
  const found = async () => findingsOf(await check(copy)).filter(({ kind }) => kind !== 'time')

  it('is found out, and the event named: bytes edited, an event removed, two exchanged', async () => {
    const at = (seq: number): Entry => entries[seq - 1] ?? expect.fail('no such event')
    const edited = { ...at(1_777), body: Buffer.from('{"type":"credit","amount":99999}') }
    await rewrite(entries.with(1_776, edited), heads)
    expect(await found()).toEqual([{ kind: 'changed', seq: 1_777 }])

    await rewrite(entries.toSpliced(1_776, 1), heads)
    expect(await found()).toEqual([{ kind: 'missing', seq: 1_777 }])

    await rewrite(entries.with(99, at(2_000)).with(1_999, at(100)), heads)
    expect(await found()).toEqual([{ kind: 'exchanged', seq: 100, with_seq: 2_000 }])

    await rewrite(entries, heads)
    expect(await found()).toEqual([])
    await copy.jsm.streams.deleteMessage(LEDGER_STREAM, 55)
    expect(await found()).toEqual([{ kind: 'missing', seq: 55 }])
    expect((await entriesOf(copy)).filter(isHole)).toHaveLength(1)
    // for a stream that is known to be whole, a gap in an answer is no hole: it must never be signed as one
    const proof = await right(leadershipOf(copy.nc).prove())
    const pages = readEntries(copy, { ...proof, messages: proof.last_seq }, 55, proof.last_seq)
    await expect(pages.next()).rejects.toThrow(`no server that answers has event 55 of ${LEDGER_STREAM}`)
  })

  it('is found out when the heads were made anew as well: by the key, and by one head that was kept', async () => {
    const kept = [heads[0], heads.at(-1)].flatMap(head => (head === undefined ? [] : [head.head]))
    await rewrite(entries.toSpliced(1_776, 1), [])
    const forger = newSigner()
    const keeper = keep(
      copy,
      createHealth(() => undefined),
      forger,
    )
    await untilSigned(copy)
    await keeper.stop()

    const by_key = await check(copy)
    expect(by_key.problems[0]?.detail).toContain(`signed with ${forger.key}`)
    expect(isIntact(by_key)).toBe(false)
    // without the public key the forged heads look right, until a head comes that was kept
    expect(isIntact(await check(copy, []))).toBe(true)
    const by_kept = await check(copy, [], kept)
    expect(by_kept.lines[0]?.roots.map(({ head, ends_at }) => [head.size, ends_at])).toContainEqual([
      entries.length,
      entries.length - 1,
    ])
    expect(isIntact(await check(original, [signer.key], kept))).toBe(true)
  })

  it('is found out when a head was left out, and when leaves beside a head were changed', async () => {
    await rewrite(entries, heads.toSpliced(1, 1))
    expect((await check(copy)).problems.map(({ detail }) => detail)).toEqual([
      'it does not follow the head before it: at least one head is missing',
    ])
    const [, second] = heads
    if (second === undefined) throw new Error('no heads')
    await rewrite(entries, heads.with(1, { ...second, leaves: second.leaves.toReversed() }))
    expect((await check(copy)).problems.map(({ detail }) => detail)).toEqual([
      'the leaves that are stored with it are not those that it signs',
    ])
  })
})

it('proves any event to a verifier that knows the public key alone', async () => {
  const end = await endOf(original)
  for (const seq of [1, 2_100, end]) {
    const proof = await proveInclusion(original, seq)
    if (E.isLeft(proof)) throw new Error(proof.left)
    expect(proof.right.path.length).toBeLessThanOrEqual(12)
    expect(verifyProof(proof.right, signer.key)).toMatchObject({ code: 0 })
    if (seq !== 2_100) continue
    const { event, head } = proof.right
    const body = Buffer.from('{"type":"credit","amount":99999}').toString('base64')
    const wrong = [
      { ...proof.right, event: { ...event, body } },
      { ...proof.right, event: { ...event, time: '2026-01-01T00:00:00.000000000Z' } },
      { ...proof.right, head: { ...head, size: head.size + 1 } },
    ]
    for (const one of wrong) expect(verifyProof(one, signer.key)).toMatchObject({ code: 1 })
    expect(verifyProof(proof.right, newSigner().key).text).toContain('NOT valid: its head is signed with')
  }
  expect(await proveInclusion(original, end + 1)).toEqual(
    E.left(`no signed head vouches for event ${end + 1} yet`),
  )
})

it('signs nothing more for a stream that was set back, until a person begins a new line', async () => {
  const entries = await entriesOf(original)
  await rewrite(entries.slice(0, 1_500), await headsOf(original))
  const health = createHealth(() => undefined)
  const keeper = keep(copy, health)
  const saysWhy = (what: string): Promise<true> =>
    until(() => health.read().parts[HEADS_PART]?.detail.includes(what) === true, {
      deadline_ms: DEADLINE_MS,
      what,
    })
  await saysWhy(`ends at 1500, but its events up to ${entries.length} were signed`)
  await publishEvents(copy, 1_000, 'other')
  await saysWhy(`event ${entries.length} of ${LEDGER_STREAM} is not the one that was signed`)
  const { place, head: before } = await right(readAnyEnd(copy.nc))
  if (before === undefined) throw new Error('no heads')

  await right(writeHead(copy.nc, place, await newLine(signer, before, 'restored from a backup', new Date())))
  await until(async () => (await signedSize(copy)) === (await endOf(copy)), {
    deadline_ms: DEADLINE_MS,
    what: 'heads',
  })
  await keeper.stop()
  const report = await check(copy)
  expect(report.lines.map(({ line, findings }) => [line, findings.length > 0])).toEqual([
    [1, true],
    [2, false],
  ])
  expect(report.problems).toEqual([])
})

it('leaves the signing to another key that a person has begun a line with', async () => {
  const { place, head: before } = await right(readAnyEnd(copy.nc))
  if (before === undefined) throw new Error('no heads')
  const other = newSigner()
  await right(writeHead(copy.nc, place, await newLine(other, before, 'a new key', new Date())))
  const health = createHealth(() => undefined)
  const keepers = [
    keep(copy, health),
    keep(
      copy,
      createHealth(() => undefined),
      other,
    ),
  ]
  await untilSigned(copy)
  await until(() => health.read().parts[HEADS_PART]?.detail.includes(`signed with ${other.key}`), {
    deadline_ms: DEADLINE_MS,
    what: 'the other key to be named',
  })
  await Promise.all(keepers.map(keeper => keeper.stop()))
  expect((await check(copy, [signer.key, other.key])).problems).toEqual([])
})

it('goes on when a client without the key has published to the subject of the heads', async () => {
  const forged = await nextHead(newSigner(), undefined, [], new Date())
  await right(writeHead(original.nc, (await right(readAnyEnd(original.nc))).place, forged))
  await original.nc.request(HEAD_SUBJECT, 'no head')
  const keeper = keep(
    original,
    createHealth(() => undefined),
  )
  await publishEvents(original, 5, 'fifth')
  await untilSigned(original)
  await keeper.stop()
  const { problems, lines } = await check(original)
  expect(problems.map(({ detail }) => detail)).toEqual([
    `it is signed with ${forged.head.key}, which is not a given key`,
    'it is no genuine head: it has not the form of a signed head',
  ])
  expect(lines.map(({ findings }) => findings)).toEqual([[]])
})
