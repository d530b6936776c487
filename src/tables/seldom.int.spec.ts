/** Answers that DynamoDB gives seldom and the local server never gives: a proxy before the server gives them. */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LOCAL, left, right } from '../../test/support/ledger.js'
import { writeChanges } from '../../test/support/ledger-table.js'
import { startTestDynamodb, type TestDynamodb } from '../../test/support/servers.js'
import {
  startWatchedDynamodb,
  type WatchedCall,
  type WatchedDynamodb,
} from '../../test/support/watched-dynamodb.js'
import { NEW_CUSTOMER } from '../ledger/fold.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { createTablesClient } from './client.js'
import { BY_ID, TABLES } from './definition.js'
import { readItems } from './heads.js'
import { createTable, dropTable, tableExists } from './provision.js'
import { queryItems } from './query.js'

const TABLE = 'seldom'

type TableAnswer = { readonly status: number; readonly json: unknown }

let dynamodb: TestDynamodb
let proxy: WatchedDynamodb
let tables: DynamoDBDocumentClient
/** The proxy's answer to a call; undefined when the server answers. */
let answerTo: (call: WatchedCall) => TableAnswer | undefined

beforeAll(async () => {
  dynamodb = await startTestDynamodb()
  proxy = await startWatchedDynamodb(dynamodb.endpoint, async (call, carryOut) => {
    const answer = answerTo(call)
    if (answer !== undefined) return answer
    await carryOut()
    return 'answer'
  })
  tables = createTablesClient({ endpoint: proxy.endpoint, ...LOCAL })
})
afterAll(async () => {
  tables.destroy()
  await proxy.stop()
  await dynamodb.stop()
})
beforeEach(async () => {
  answerTo = () => undefined
  await right(createTable(tables, TABLE, TABLES.ledger))
})

const IN_USE: TableAnswer = {
  status: 400,
  json: { __type: 'com.amazonaws.dynamodb.v20120810#ResourceInUseException', message: 'being updated' },
}

describe('a table that DynamoDB is changing', () => {
  it('is removed when DynamoDB is done with it', async () => {
    let refusals = 0
    answerTo = ({ operation }) => {
      if (operation !== 'DeleteTable' || refusals === 1) return undefined
      refusals += 1
      return IN_USE
    }
    await right(dropTable(tables, TABLE))
    expect(refusals).toBe(1)
    expect(await right(tableExists(tables, TABLE))).toBe(false)
  })

  it('and that stays so is there still: another try is worth it later', async () => {
    answerTo = ({ operation }) => (operation === 'DeleteTable' ? IN_USE : undefined)
    expect(await left(dropTable(tables, TABLE))).toMatchObject({ tag: 'TryAgain' })
    answerTo = () => undefined
    expect(await right(tableExists(tables, TABLE))).toBe(true)
  })
})

describe('keys that DynamoDB leaves unprocessed', () => {
  const IDS = ['a', 'b', 'c', 'd'].map(clientId)
  type Keys = { readonly RequestItems: Record<string, { readonly Keys: readonly unknown[] }> }
  const unprocessed = ({ body }: WatchedCall): TableAnswer => {
    const { RequestItems } = JSON.parse(body.toString()) as Keys
    return { status: 200, json: { Responses: {}, UnprocessedKeys: RequestItems } }
  }

  it('are asked for again after a pause', async () => {
    const to = { account: { balance: 1n, version: 1, seq: 1 } }
    const changes = IDS.map(id => ({ id, from: NEW_CUSTOMER, to }))
    await right(writeChanges(tables, TABLE, changes))
    const asked_ms: number[] = []
    answerTo = call => {
      if (call.operation !== 'BatchGetItem') return undefined
      asked_ms.push(performance.now())
      return asked_ms.length <= 2 ? unprocessed(call) : undefined
    }
    expect(await right(readItems(tables, TABLE, IDS))).toHaveLength(IDS.length)
    // the pauses are at least half of 20 and of 40 ms; timers may fire up to a millisecond early
    const [first = 0, second = 0, third = 0] = asked_ms
    expect(second - first).toBeGreaterThan(9)
    expect(third - second).toBeGreaterThan(19)
  })

  it('again and again are a reason to try later', async () => {
    let requests = 0
    answerTo = call => {
      requests += 1
      return unprocessed(call)
    }
    expect(await left(readItems(tables, TABLE, IDS))).toMatchObject({ tag: 'TryAgain' })
    expect(requests).toBe(5)
  })
})

it('an answer that needs more pages than are read is no reason to try again', async () => {
  let pages = 0
  answerTo = () => {
    pages += 1
    return { status: 200, json: { Items: [], LastEvaluatedKey: { id: { S: String(pages) } } } }
  }
  const query = {
    TableName: TABLE,
    IndexName: BY_ID,
    KeyConditionExpression: '#shard = :shard',
    FilterExpression: 'client_balance = :b',
    ExpressionAttributeNames: { '#shard': 'shard' },
    ExpressionAttributeValues: { ':shard': '0', ':b': 1 },
  }
  expect(await left(queryItems(tables, query, 10))).toMatchObject({ tag: 'Unexpected' })
  expect(pages).toBe(200)
})
