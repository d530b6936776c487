import { afterAll, beforeAll, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { writeChanges } from '../../test/support/ledger-table.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { tableName } from '../tables/definition.js'
import { readIdentity } from '../tables/identity.js'

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project()
})
afterAll(() => ledger.stop())

it('a table covers what is acknowledged, although another instance wrote the head and ended before it said so', async () => {
  const id = clientId('ann')
  const table = tableName(ledger.base_table, 'ledger', 1)
  const first = await ledger.emit(id, { type: 'credit', amount: 5 })
  await ledger.caughtUp()
  // the other instance folds the next event, and is killed between its two transactions
  const [from, to] = [
    { account: { balance: 5n, version: 1, seq: first } },
    { account: { balance: 12n, version: 2, seq: first + 1 } },
  ]
  await right(writeChanges(ledger.tables, table, [{ id, from, to }]))
  expect(await ledger.emit(id, { type: 'credit', amount: 7 })).toBe(first + 1)
  await ledger.caughtUp()
  expect((await right(readIdentity(ledger.tables, table)))?.newest.seq).toBe(first + 1)
})
