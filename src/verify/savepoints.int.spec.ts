// has servers of its own: it changes tables by hand

import { afterEach, beforeEach, expect, it } from 'vitest'
import { seqRowId } from '../tables/journal-ids.js'
import { credit, debit, type ProjectedLedger, startProjectedLedger } from './testing/projected.js'

let ledger: ProjectedLedger
/** The sequences of the events that have rows: two savepoints, and the record of a refusal. */
let kept: readonly number[]

const EVENTS = 130

beforeEach(async () => {
  ledger = await startProjectedLedger('savepoints')
  const seqs: number[] = []
  for (let i = 0; i < EVENTS; i += 1)
    seqs.push(await ledger.emit('ann', credit(1, { transaction_id: `t-${i + 1}` })))
  const declined = { command: 'debit', code: 'INSUFFICIENT_FUNDS', client_id: 'ann', balance: EVENTS }
  const refusal = { type: 'declined', amount: 999, transaction_id: 'd-1', declined }
  kept = [seqs[63] ?? 0, seqs[127] ?? 0, await ledger.emit('ann', refusal)]
  await ledger.emit('bob', debit(5))
  await ledger.projectAll()
})

afterEach(() => ledger.stop())

it('agrees with a table that has rows of savepoints only', async () => {
  const report = await ledger.check()
  expect(report.differences).toEqual([])
  expect(report).toMatchObject({
    ...{ journal: 'savepoints', rows_compared: kept.length, heads_compared: 1, sums_compared: true },
    ...{ rejected: 1, not_compared: [] },
  })
  expect((await ledger.check({ client_id: 'ann' })).rows_compared).toBe(kept.length)
})

it('finds a savepoint that is missing or was changed, and rows where none belong', async () => {
  const [first = 0, second = 0, refused = 0] = kept
  await ledger.remove(seqRowId(first))
  await ledger.update(seqRowId(second), 'balance', 129n)
  const row = {
    client_id: 'ann',
    type: 'credit',
    amount: 1n,
    previous_seq: 1,
    at: '2026-11-28T10:00:00.000Z',
  }
  // rows as a table of every event has them
  await ledger.put({ ...row, id: seqRowId(2), seq: 2, balance: 2n, version: 2 })
  await ledger.put({ ...row, id: '#t-3', transaction_id: 't-3', seq: 3, balance: 3n, version: 3 })
  const { differences } = await ledger.check()
  const found = differences.map(({ kind, id, seq }) => ({ kind, id, seq }))
  expect(found.toSorted((a, b) => (a.seq ?? 0) - (b.seq ?? 0))).toEqual([
    { kind: 'stray', id: seqRowId(2), seq: 2 },
    { kind: 'stray', id: '#t-3', seq: 3 },
    { kind: 'missing', id: seqRowId(first), seq: first },
    { kind: 'differs', id: seqRowId(second), seq: second },
  ])
  await ledger.remove(seqRowId(refused))
  expect((await ledger.check()).differences).toContainEqual(
    expect.objectContaining({ kind: 'missing', id: seqRowId(refused) }),
  )
})
