// has servers of its own: it rebuilds the whole table
import { DeleteTableCommand } from '@aws-sdk/client-dynamodb'
import { PutCommand } from '@aws-sdk/lib-dynamodb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { NEW_CUSTOMER } from '../ledger/fold.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { listDeadLetters } from '../stream/dead-letters.js'
import { readCustomers } from '../tables/balances.js'
import { waitCaughtUp } from './caught-up.js'
import { BALANCES } from './names.js'
import { replayBalances } from './replay.js'
import { type Projector, startProjector } from './runner.js'

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

const credit = (amount: number) => ({ type: 'credit', amount })
const replay = () => replayBalances(ledger, () => undefined)
const never = new AbortController().signal

const account = async (id: string) =>
  (
    (await right(readCustomers(ledger.tables, ledger.table, [clientId(id)]))).get(clientId(id)) ??
    NEW_CUSTOMER
  ).account

const startAndCatchUp = async (): Promise<void> => {
  projector = startProjector(ledger)
  expect(await waitCaughtUp(ledger.jsm, BALANCES, 10_000, never, () => undefined)).toBe(0)
}

const tamper = (item: Record<string, unknown>) =>
  ledger.tables.send(new PutCommand({ TableName: ledger.table, Item: item }))

describe('replay', () => {
  it('builds the table where there is none', async () => {
    for (let i = 0; i < 250; i += 1) await ledger.emit(`c${i % 125}`, credit(2))
    expect(await replay()).toEqual({ events: 250, customers: 125, written: 125, removed: 0 })
    expect(await account('c7')).toMatchObject({ balance: 4n, version: 2 })
  })

  it('changes nothing where everything is right, and writes no dead letter', async () => {
    await ledger.emit('ann', credit(10))
    await ledger.emit('ann', { type: 'debit', amount: 11 })
    expect(await replay()).toMatchObject({ written: 1 })
    expect(await replay()).toMatchObject({ written: 0, removed: 0 })
    expect(await right(listDeadLetters(ledger.nc, { limit: 10 }))).toEqual([])
  })

  it('heals items that were changed, lost or added by hand, while the projector is at work', async () => {
    for (const id of ['ann', 'bob', 'cid']) await ledger.emit(id, credit(10))
    await startAndCatchUp()
    const { seq } = await account('ann')
    await tamper({ id: 'ann', client_balance: 99, version: 1, seq })
    await tamper({ id: 'bob', client_balance: 99, version: 7, seq: 999_999 })
    await tamper({ id: 'nobody', client_balance: 5, version: 1, seq: 1 })
    expect(await replay()).toMatchObject({ written: 2, removed: 1 })
    expect(await account('ann')).toEqual({ balance: 10n, version: 1, seq })
    expect(await account('bob')).toMatchObject({ balance: 10n, version: 1 })
    await ledger.emit('ann', credit(1))
    await until(async () => (await account('ann')).balance === 11n, {
      deadline_ms: 5_000,
      what: 'ann to have 11',
    })
  })

  it('is right in the end although events keep coming', async () => {
    for (let i = 0; i < 100; i += 1) await ledger.emit(`c${i % 10}`, credit(1))
    await startAndCatchUp()
    await tamper({ id: 'c3', client_balance: 99, version: 9, seq: (await account('c3')).seq })
    let [emitted, replayed] = [100, false]
    const replaying = replay().then(() => {
      replayed = true
    })
    while (!replayed && emitted < 5_000) {
      await ledger.emit(`c${emitted % 10}`, credit(1))
      emitted += 1
    }
    await replaying
    expect(await waitCaughtUp(ledger.jsm, BALANCES, 10_000, never, () => undefined)).toBe(0)
    const balances = await Promise.all(
      Array.from({ length: 10 }, async (_, i) => (await account(`c${i}`)).balance),
    )
    expect(balances.reduce((sum, n) => sum + n, 0n)).toBe(BigInt(emitted))
  })
})

describe('a balances table that was dropped', () => {
  it('is made again and filled from the first event by a running projector', async () => {
    for (let i = 0; i < 20; i += 1) await ledger.emit('ann', credit(1))
    await startAndCatchUp()
    await ledger.tables.send(new DeleteTableCommand({ TableName: ledger.table }))
    await ledger.emit('ann', credit(1))
    await until(async () => (await account('ann')).balance === 21n, {
      deadline_ms: 20_000,
      what: 'the table to be back',
    })
    expect((await account('ann')).version).toBe(21)
  })
})
