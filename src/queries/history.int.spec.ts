import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { verifyProof } from '../../test/support/verify-proof.js'
import { readAnyEnd } from '../chain/head-stream.js'
import { startKeeper } from '../chain/keeper.js'
import { newSeed, signerOf } from '../chain/nkey.js'
import { E } from '../fp.js'
import { accountOn } from '../ledger/account-id.js'
import { type Customer, NEW_CUSTOMER, step } from '../ledger/fold.js'
import { decodePlain } from '../ledger/testing/plain.js'
import { errorOf } from '../service/testing/harness.js'
import { applySettings } from '../stream/provision.js'
import { readRange } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import type { JournalKind } from '../tables/savepoints.js'
import { type Rig, startRig } from './testing/rig.js'

const IDS = ['a', 'b', 'c', 'd']
const EVENTS = 600
const AT_ONCE = 50
/** The pause between the writer's batches, short enough that some come between any two pages. */
const WRITE_EVERY_MS = 100

type Entry = {
  readonly seq: number
  readonly version: number
  readonly balance: number
  readonly at: string
  readonly reference?: string
}
type Proved = {
  readonly entries: readonly { readonly seq: number; readonly proof?: object; readonly unproved?: string }[]
  readonly cursor?: string
}
type Statement = { readonly entries: readonly Entry[]; readonly cursor?: string }
type Past = {
  readonly seq: number
  readonly at_ns: bigint
  readonly customers: ReadonlyMap<string, Customer>
}

let rig: Rig
const times = new Map<number, bigint>()

const randomEvent = (): unknown => {
  const kind = Math.random()
  if (kind < 0.02) return '{"type":"cre'
  const type = kind < 0.55 ? 'credit' : kind < 0.95 ? 'debit' : 'declined'
  return {
    type,
    amount: 1 + Math.floor(Math.random() * 50),
    reference: `r${Math.floor(Math.random() * 1e6)}`,
  }
}

const publishSome = async (events: number): Promise<void> => {
  for (let sent = 0; sent < events; sent += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, () =>
        rig.emit(IDS[Math.floor(Math.random() * IDS.length)] ?? 'a', randomEvent()),
      ),
    )
  }
}

/** Every state that the stream went through, folded with the ledger's own `step`. */
const fold = async (): Promise<Past[]> => {
  const { last_seq } = (await rig.jsm.streams.info(LEDGER_STREAM)).state
  const past: Past[] = [{ seq: 0, at_ns: 0n, customers: new Map() }]
  const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: 1, to_seq: last_seq }
  for await (const record of readRange(rig.nc, range)) {
    const id = accountOn(record.subject)
    const customers = new Map(past.at(-1)?.customers)
    if (E.isRight(id)) {
      const next = step(customers.get(id.right) ?? NEW_CUSTOMER, record, decodePlain(record.body))
      if (next.tag === 'applied') customers.set(id.right, next.customer)
    }
    past.push({ seq: record.seq, at_ns: await timeOf(record.seq), customers })
  }
  return past
}

/** The time of an event to the nanosecond, as the server has it: the client's Date would cut it. */
const timeOf = async (seq: number): Promise<bigint> => {
  const known = times.get(seq)
  if (known !== undefined) return known
  const found = await rig.jsm.streams.getMessage(LEDGER_STREAM, { seq })
  const [, whole = '', fraction = ''] = /^(.+?)(?:\.(\d+))?Z$/.exec(found?.timestamp ?? '') ?? []
  const ns = BigInt(Date.parse(`${whole}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
  times.set(seq, ns)
  return ns
}

const timeText = (ns: bigint): string => {
  const whole = new Date(Number(ns / 1_000_000_000n) * 1_000).toISOString().slice(0, 19)
  return `${whole}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`
}

const balanceAt = async (fields: Record<string, unknown>): Promise<[unknown, string | undefined]> => {
  const reply = await rig.ask('customer.balance', fields)
  if (errorOf(reply) !== '') throw new Error(`${errorOf(reply)}: ${reply.string()}`)
  return [reply.json<{ balance: unknown }>().balance, reply.headers?.get('Ledger-Version')]
}

const checkCuts = async (past: readonly Past[], cuts: number): Promise<void> => {
  for (let cut = 0; cut < cuts; cut += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, i) => {
        const at = Math.floor(Math.random() * past.length)
        const { seq, at_ns, customers } = past[at] as Past
        const client_id = IDS[i % IDS.length] ?? 'a'
        const { balance, version } = customers.get(client_id)?.account ?? { balance: 0n, version: 0 }
        // when several events share a nanosecond, the last one counts
        const is_last = past[at + 1]?.at_ns !== at_ns
        const when = i % 2 === 0 && seq > 0 && is_last ? { as_of: timeText(at_ns) } : { as_of_seq: seq }
        const answer = await balanceAt({ client_id, ...when })
        expect({ client_id, seq, ...when, answer }).toEqual({
          client_id,
          seq,
          ...when,
          answer: [Number(balance), String(version)],
        })
      }),
    )
  }
}

/** The entries of all pages, with `entries_max` entries each, or with a random number of them. */
const pagesOf = async (
  client_id: string,
  fields: Record<string, unknown>,
  entries_max?: number,
): Promise<Entry[]> => {
  const entries: Entry[] = []
  let cursor: string | undefined
  do {
    const limit = entries_max ?? 1 + Math.floor(Math.random() * 100)
    const request = { client_id, limit, ...fields, ...(cursor === undefined ? {} : { cursor }) }
    const reply = await rig.ask('customer.statement', request)
    if (errorOf(reply) !== '') throw new Error(`${errorOf(reply)}: ${reply.string()}`)
    const page = reply.json<Statement>()
    expect(page.entries.length).toBeLessThanOrEqual(limit)
    entries.push(...page.entries)
    cursor = page.cursor
  } while (cursor !== undefined)
  return entries
}

/** The entries that a statement must have, one for every event that counted, newest first. */
const expected = (past: readonly Past[], id: string): Pick<Entry, 'seq' | 'version' | 'balance'>[] =>
  past
    .flatMap(({ seq, customers }) => {
      const account = customers.get(id)?.account
      return account?.seq === seq ? [{ seq, version: account.version, balance: Number(account.balance) }] : []
    })
    .reverse()

const essence = ({ seq, version, balance }: Entry) => ({ seq, version, balance })

describe.each<JournalKind>(['every-event', 'savepoints'])('with rows of %s,', journal => {
  beforeAll(async () => {
    rig = await startRig({ journal })
    times.clear()
    await publishSome(EVENTS)
  })

  afterAll(() => rig.stop())

  describe('the past of a customer', () => {
    it('equals the fold cut there, from the stream alone while there is no journal', async () => {
      await checkCuts(await fold(), 200)
    })

    it('equals the fold cut there, from the journal, for 1,000 cuts', async () => {
      rig.project()
      await rig.caughtUp()
      await checkCuts(await fold(), 1_000)
    })

    it('equals the fold cut there, with a journal that is behind', async () => {
      await rig.jsm.consumers.pause(LEDGER_STREAM, 'ledger', new Date(Date.now() + 600_000))
      await publishSome(200)
      await checkCuts(await fold(), 200)
      await rig.jsm.consumers.resume(LEDGER_STREAM, 'ledger')
    })

    it('is not told of what is not reached yet', async () => {
      const { last_seq } = (await rig.jsm.streams.info(LEDGER_STREAM)).state
      const beyond = await rig.ask('customer.balance', { client_id: 'a', as_of_seq: last_seq + 1 })
      const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
      const future = await rig.ask('customer.balance', { client_id: 'a', as_of: tomorrow })
      expect([errorOf(beyond), errorOf(future)]).toEqual(['409:NOT_REACHED', '409:NOT_REACHED'])
    })
  })

  describe('customer.statement', () => {
    it("joins to the customer's events exactly, while others are written", async () => {
      let done = false
      const writing = (async () => {
        while (!done) {
          await publishSome(AT_ONCE)
          await pause(WRITE_EVERY_MS)
        }
      })()
      const statements: [string, Entry[]][] = []
      try {
        for (let i = 0; i < 12; i += 1) {
          const id = IDS[i % IDS.length] ?? 'a'
          statements.push([id, await pagesOf(id, {})])
        }
      } finally {
        done = true
        await writing
      }
      const past = await fold()
      for (const [id, entries] of statements) {
        const newest = entries[0]?.seq ?? 0
        expect(entries.map(essence)).toEqual(expected(past, id).filter(({ seq }) => seq <= newest))
      }
    })

    it('holds what was written before it was asked for, though the journal stands still', async () => {
      await rig.jsm.consumers.pause(LEDGER_STREAM, 'ledger', new Date(Date.now() + 600_000))
      await publishSome(100)
      const past = await fold()
      for (const id of IDS) expect((await pagesOf(id, {})).map(essence)).toEqual(expected(past, id))
      await rig.jsm.consumers.resume(LEDGER_STREAM, 'ledger')
      await rig.caughtUp()
    })

    it('keeps to a time, the end excluded', async () => {
      const past = await fold()
      for (let i = 0; i < 20; i += 1) {
        const [from, to] = [Math.random(), Math.random()]
          .sort()
          .map(part => past[1 + Math.floor(part * (past.length - 1))] as Past) as [Past, Past]
        const id = IDS[i % IDS.length] ?? 'a'
        const entries = await pagesOf(id, { from: timeText(from.at_ns), to: timeText(to.at_ns) })
        const within = past.filter(({ at_ns }) => at_ns >= from.at_ns && at_ns < to.at_ns)
        expect(entries.map(essence)).toEqual(expected(within, id))
      }
    })

    it('tells what the event said', async () => {
      const seq = await rig.emit('told', {
        type: 'credit',
        amount: '9007199254740993',
        transaction_id: 'order-1',
        reference: 'order 1',
        metadata: { a: [1, null] },
      })
      await rig.caughtUp()
      const reply = await rig.ask('customer.statement', { client_id: 'told' })
      expect(reply.json()).toEqual({
        client_id: 'told',
        entries: [
          {
            type: 'credit',
            amount: '9007199254740993',
            balance: '9007199254740993',
            version: 1,
            seq,
            at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
            transaction_id: 'order-1',
            reference: 'order 1',
            metadata: { a: [1, null] },
          },
        ],
      })
    })

    it('carries proofs that the shipped verifier checks, of ten entries a page, and says why an entry has none', async () => {
      const ask = async (): Promise<Proved> =>
        (await rig.ask('customer.statement', { client_id: 'proved', limit: 100, proof: true })).json<Proved>()
      const seqs: number[] = []
      for (let amount = 1; amount <= 12; amount += 1) {
        const event = { type: 'credit', amount, transaction_id: `proved-${amount}` }
        seqs.push(await rig.emit('proved', event))
      }
      await rig.caughtUp()
      expect((await ask()).entries).toEqual(
        Array(10).fill(expect.objectContaining({ unproved: 'this ledger has no signed heads' })),
      )

      await right(applySettings(rig.nc, { replicas: 1, has_heads: true }))
      const made = signerOf(newSeed())
      if (E.isLeft(made)) throw new Error(made.left)
      const keeper = startKeeper(rig, made.right, { look_ms: 5, head_ms: 40, log_ms: 60_000 })
      const newest = seqs.at(-1) ?? 0
      await until(async () => ((await right(readAnyEnd(rig.nc))).head?.tree.size ?? 0) >= newest, {
        deadline_ms: 30_000,
        what: 'the head',
      })
      await keeper.stop()
      const statement = await ask()
      expect(statement.entries.map(({ seq }) => seq)).toEqual(seqs.toReversed().slice(0, 10))
      expect(statement.cursor).toBeDefined()
      const said = verifyProof(statement, made.right.key)
      expect([said.code, said.text.match(/^valid: event /gm)?.length]).toEqual([0, 10])

      const [first, ...others] = statement.entries
      const wrong: readonly [object, string][] = [
        [{ ...statement, entries: [{ ...first, amount: 99 }, ...others] }, 'its proof is of another event'],
        [{ ...statement, client_id: 'a' }, 'its proof is of another event'],
        [{ ...statement, client_id: undefined }, 'its proof is of another event'],
        [{ ...statement, entries: [{ ...first, proof: undefined, unproved: 'it is new' }] }, 'it is new'],
        [{ ...statement, entries: [] }, 'it has no entries'],
      ]
      for (const [one, reason] of wrong) {
        const { code, text } = verifyProof(one, made.right.key)
        expect([code, text]).toEqual([1, expect.stringContaining(reason)])
      }

      await rig.emit('proved', { type: 'credit', amount: 1 })
      await rig.caughtUp()
      expect((await ask()).entries[0]).toMatchObject({
        seq: newest + 1,
        unproved: `no signed head vouches for event ${newest + 1} yet`,
      })
    })

    it('leaves out what no row can hold, names it, and says the same from the journal and from the stream', async () => {
      const deep = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
      const grown = `{"a":[${Array(12_000).fill('1E20').join(',')}]}`
      for (const fields of [
        `"metadata":${deep}`,
        `"metadata":${grown}`,
        '"reference":"\\ud800","metadata":{"a":1}',
      ])
        await rig.emit('unwieldy', `{"type":"credit","amount":1,${fields}}`)
      await rig.caughtUp()
      const read = async () =>
        (await rig.ask('customer.statement', { client_id: 'unwieldy' })).json<Statement>()
      const from_journal = await read()
      expect(from_journal.entries).toMatchObject([
        { balance: 3, reference: '\ufffd', metadata: { a: 1 } },
        { balance: 2, omitted: ['metadata'] },
        { balance: 1, omitted: ['metadata'] },
      ])
      await rig.dynamodb.kill()
      expect(await read()).toEqual(from_journal)
      await rig.dynamodb.start()
    })

    it('goes on while DynamoDB is away', async () => {
      const past = await fold()
      await rig.dynamodb.kill()
      expect((await pagesOf('a', {})).map(essence)).toEqual(expected(past, 'a'))
      await rig.dynamodb.start()
    })
  })
})

describe('a statement', () => {
  beforeAll(async () => {
    rig = await startRig()
    rig.project()
  })

  afterAll(() => rig.stop())

  it('is read from the journal, but not while a row of it is missing, were it only of a refused command', async () => {
    const counts = { type: 'credit', amount: 5, reference: 'as published' }
    const refused = { type: 'declined', amount: 9 }
    const seqs: number[] = []
    for (const event of [counts, refused, counts, counts, refused]) seqs.push(await rig.emit('gap', event))
    await rig.caughtUp()
    const references = async (limit: number): Promise<unknown[]> => {
      const entries = await pagesOf('gap', {}, limit)
      expect(entries.map(({ seq }) => seq)).toEqual(seqs.toReversed())
      return entries.map(({ reference }) => reference)
    }
    const [first = 0, declined = 0, , counted = 0, newest = 0] = seqs
    await rig.putRow({ ...(await rig.takeRow(first)), reference: 'as the journal has it' })
    const published = [undefined, 'as published', 'as published', undefined, 'as published']
    const stored = published.with(-1, 'as the journal has it')
    for (const limit of [1, 2, 4, 5, 100]) expect(await references(limit)).toEqual(stored)
    for (const missing of [newest, declined, counted]) {
      const row = await rig.takeRow(missing)
      for (const limit of [5, 100]) expect(await references(limit)).toEqual(published)
      for (const limit of [1, 2, 3]) await references(limit)
      await rig.putRow(row)
    }
    expect(await references(100)).toEqual(stored)
  })
})
