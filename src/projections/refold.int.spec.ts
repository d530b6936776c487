import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { readIdentity } from '../tables/identity.js'
import { PROJECTIONS } from './definitions/ledger.js'
import { refold } from './refold.js'
import { targetOf } from './target.js'

const ID = clientId('ann')

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
})
afterAll(() => ledger.stop())

const readItem = async (): Promise<Record<string, unknown>> => {
  const key = { TableName: ledger.first_table, Key: { id: ID }, ConsistentRead: true }
  return (await ledger.tables.send(new GetCommand(key))).Item ?? {}
}
const balance = async (): Promise<number> => Number((await readItem()).client_balance)

const meddle = async (client_balance: number): Promise<unknown> =>
  ledger.tables.send(
    new PutCommand({ TableName: ledger.first_table, Item: { ...(await readItem()), client_balance } }),
  )

/** The event does not claim what the account is after it, so nothing in it contradicts a wrong item. */
const credit = async (amount: number): Promise<number> => {
  const seq = await ledger.emit(ID, { type: 'credit', amount })
  await ledger.caughtUp()
  return seq
}

/** As another instance does it that finds the item wrong. */
const correct = async (seq: number): Promise<void> => {
  const { epoch = '' } = (await right(readIdentity(ledger.tables, ledger.first_table))) ?? {}
  await refold({ ...targetOf(ledger, PROJECTIONS.ledger, 1), epoch }, ID, seq)
}

it('a projector that holds an item as it was before a correction does not undo the correction', async () => {
  const first = ledger.project()
  await credit(10)
  await first.stop()
  await meddle(500)
  ledger.project()
  const seq = await credit(1)
  expect(await balance()).toBe(501)
  await correct(seq)
  expect(await balance()).toBe(11)
  await credit(1)
  expect(await balance()).toBe(12)
})
