import { PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { readCustomers } from '../tables/balances.js'
import { readIdentity } from '../tables/identity.js'
import { balances } from './balances.js'
import { waitCaughtUp } from './caught-up.js'
import { type Projector, startProjector } from './runner.js'
import { targetOf } from './target.js'
import { walk } from './walk.js'

let ledger: TestLedger
let projector: Projector
const ending = new AbortController()

beforeAll(async () => {
  ledger = await startTestLedger()
  projector = startProjector(ledger, balances)
})
afterAll(async () => {
  ending.abort()
  await projector.stop()
  await ledger.stop()
})

const caughtUp = async (): Promise<void> => {
  expect(await waitCaughtUp(ledger.jsm, 'balances', 15_000, ending.signal, () => undefined)).toBe(0)
}

const balanceOf = async (id: string): Promise<bigint | undefined> =>
  (await right(readCustomers(ledger.tables, ledger.table, [clientId(id)]))).get(clientId(id))?.account.balance

it('an item that was put back from a copy is folded again although nobody touches its customer', async () => {
  await ledger.emit('ann', { type: 'credit', amount: 10 })
  await ledger.emit('bob', { type: 'credit', amount: 10 })
  await caughtUp()
  const { Items = [] } = await ledger.tables.send(new ScanCommand({ TableName: ledger.table }))
  await ledger.emit('ann', { type: 'debit', amount: 4 })
  await ledger.emit('bob', { type: 'debit', amount: 40 })
  await caughtUp()
  const copy = Items.find(({ id }) => id === 'ann')
  await ledger.tables.send(new PutCommand({ TableName: ledger.table, Item: copy }))
  expect(await balanceOf('ann')).toBe(10n)
  const identity = await right(readIdentity(ledger.tables, ledger.table))
  const walking = walk({ ...targetOf(ledger, balances, 1), epoch: identity?.epoch ?? '' }, ending.signal, 1)
  await until(async () => (await balanceOf('ann')) === 6n, { deadline_ms: 10_000, what: 'ann to have 6' })
  expect(await balanceOf('bob')).toBe(10n)
  ending.abort()
  await walking
})
