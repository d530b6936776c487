/** Transactions that are too old to be known in memory, in a ledger whose table has rows of savepoints only. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, coordinatorRoom, lastSeq, movement, transfer } from '../../../test/support/coordinators.js'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { TE } from '../../fp.js'
import { EVERY_CHUNK } from '../../known-ids/id-chunk.js'
import { bucketsOf, ROW_CHUNKS } from '../../known-ids/id-index.js'
import { createFindOlderIds } from '../../known-ids/older-ids.js'
import { publishBatch } from '../../stream/publish.js'
import { TRANSACTION_IDS_PREFIX, TRANSACTION_IDS_STREAM } from '../../stream/settings.js'
import { verify } from '../../verify/verify.js'
import { whatBecameOf } from '../endpoints/transaction.js'
import type { Coordinator } from '../group-commit/coordinator.js'
import { type Outcome, replayed } from '../outcome.js'
import { createJournalLookup, type JournalLookup } from './journal-lookup.js'
import { followKnownIds, type KnownIds, type RunningKnownIds } from './known-ids.js'

const CHUNK_EVENTS = 200
/** More events than are read of a customer's history. */
const BUSY_EVENTS = 10_200
const BATCH = 1_000

const room = coordinatorRoom()
let ledger: TestLedger
let following: RunningKnownIds

beforeAll(async () => {
  ledger = await startTestLedger({ journal: 'savepoints' })
  ledger.project()
  const messages = Array.from({ length: BUSY_EVENTS }, (_, i) => ({
    subject: 'customer.balance.busy',
    body: JSON.stringify({ type: 'credit', amount: 1, transaction_id: `busy-${i + 1}` }),
  }))
  for (let from = 0; from < BUSY_EVENTS; from += BATCH)
    await right(publishBatch(ledger.nc, messages.slice(from, from + BATCH), 10_000))
  following = followKnownIds(ledger, CHUNK_EVENTS)
  await until(() => following.reachEnd(1_000), { deadline_ms: 30_000, what: 'the ids to be followed' })
  await until(async () => (await chunkSubjects()).length >= Math.floor(BUSY_EVENTS / CHUNK_EVENTS), {
    deadline_ms: 30_000,
    what: 'the chunks to be stored',
  })
  await ledger.caughtUp()
})
afterEach(() => room.stopAll())
afterAll(async () => {
  await following?.stop()
  await ledger?.stop()
})

const chunkSubjects = async (): Promise<string[]> => {
  const query = { subjects_filter: EVERY_CHUNK }
  const info = await ledger.jsm.streams.info(TRANSACTION_IDS_STREAM, query).catch(() => undefined)
  return Object.keys(info?.state.subjects ?? {})
}

/** What the ids in memory say when millions have come since: the filter knows them, and no sequence is left. */
const forgetful = (): KnownIds => ({
  ...following,
  seqOf: () => undefined,
  exactAfter: () => (following.exactAfter() === undefined ? undefined : BUSY_EVENTS),
})

const findOlder = (ledger_events_max?: number) =>
  createFindOlderIds(ledger, {
    chunk_events: CHUNK_EVENTS,
    ...(ledger_events_max === undefined ? {} : { ledger_events_max }),
  })

/** A command side that has just been started, long after; and the look-up that it works with. */
const later = (known = forgetful()): { coordinator: Coordinator; lookup: JournalLookup } => {
  const table = TE.right({ table: ledger.first_table, trust: () => undefined })
  const lookup = createJournalLookup(
    ledger,
    { table, consumer: TE.right('ledger') },
    { known, findOlder: findOlder() },
  )
  return { coordinator: room.start(ledger, { find: lookup.find, mayHave: known.mayHave }), lookup }
}

describe('the checkpoint of transaction ids', () => {
  it('tells the events of an id, wherever they are: in a chunk, after the last one, or twice', async () => {
    const twice = await ledger.emit('ann', { type: 'credit', amount: 1, transaction_id: 'busy-7' })
    const ids = [
      'busy-1',
      'busy-7',
      `busy-${CHUNK_EVENTS}`,
      `busy-${CHUNK_EVENTS + 1}`,
      `busy-${BUSY_EVENTS}`,
    ]
    const found = await findOlder()([...ids, 'nobody'], twice)
    expect([...found]).toEqual([
      ['busy-1', [1]],
      ['busy-7', [7, twice]],
      [`busy-${CHUNK_EVENTS}`, [CHUNK_EVENTS]],
      [`busy-${CHUNK_EVENTS + 1}`, [CHUNK_EVENTS + 1]],
      [`busy-${BUSY_EVENTS}`, [BUSY_EVENTS]],
      ['nobody', []],
    ])
  })

  it('is filled up from the ledger where a chunk is missing, and nothing is told where too many are', async () => {
    const subject = (await chunkSubjects()).find(name => name.startsWith(`${TRANSACTION_IDS_PREFIX}50.`))
    await ledger.jsm.streams.purge(TRANSACTION_IDS_STREAM, { filter: subject ?? '' })
    const within = 50 * CHUNK_EVENTS + 5
    expect((await findOlder()([`busy-${within}`], BUSY_EVENTS)).get(`busy-${within}`)).toEqual([within])
    await expect(findOlder(CHUNK_EVENTS - 1)(['busy-1'], BUSY_EVENTS)).rejects.toThrow('lacks more than')
  })
})

describe('the index of transaction ids', () => {
  const rowSubjects = async (): Promise<string[]> => {
    const query = { subjects_filter: `${TRANSACTION_IDS_PREFIX}row.>` }
    return Object.keys((await ledger.jsm.streams.info(TRANSACTION_IDS_STREAM, query)).state.subjects ?? {})
  }
  const rows = Math.floor(BUSY_EVENTS / CHUNK_EVENTS / ROW_CHUNKS)
  const buckets = bucketsOf(CHUNK_EVENTS)
  const chunks_of_rows = rows * ROW_CHUNKS

  it('is written for each row of chunks, and says the same as the chunks, alone', async () => {
    await until(async () => (await rowSubjects()).length >= rows * buckets, {
      deadline_ms: 30_000,
      what: 'the index to be written',
    })
    expect([rows, buckets]).toEqual([3, 3])
    const emptied: string[] = []
    for (const subject of await chunkSubjects()) {
      const index = Number(subject.slice(TRANSACTION_IDS_PREFIX.length).split('.')[0])
      // chunks of those names without ids: whoever reads them finds none
      if (index >= chunks_of_rows) continue
      await ledger.nc.request(subject, new Uint8Array(8 * CHUNK_EVENTS))
      emptied.push(subject)
    }
    const seqs = [1, 1_000, 3_200, 3_201, 6_400, 9_600]
    const ids = seqs.map(seq => `busy-${seq}`)
    const found = await findOlder()([...ids, 'nobody'], chunks_of_rows * CHUNK_EVENTS)
    expect([...found]).toEqual([...seqs.map(seq => [`busy-${seq}`, [seq]]), ['nobody', []]])
    for (const filter of emptied) await ledger.jsm.streams.purge(TRANSACTION_IDS_STREAM, { filter })
  })

  it('is done without where a bucket is missing: then the chunks tell, or the ledger', async () => {
    const subjects = [...(await chunkSubjects()), ...(await rowSubjects())]
    const isOfSecondRow = (subject: string): boolean => {
      const [kind, row] = subject.slice(TRANSACTION_IDS_PREFIX.length).split('.')
      return kind === 'row' ? row === '1' : Math.floor(Number(kind) / ROW_CHUNKS) === 1
    }
    for (const filter of subjects.filter(isOfSecondRow))
      await ledger.jsm.streams.purge(TRANSACTION_IDS_STREAM, { filter })
    const inside = ROW_CHUNKS * CHUNK_EVENTS + 7
    expect((await findOlder()([`busy-${inside}`], BUSY_EVENTS)).get(`busy-${inside}`)).toEqual([inside])
  })
})

describe('a command whose id is older than what is in memory', () => {
  it('is answered as before, and stores nothing', async () => {
    const first = room.start(ledger)
    const orders = [
      movement('credit', 'cid', 500, 'cid-1'),
      movement('debit', 'cid', 900, 'cid-2'),
      transfer('cid', 'dan', 100, 'cid-3'),
    ]
    const answers: Outcome[] = []
    for (const order of orders) answers.push(await first.submit(order, true))
    await ledger.caughtUp()
    await until(() => following.reachEnd(1_000), { deadline_ms: 30_000, what: 'the ids to be followed' })
    const end = await lastSeq(ledger.jsm)
    const { coordinator } = later()
    for (const [i, order] of orders.entries())
      expect(await coordinator.submit(order, true)).toEqual(replayed(answers[i] as Outcome))
    expect(await lastSeq(ledger.jsm)).toBe(end)
  })

  it('is found for a customer with more events than a history has, and so is the reuse of an id', async () => {
    const end = await lastSeq(ledger.jsm)
    const { coordinator } = later()
    const again = await coordinator.submit(movement('credit', 'busy', 1, 'busy-2000'), true)
    expect(again).toMatchObject({ tag: 'done', replayed: true, reply: { balance: 2_000n, seq: 2_000 } })
    const other = await coordinator.submit(movement('credit', 'busy', 2, 'busy-2001'), true)
    expect(codeOf(other)).toBe('TRANSACTION_ID_REUSED')
    expect(await lastSeq(ledger.jsm)).toBe(end)
  })

  it('is new when the filter was wrong about it', async () => {
    const known: KnownIds = { ...forgetful(), mayHave: () => true }
    const done = await later(known).coordinator.submit(movement('credit', 'busy', 1, 'never-seen'), true)
    expect(done).toMatchObject({ tag: 'done', replayed: false })
  })

  it('is refused while not all ids can be looked at', async () => {
    const table = TE.right({ table: ledger.first_table, trust: () => undefined })
    const known = forgetful()
    const { find } = createJournalLookup(
      ledger,
      { table, consumer: TE.right('ledger') },
      { known, findOlder: findOlder(1) },
    )
    const coordinator = room.start(ledger, { find, mayHave: known.mayHave })
    const end = await lastSeq(ledger.jsm)
    expect(codeOf(await coordinator.submit(movement('credit', 'busy', 1, 'busy-3'), true))).toBe(
      'UNAVAILABLE',
    )
    expect(await lastSeq(ledger.jsm)).toBe(end)
  })

  it('has the fate that it had, for whoever asks by the id alone', async () => {
    const { lookup } = later()
    expect(await whatBecameOf(ledger, 'busy-9000', lookup)).toMatchObject({
      status: 'committed',
      reply: { balance: 9_000n, seq: 9_000 },
    })
    expect(await lookup.lookUp('busy-123456')).toMatchObject({
      known: undefined,
      seq: Number.POSITIVE_INFINITY,
    })
  })
})

it('verify agrees with the table, which has a row at every 64th version', async () => {
  await ledger.caughtUp()
  const options = { totals: true, timeout_ms: 30_000, differences_max: 10, chunk_events: CHUNK_EVENTS }
  const report = await verify(ledger, options, () => undefined, new AbortController().signal)
  expect(report).toMatchObject({ differences_count: 0, journal: 'savepoints' })
  expect(report.rows_compared).toBeGreaterThanOrEqual(Math.floor(BUSY_EVENTS / 64))
  expect(report.rows_compared).toBeLessThan(BUSY_EVENTS / 50)
})
