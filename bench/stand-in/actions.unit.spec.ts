import { beforeEach, expect, it } from 'vitest'
import { createActions } from './actions.js'

const TABLE = {
  TableName: 't',
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  AttributeDefinitions: [],
  GlobalSecondaryIndexes: [
    {
      IndexName: 'by-shard',
      KeySchema: [
        { AttributeName: 'shard', KeyType: 'HASH' },
        { AttributeName: 'n', KeyType: 'RANGE' },
      ],
    },
  ],
}

let act: ReturnType<typeof createActions>
beforeEach(() => {
  act = createActions()
  act('CreateTable', TABLE)
})

const item = (id: string, n: number, shard = 's') => ({
  id: { S: id },
  n: { N: String(n) },
  shard: { S: shard },
})
const put = (id: string, n: number) => act('PutItem', { TableName: 't', Item: item(id, n) })
const get = (id: string) => act('GetItem', { TableName: 't', Key: { id: { S: id } } })
const UNLESS_THERE = 'attribute_not_exists(id)'

it('a transaction with one failed condition changes nothing, and says which one it was', () => {
  put('a', 1)
  const TransactItems = ['b', 'a'].map(id => ({
    Put: { TableName: 't', Item: item(id, 2), ConditionExpression: UNLESS_THERE },
  }))
  expect(() => act('TransactWriteItems', { TransactItems })).toThrow(
    expect.objectContaining({
      type: 'TransactionCanceledException',
      fields: { CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }] },
    }),
  )
  expect([get('a'), get('b')]).toEqual([{ Item: item('a', 1) }, {}])
})

it('a transaction puts, updates, deletes and checks, all together', () => {
  put('a', 1)
  put('b', 1)
  const key = (id: string) => ({ TableName: 't', Key: { id: { S: id } } })
  act('TransactWriteItems', {
    TransactItems: [
      { Put: { TableName: 't', Item: item('c', 3) } },
      {
        Update: {
          ...key('a'),
          UpdateExpression: 'ADD n :by',
          ExpressionAttributeValues: { ':by': { N: '41' } },
        },
      },
      { Delete: key('b') },
      { ConditionCheck: { ...key('d'), ConditionExpression: UNLESS_THERE } },
    ],
  })
  expect(['a', 'b', 'c', 'd'].map(get)).toEqual([{ Item: item('a', 42) }, {}, { Item: item('c', 3) }, {}])
})

it('an index gives its items in order, page after page, and follows changes', () => {
  for (const [id, n] of [
    ['a', 10],
    ['b', 9],
    ['c', -1],
    ['d', 100],
  ] as const)
    put(id, n)
  put('a', 1_000)
  act('DeleteItem', { TableName: 't', Key: { id: { S: 'd' } } })
  const query = (more: object) =>
    act('Query', {
      TableName: 't',
      IndexName: 'by-shard',
      KeyConditionExpression: '#shard = :s',
      ExpressionAttributeNames: { '#shard': 'shard' },
      ExpressionAttributeValues: { ':s': { S: 's' } },
      ScanIndexForward: false,
      ...more,
    }) as { Items: unknown[]; LastEvaluatedKey?: object }
  const first = query({ Limit: 2 })
  expect(first).toMatchObject({ Items: [item('a', 1_000), item('b', 9)], LastEvaluatedKey: item('b', 9) })
  const second = query({ Limit: 2, ExclusiveStartKey: first.LastEvaluatedKey })
  expect(second).toMatchObject({ Items: [item('c', -1)] })
  expect(second).not.toHaveProperty('LastEvaluatedKey')
})

it('a scan gives all items page after page, and of an index only those that have its key', () => {
  for (const n of [1, 2, 3]) put(`a${n}`, n)
  act('PutItem', { TableName: 't', Item: { id: { S: '#row' } } })
  const scanned = (more: object) => {
    const found: unknown[] = []
    let after: object | undefined
    do {
      const page = act('Scan', {
        TableName: 't',
        Limit: 2,
        ...(after === undefined ? {} : { ExclusiveStartKey: after }),
        ...more,
      }) as { Items: { id: { S: string } }[]; LastEvaluatedKey?: object }
      found.push(...page.Items.map(({ id }) => id.S))
      after = page.LastEvaluatedKey
    } while (after !== undefined)
    return found
  }
  expect(scanned({})).toEqual(['a1', 'a2', 'a3', '#row'])
  expect(scanned({ IndexName: 'by-shard' })).toEqual(['a1', 'a2', 'a3'])
})

it.each([
  ['Query', { TableName: 't' }, 'queries of an index only'],
  ['GetItem', { TableName: 'other', Key: {} }, 'there is no table other'],
  ['CreateTable', TABLE, 'there is a table t'],
  ['UpdateTimeToLive', {}, 'no stand-in for UpdateTimeToLive'],
])('%s of %j is refused', (action, body, message) => {
  expect(() => act(action, body)).toThrow(message)
})
