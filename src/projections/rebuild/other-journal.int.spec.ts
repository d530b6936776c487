/** A replay into a table with other rows than the one before: it is the way from one kind of journal to the other. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { expectVerified } from '../../../test/support/verified.js'
import { readPointer } from '../../generations/pointer.js'
import { publishBatch } from '../../stream/publish.js'
import { tableName } from '../../tables/definition.js'
import { readIdentity } from '../../tables/identity.js'
import { type JournalKind, journalOf } from '../../tables/savepoints.js'
import { PROJECTIONS } from '../definitions/ledger.js'
import { replay } from './rebuild.js'

const EVENTS = 3_000
const CUSTOMERS = 20
/** Each customer has 150 events, so two savepoints. */
const SAVEPOINTS = 2 * CUSTOMERS

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
  for (let from = 0; from < EVENTS; from += 1_000) {
    const messages = Array.from({ length: 1_000 }, (_, i) => ({
      subject: `customer.balance.c${(from + i) % CUSTOMERS}`,
      body: JSON.stringify({ type: 'credit', amount: 1, transaction_id: `t-${from + i}` }),
    }))
    await right(publishBatch(ledger.nc, messages, 5_000))
  }
  ledger.project()
  await ledger.caughtUp()
})
afterAll(() => ledger.stop())

const rebuild = (journal: JournalKind, stop_at = Number.POSITIVE_INFINITY) => {
  const ending = new AbortController()
  return replay({ ...ledger, journal }, PROJECTIONS.ledger, {
    keep: false,
    checkpoint_ms: stop_at === Number.POSITIVE_INFINITY ? 30_000 : 0,
    onProgress: (_, done) => done >= stop_at && ending.abort(),
    signal: ending.signal,
  })
}

const activeJournal = async (): Promise<JournalKind> => {
  const { generation } = await right(readPointer(ledger.jsm, 'ledger'))
  const table = tableName(ledger.base_table, 'ledger', generation)
  return journalOf(await right(readIdentity(ledger.tables, table)))
}

it('leaves the rows of savepoints only, and goes on with them, until another replay makes all rows', async () => {
  expect(await activeJournal()).toBe('every-event')
  expect(await rebuild('savepoints')).toMatchObject({
    events: EVENTS,
    customers: CUSTOMERS,
    rows: SAVEPOINTS,
  })
  expect(await activeJournal()).toBe('savepoints')
  // the projector of the new table is configured for every event, and keeps to what the table says
  for (let i = 0; i < 50; i += 1) await ledger.emit('c0', { type: 'credit', amount: 1 })
  await ledger.caughtUp()
  expect((await expectVerified(ledger)).rows_compared).toBe(SAVEPOINTS + 1)
  expect(await rebuild('every-event')).toMatchObject({ rows: EVENTS + 50 })
  expect(await activeJournal()).toBe('every-event')
  expect((await expectVerified(ledger)).rows_compared).toBe(EVENTS + 50)
})

it('that is ended half-way is gone on with as it was begun', async () => {
  await expect(rebuild('savepoints', 1_500)).rejects.toThrow(/abort/i)
  const result = await rebuild('every-event')
  expect(result.resumed_at).toBeGreaterThan(1)
  expect(result.rows).toBe(SAVEPOINTS + 1)
  expect(await activeJournal()).toBe('savepoints')
})
