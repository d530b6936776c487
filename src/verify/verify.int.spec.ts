// has servers of its own: it changes tables by hand
import { DeleteCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { PROJECTIONS } from '../projections/all.js'
import { type Projector, startProjector } from '../projections/runner.js'
import { CannotVerify } from './problem.js'
import { type VerifyOptions, verify } from './verify.js'

let ledger: TestLedger
let projector: Projector | undefined

beforeEach(async () => {
  ledger = await startTestLedger()
})

afterEach(async () => {
  await projector?.stop()
  projector = undefined
  await ledger.stop()
})

const credit = (amount: number, more: object = {}) => ({ type: 'credit', amount, ...more })
const debit = (amount: number, more: object = {}) => ({ type: 'debit', amount, ...more })

const check = (options: Partial<VerifyOptions> = {}) =>
  verify(
    ledger,
    { totals: true, timeout_ms: 10_000, differences_max: 100, ...options },
    () => undefined,
    new AbortController().signal,
  )

const update = (id: string, attribute: string, value: unknown) =>
  ledger.tables.send(
    new UpdateCommand({
      TableName: ledger.table,
      Key: { id },
      UpdateExpression: 'SET #a = :v',
      ExpressionAttributeNames: { '#a': attribute },
      ExpressionAttributeValues: { ':v': value },
    }),
  )

describe('verify', () => {
  beforeEach(async () => {
    for (let i = 0; i < 30; i += 1) await ledger.emit(`c${i % 10}`, credit(10))
    await ledger.emit('c1', debit(25))
    await ledger.emit('c1', debit(25))
    await ledger.emit('c2', 'not JSON')
    projector = startProjector(ledger, PROJECTIONS.balances)
    await until(async () => (await check()).seq > 0, { deadline_ms: 10_000, what: 'the projections to run' })
  })

  it('agrees with a table that is right, and says what it looked at', async () => {
    expect(await check()).toMatchObject({
      seq: 33,
      customers: 10,
      rejected: 2,
      parked: 0,
      differences: [],
      heads_compared: 10,
    })
  })

  it('names the customer, the attribute and both values of an item that was changed by hand', async () => {
    await check()
    await update('c3', 'client_balance', 31)
    const { differences } = await check()
    expect(differences).toEqual([
      {
        where: 'balances',
        kind: 'differs',
        id: 'c3',
        seq: 24,
        field: 'client_balance',
        is: '31',
        should_be: '30',
      },
    ])
  })

  it('names items that are missing and items of nobody', async () => {
    await check()
    await ledger.tables.send(new DeleteCommand({ TableName: ledger.table, Key: { id: 'c4' } }))
    await ledger.tables.send(
      new PutCommand({
        TableName: ledger.table,
        Item: { id: 'nobody', client_balance: 5, version: 1, seq: 1 },
      }),
    )
    expect((await check()).differences).toMatchObject([
      { kind: 'stray', id: 'nobody' },
      { kind: 'missing', id: 'c4', seq: 25 },
    ])
  })

  it('cannot tell when nobody runs the projections', async () => {
    await check()
    await projector?.stop()
    projector = undefined
    await ledger.emit('c1', credit(1))
    await expect(check({ timeout_ms: 300 })).rejects.toThrow(CannotVerify)
  })
})
