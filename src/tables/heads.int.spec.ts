import { ScanCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL, left, right } from '../../test/support/ledger.js'
import { createLedgerTable, writeChanges } from '../../test/support/ledger-table.js'
import { startTestDynamodb, type TestDynamodb } from '../../test/support/servers.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { createTablesClient } from './client.js'
import { tryTable } from './errors.js'
import { readHeads } from './heads.js'
import { tableExists } from './provision.js'

const TABLE = 'heads'

let dynamodb: TestDynamodb
let tables: ReturnType<typeof createTablesClient>

beforeAll(async () => {
  dynamodb = await startTestDynamodb()
  tables = createTablesClient({ endpoint: dynamodb.endpoint, ...LOCAL })
  await createLedgerTable(tables, TABLE)
})

afterAll(async () => {
  tables.destroy()
  await dynamodb.stop()
})

const at = (balance: bigint, version: number, seq: number): Customer => ({
  account: { balance, version, seq },
})
const change = (id: string, from: Customer, to: Customer) =>
  writeChanges(tables, TABLE, [{ id: clientId(id), from, to }])
const read = async (id: string): Promise<Customer | undefined> =>
  (await right(readHeads(tables, TABLE, [clientId(id)]))).get(clientId(id))

describe('a write of heads', () => {
  it('is read back as it was written, up to the ends of int64', async () => {
    const low = { ...at(-(2n ** 63n), 3, 9), parked: { seq: 10, schema: 2, last_seq: 12 } }
    await right(change('low', NEW_CUSTOMER, low))
    await right(change('high', NEW_CUSTOMER, at(2n ** 63n - 1n, 1, 1)))
    expect(await read('low')).toEqual(low)
    expect(await read('high')).toEqual(at(2n ** 63n - 1n, 1, 1))
    expect(await read('none')).toEqual(NEW_CUSTOMER)
  })

  const plain = at(10n, 2, 5)
  const parked = { ...plain, parked: { seq: 6, schema: 2, last_seq: 7 } }
  it.each<[string, { actual: Customer; seen: Customer }]>([
    ['its sequence, by an older one', { actual: plain, seen: at(10n, 2, 4) }],
    ['its sequence, by a newer one', { actual: plain, seen: at(10n, 2, 6) }],
    ['its balance, at the same sequence', { actual: plain, seen: at(11n, 2, 5) }],
    ['its version, at the same sequence', { actual: plain, seen: at(10n, 3, 5) }],
    ['being parked', { actual: parked, seen: plain }],
    [
      'the last event that it left out',
      { actual: parked, seen: { ...parked, parked: { ...parked.parked, last_seq: 6 } } },
    ],
    ['being there at all', { actual: plain, seen: NEW_CUSTOMER }],
    ['being gone', { actual: NEW_CUSTOMER, seen: plain }],
  ])('is refused when the item is not what was read, but differs in %s', async (what, { actual, seen }) => {
    const id = what.replace(/[^a-z]/g, '')
    if (actual !== NEW_CUSTOMER) await right(change(id, NEW_CUSTOMER, actual))
    expect(await left(change(id, seen, at(99n, 9, 99)))).toMatchObject({ tag: 'ConditionFailed' })
    expect(await read(id)).toEqual(actual)
  })

  it('of several customers is whole or absent', async () => {
    await right(change('b', NEW_CUSTOMER, at(1n, 1, 1)))
    const changes = ['a', 'b'].map(id => ({ id: clientId(id), from: NEW_CUSTOMER, to: at(5n, 1, 2) }))
    expect(await left(writeChanges(tables, TABLE, changes))).toMatchObject({ tag: 'ConditionFailed' })
    expect(await read('a')).toEqual(NEW_CUSTOMER)
  })
})

describe('the table', () => {
  it('is made once, and is known to be there', async () => {
    await createLedgerTable(tables, TABLE)
    expect(await right(tableExists(tables, TABLE))).toBe(true)
    expect(await right(tableExists(tables, 'no-such-table'))).toBe(false)
  })

  it('refuses a request that is wrong as such: to try it again would not help', async () => {
    const wrong = tryTable('scan', () =>
      tables.send(new ScanCommand({ TableName: TABLE, FilterExpression: 'status = :s' })),
    )
    expect(await left(wrong)).toMatchObject({ tag: 'Refused' })
  })
})
