import { describe, expect, it } from 'vitest'
import { E } from '../../fp.js'
import { copyKept, replyOfError, toolRequest } from './tool-requests.js'

const argsOf = (operation: string, body: unknown): unknown => {
  const request = toolRequest(operation, JSON.stringify(body))
  if (E.isLeft(request)) throw new Error(request.left.body)
  return { tool: request.right.tool, ...JSON.parse(request.right.args) }
}
const refusalOf = (operation: string, body: string): unknown => {
  const request = toolRequest(operation, body)
  return E.isLeft(request) ? { status: request.left.status, ...JSON.parse(request.left.body) } : request.right
}

describe('a request', () => {
  it('has the names of the tool outside, and its items and expressions unchanged', () => {
    const Item = { id: { S: 'Id' }, ClientBalance: { N: '1' } }
    expect(
      argsOf('PutItem', { TableName: 'Abc', Item, ConditionExpression: 'attribute_not_exists(id)' }),
    ).toEqual({
      tool: 'put_item',
      table_name: 'Abc',
      item: Item,
      condition_expression: 'attribute_not_exists(id)',
    })
    expect(
      argsOf('TransactWriteItems', { ClientRequestToken: 't', TransactItems: [{ Put: { Item } }] }),
    ).toEqual({
      tool: 'transact_write_items',
      client_request_token: 't',
      transact_items: [{ Put: { Item } }],
    })
  })

  it('that makes a table has the names of the tool at every level', () => {
    const KeySchema = [{ AttributeName: 'Id', KeyType: 'HASH' }]
    const key_schema = [{ attribute_name: 'Id', key_type: 'HASH' }]
    const GlobalSecondaryIndexes = [{ IndexName: 'ByX', KeySchema, Projection: { ProjectionType: 'ALL' } }]
    expect(argsOf('CreateTable', { TableName: 'Abc', KeySchema, GlobalSecondaryIndexes })).toEqual({
      tool: 'create_table',
      table_name: 'Abc',
      key_schema,
      global_secondary_indexes: [{ index_name: 'ByX', key_schema, projection: { projection_type: 'ALL' } }],
    })
  })

  it('leaves out what changes nothing, and is refused for a field or an operation that the tools do not know', () => {
    expect(argsOf('Scan', { TableName: 'abc', ConsistentRead: true })).toEqual({
      tool: 'scan',
      table_name: 'abc',
    })
    const other = { status: 400, message: 'Scan does not take Surprise here' }
    expect(refusalOf('Scan', '{"Surprise":1}')).toMatchObject(other)
    for (const operation of ['DeleteBackup', '', 'constructor'])
      expect(refusalOf(operation, '{}')).toMatchObject({ message: `${operation} is not offered here` })
    expect(refusalOf('Scan', '[]')).toMatchObject({ message: 'the body is no JSON object' })
  })

  it.each([
    [
      'half of a surrogate pair',
      String.raw`{"Item":{"id":{"S":"\ud800"}}}`,
      'a text holds half of a surrogate pair',
    ],
    [
      'half of one after a backslash',
      String.raw`{"Item":{"id":{"S":"\\\udc00"}}}`,
      'a text holds half of a surrogate pair',
    ],
    ['many levels', `{"Item":${'['.repeat(200)}${']'.repeat(200)}}`, 'the request is nested too deeply'],
  ])('is refused for %s, to which the tool would never answer', (_, body, message) => {
    expect(refusalOf('PutItem', body)).toMatchObject({ status: 400, message })
  })

  it.each([String.raw`{"Item":{"id":{"S":"\ud834\udd1e"}}}`, String.raw`{"Item":{"id":{"S":"\\ud800"}}}`])(
    'is none of these: %s',
    body => {
      expect(refusalOf('PutItem', body)).toMatchObject({ tool: 'put_item' })
    },
  )
})

describe('an error', () => {
  it('of a cancelled transaction has a reason for each item', () => {
    const message =
      'Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]'
    const { status, body } = replyOfError(
      JSON.stringify({ error_type: 'TransactionCanceledException', message }),
    )
    expect({ status, ...JSON.parse(body) }).toEqual({
      status: 400,
      __type: 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException',
      message,
      CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }],
    })
  })

  it('inside the server leaves the outcome open, and a text without a name is a refusal', () => {
    const inside = replyOfError('{"error_type":"InternalServerError","message":"disk"}')
    expect(inside).toMatchObject({ status: 500, body: expect.stringContaining('InternalServerError') })
    const text = replyOfError('failed to deserialize parameters')
    expect(text).toMatchObject({ status: 400, body: expect.stringContaining('ValidationException') })
  })
})

it('finds the copy of a deleted table', () => {
  expect(copyKept('{"TableDescription":{},"_auto_snapshot":{"name":"pre-delete-abc"}}')).toBe(
    'pre-delete-abc',
  )
  for (const text of ['{}', '[]', 'x', '{"_auto_snapshot":{"error":"full"}}'])
    expect(copyKept(text)).toBeUndefined()
})
