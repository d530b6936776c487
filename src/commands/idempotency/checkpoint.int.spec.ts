/** The checkpoint of the known ids: a start reads it instead of the ledger, as far as it is of this ledger. */

import { createHash } from 'node:crypto'
import type { StoredMsg } from '@nats-io/jetstream'
import { type ConnectionOptions, connect, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startConfiguredNats } from '../../../test/support/configured-nats.js'
import { withRequest } from '../../../test/support/fate.js'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { dieWithout } from '../../../test/support/part-of-batch.js'
import { until } from '../../../test/support/servers.js'
import { createHealth } from '../../health.js'
import type { FollowDeps } from '../../stream/follow/follower.js'
import { pointOf } from '../../stream/identity.js'
import { manager, provision } from '../../stream/provision.js'
import { publishBatch } from '../../stream/publish.js'
import {
  LEDGER_STREAM,
  TRANSACTION_IDS_PREFIX,
  TRANSACTION_IDS_STREAM,
  transactionIdsStream,
} from '../../stream/settings.js'
import { FollowedIds, PAGES_FROM_EVENTS } from './followed-ids.js'
import { followKnownIds, type RunningKnownIds } from './known-ids.js'

/** A first start collects more chunks than may wait to be stored. */
const CHUNK_EVENTS = 125
const CHUNKS = 25
const EVENTS = 3_200
const BATCH = 1_000
const CHUNK_BYTES = 8 * CHUNK_EVENTS
const NONE = 'no checkpoint of the transaction ids can be read: the ledger is read'
const PART = 'checkpoint of transaction ids'
const READ = 'the transaction ids were read'

type Line = { readonly msg: string; readonly level: number; readonly from_checkpoint?: number }
type Follow = { readonly known: RunningKnownIds; readonly lines: Line[] }

let followers: RunningKnownIds[]

beforeEach(() => {
  followers = []
})
afterEach(async () => {
  for (const follower of followers) await follower.stop()
})

/** Stores events with the ids `<name>-<from>` to `<name>-<to>`, at these sequences in an empty ledger. */
const storeEvents = async (
  { nc }: Pick<FollowDeps, 'nc'>,
  from: number,
  to: number,
  name = 'id',
): Promise<void> => {
  for (let first = from; first <= to; first += BATCH) {
    const messages = Array.from({ length: Math.min(BATCH, to - first + 1) }, (_, i) => ({
      subject: `customer.balance.c${i % 50}`,
      body: `{"type":"credit","amount":1,"transaction_id":"${name}-${first + i}"}`,
    }))
    await right(publishBatch(nc, messages, 10_000))
  }
}

const reachEnd = (known: RunningKnownIds): Promise<unknown> =>
  until(() => known.reachEnd(1_000), { deadline_ms: 30_000, what: 'the ids to be followed to the end' })

/** Starts to follow like a process that starts, up to the end of the ledger. */
const begin = async (deps: FollowDeps): Promise<Follow> => {
  const lines: Line[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line) as Line) })
  const known = followKnownIds({ ...deps, log }, CHUNK_EVENTS)
  followers.push(known)
  await reachEnd(known)
  return { known, lines }
}

const fromCheckpoint = ({ lines }: Follow): number | undefined =>
  lines.find(({ msg }) => msg === READ)?.from_checkpoint

const missingFrom = ({ known }: Follow): string[] =>
  Array.from({ length: EVENTS }, (_, i) => i + 1)
    .filter(seq => !known.mayHave(`id-${seq}`) || known.seqOf(`id-${seq}`) !== seq)
    .map(seq => `id-${seq}`)

/** The connection with a look at each request by which stored messages are read. */
const withPublish = (nc: NatsConnection, onRead: () => void): NatsConnection =>
  new Proxy(nc, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...args: readonly unknown[]) => {
        if (name === 'publish' && String(args[0]).startsWith('$JS.API.DIRECT.GET.')) onRead()
        return Reflect.apply(value, target, args)
      }
    },
  })

type Spoil = (chunk: StoredMsg) => readonly [string, Uint8Array]

describe('the checkpoint of the known ids', () => {
  let ledger: TestLedger

  beforeEach(async () => {
    ledger = await startTestLedger()
    await storeEvents(ledger, 1, EVENTS)
  })
  afterEach(() => ledger.stop())

  /** All chunks with an index, the oldest one first: of events that were lost there may be another one. */
  const chunksAt = async (index: number): Promise<StoredMsg[]> => {
    const subjects_filter = `${TRANSACTION_IDS_PREFIX}${index}.>`
    const info = await ledger.jsm.streams
      .info(TRANSACTION_IDS_STREAM, { subjects_filter })
      .catch(() => undefined)
    const found = Object.keys(info?.state.subjects ?? {}).map(last_by_subj =>
      ledger.jsm.streams.getMessage(TRANSACTION_IDS_STREAM, { last_by_subj }),
    )
    return (await Promise.all(found)).filter(message => message !== null).toSorted((a, b) => a.seq - b.seq)
  }

  const chunkOf = (index: number, what = 'the chunk', number = 1): Promise<StoredMsg> =>
    until(async () => (await chunksAt(index))[number - 1], { deadline_ms: 30_000, what })

  /** Publishes something else in the place of a chunk, as a person may do who has the right. */
  const spoilChunk = async (index: number, spoil: Spoil): Promise<void> => {
    const [subject, body] = spoil(await chunkOf(index))
    const reply = await ledger.nc.request(subject, body, { timeout: 5_000 })
    expect(reply.json()).toMatchObject({ stream: TRANSACTION_IDS_STREAM })
  }

  const begun = async (): Promise<Follow> => {
    const follow = await begin(ledger)
    for (let index = 0; index < CHUNKS; index += 1) await chunkOf(index, `chunk ${index}`)
    return follow
  }

  it('is written by all who follow the ledger, one copy of each chunk, and read by the next one', async () => {
    const both = await Promise.all([begun(), begun()])
    const next = await begin(ledger)
    expect([...both, next].flatMap(missingFrom)).toEqual([])
    expect([fromCheckpoint(next), next.known.exactAfter(), next.known.mayHave('id-0')]).toEqual([
      CHUNKS * CHUNK_EVENTS,
      0,
      false,
    ])
    const { state } = await ledger.jsm.streams.info(TRANSACTION_IDS_STREAM)
    expect([state.messages, state.last_seq]).toEqual([CHUNKS, CHUNKS])
    expect(both.flatMap(({ lines }) => lines.map(({ msg }) => msg))).toEqual([NONE, READ, NONE, READ])
  })

  it('is filled where a chunk is missing, and is not believed where one is wrong: that is replaced', async () => {
    await begun()
    const right_ones = await Promise.all([1, 2, 3, 4].map(index => chunkOf(index)))
    // right by itself, as a chunk of half the length
    const half = (await chunkOf(0)).data.slice(CHUNK_BYTES / 2)
    await spoilChunk(1, ({ subject }) => [subject, half])
    await spoilChunk(3, ({ subject }) => [subject, new Uint8Array(CHUNK_BYTES)])
    await ledger.jsm.streams.purge(TRANSACTION_IDS_STREAM, { filter: `${TRANSACTION_IDS_PREFIX}4.>` })
    const next = await begin(ledger)
    expect([fromCheckpoint(next), missingFrom(next)]).toEqual([(CHUNKS - 3) * CHUNK_EVENTS, []])
    await until(async () => fromCheckpoint(await begin(ledger)) === CHUNKS * CHUNK_EVENTS, {
      deadline_ms: 30_000,
      what: 'all chunks to be right',
    })
    const replaced = await Promise.all([1, 2, 3, 4].map(index => chunkOf(index)))
    expect(replaced.map(({ data }) => data)).toEqual(right_ones.map(({ data }) => data))
  })

  it('is not believed where a name is not that of the ledger', async () => {
    await begun()
    for (const index of [2, CHUNKS - 1]) {
      const { subject } = await chunkOf(index)
      await spoilChunk(index, ({ data }) => [`${subject.slice(0, -3)}AAA`, data])
      await ledger.jsm.streams.purge(TRANSACTION_IDS_STREAM, { filter: subject })
    }
    const next = await begin(ledger)
    expect([fromCheckpoint(next), missingFrom(next)]).toEqual([(CHUNKS - 2) * CHUNK_EVENTS, []])
  })

  it('of a program that knows fewer schemas is not believed: it may lack the ids of events that it could not read', async () => {
    await begun()
    let before = '0'
    for (let index = 0; index < CHUNKS; index += 1) {
      const { subject, data } = await chunkOf(index)
      const last = await ledger.jsm.streams.getMessage(LEDGER_STREAM, { seq: (index + 1) * CHUNK_EVENTS })
      if (last === null) throw new Error('the ledger lacks an event')
      const { seq, checksum, at_ms } = pointOf({
        seq: last.seq,
        subject: last.subject,
        body: last.data,
        at: last.time,
      })
      // the name that such a program gives
      const own = createHash('sha256').update(`${before} ${seq} ${at_ms} ${checksum}`).digest('base64url')
      const older = `${TRANSACTION_IDS_PREFIX}${index}.${before}.${own.slice(0, 22)}`
      before = own.slice(0, 22)
      await ledger.jsm.streams.purge(TRANSACTION_IDS_STREAM, { filter: subject })
      // the seventh event is one that it could not read
      if (index === 0) data.fill(0, 6 * 8, 7 * 8)
      await ledger.nc.request(older, data, { timeout: 5_000 })
    }
    const next = await begin(ledger)
    expect([fromCheckpoint(next), missingFrom(next)]).toEqual([0, []])
  })

  it('is read to the same end wherever a reading of it is broken off, or the set begins anew', async () => {
    await begun()
    type Disturb = (followed: FollowedIds, life: AbortController) => void
    /** Reads the ids like a process that starts, and disturbs that at one of its requests. False: it has fewer. */
    const isDisturbed = async (request: number, disturb: Disturb, outcome: string): Promise<boolean> => {
      let requests = 0
      const life = new AbortController()
      const nc = withPublish(ledger.nc, () => {
        requests += 1
        if (requests === request) disturb(followed, life)
      })
      const followed = new FollowedIds({ ...ledger, nc }, CHUNK_EVENTS)
      const reading = followed.readOn(EVENTS, life.signal).then(
        () => 'done',
        (thrown: unknown) => String(thrown),
      )
      /** The ids up to the place that the set says it has come to, which it does not know. */
      const lacking = (): string[] =>
        Array.from({ length: followed.set.position }, (_, i) => `id-${i + 1}`).filter(
          id => !followed.set.mayHave(id),
        )
      expect(await reading).toContain(requests < request ? 'done' : outcome)
      expect(lacking()).toEqual([])
      if (followed.beginnings > 0) expect(followed.set.position).toBe(0)
      // the next life reads on; the newest events are left to the follower
      await followed.readOn(EVENTS, new AbortController().signal)
      expect(lacking()).toEqual([])
      expect(followed.set.position).toBeGreaterThan(EVENTS - PAGES_FROM_EVENTS)
      return requests >= request
    }
    for (let request = 1; await isDisturbed(request, (_, life) => life.abort(), 'done'); request += 4) {}
    const restart: Disturb = followed => followed.restart(0)
    for (let request = 1; await isDisturbed(request, restart, 'became another one'); request += 1) {}
  })

  it('of events that were lost is not believed, also when others have their places', async () => {
    const running = await begun()
    await dieWithout(ledger.servers.nats, ledger.nc, async () => {
      await storeEvents(ledger, EVENTS + 1, EVENTS + 50, 'lost')
      await chunkOf(CHUNKS, 'the chunk with the events that will be lost')
    })
    await storeEvents(ledger, EVENTS + 1, EVENTS + 50, 'other')
    const next = await begin(ledger)
    await reachEnd(running.known)
    for (const follow of [next, running]) {
      const others = Array.from({ length: 50 }, (_, i) => `other-${EVENTS + 1 + i}`)
      expect([missingFrom(follow), others.filter(id => !follow.known.mayHave(id))]).toEqual([[], []])
    }
    expect(fromCheckpoint(next)).toBe(CHUNKS * CHUNK_EVENTS)
    await chunkOf(CHUNKS, 'the chunk of the other events', 2)
  })

  it('without room is said once, and nothing else is different', async () => {
    const limits = { max_bytes: CHUNK_BYTES / 2 }
    await ledger.jsm.streams.add({ ...transactionIdsStream({ replicas: 1 }), ...limits })
    const health = createHealth(() => undefined)
    let tries = 0
    const counted = withRequest(
      ledger,
      subject => subject.startsWith(TRANSACTION_IDS_PREFIX),
      forward => {
        tries += 1
        return forward()
      },
    )
    const follow = await begin({ ...counted, health })
    await detailOf(health)
    await until(async () => tries > 2, { deadline_ms: 30_000, what: 'some tries' })
    expect([missingFrom(follow), fromCheckpoint(follow), health.read().state]).toEqual([[], 0, 'ok'])
    await ledger.jsm.streams.update(TRANSACTION_IDS_STREAM, { max_bytes: 1_000_000 })
    await storeEvents(ledger, EVENTS + 1, EVENTS + 50)
    // the writer stores one chunk after the other
    await chunkOf(CHUNKS, 'a chunk that has room')
    await until(async () => health.of(PART)?.detail === '', {
      deadline_ms: 5_000,
      what: 'health to be mended',
    })
    expect(follow.lines.filter(({ msg }) => msg.includes('cannot be written'))).toHaveLength(1)
  })
})

const detailOf = (health: FollowDeps['health']): Promise<string> =>
  until(async () => health.of(PART)?.detail, {
    deadline_ms: 30_000,
    what: 'the reason in health',
  })

it('without a right to the checkpoint the ids are read from the ledger, and that is said', async () => {
  const users = `authorization { users: [
    { user: all, password: secret }
    { user: some, password: secret, permissions: { publish: { deny:
      ["${TRANSACTION_IDS_PREFIX}>", "$JS.API.STREAM.CREATE.${TRANSACTION_IDS_STREAM}"] } } }
  ] }`
  const loginAs = (user: string): ConnectionOptions => ({ user, pass: 'secret' })
  const nats = await startConfiguredNats(`jetstream { store_dir: "$STORE" }\n${users}`, loginAs('all'))
  const [all, nc] = await Promise.all(
    ['all', 'some'].map(user => connect({ servers: nats.url, ...loginAs(user) })),
  )
  if (all === undefined || nc === undefined) throw new Error('no connection')
  try {
    await right(provision(all, { replicas: 1 }))
    await storeEvents({ nc: all }, 1, EVENTS)
    const health = createHealth(() => undefined)
    const deps = { nc, jsm: await right(manager(nc)), health, log: pino({ level: 'silent' }) }
    const follow = await begin(deps)
    expect(await detailOf(health)).toContain('reads more of the ledger')
    expect([missingFrom(follow), fromCheckpoint(follow), health.read().state]).toEqual([[], 0, 'ok'])
    expect((await deps.jsm.streams.info(LEDGER_STREAM)).state.messages).toBe(EVENTS)
    await follow.known.stop()
  } finally {
    await Promise.all([nc.close(), all.close()])
    await nats.stop()
  }
})
