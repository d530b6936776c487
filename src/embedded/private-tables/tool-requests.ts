/**
 * Translates requests of DynamoDB's protocol into calls of dynoxide's tools, and the tools' errors into DynamoDB's.
 *
 * A tool has the name of the operation and takes its fields, both in snake_case. What the tools give back is DynamoDB's own
 * answer, except for errors, which have no reasons of a cancelled transaction but name them in their message.
 */

import { E, type Either, pipe } from '../../fp.js'
import { isJsonObject, type JsonObject, readJson } from '../../json.js'

/** A call: the name of a tool, and the JSON text of its arguments. */
export type ToolRequest = { readonly tool: string; readonly args: string }

/** A status and a body of DynamoDB's protocol. */
export type Reply = { readonly status: number; readonly body: string }

const OF_EXPRESSIONS = ['ExpressionAttributeNames', 'ExpressionAttributeValues']
const OF_WRITES = ['ConditionExpression', 'ReturnValues', 'TableName', ...OF_EXPRESSIONS]
const OF_PAGES = [
  'ExclusiveStartKey',
  'FilterExpression',
  'IndexName',
  'Limit',
  'ProjectionExpression',
  'Select',
  'TableName',
  ...OF_EXPRESSIONS,
]

/** The fields of each operation that its tool takes. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  BatchGetItem: ['RequestItems'],
  BatchWriteItem: ['RequestItems'],
  CreateTable: ['AttributeDefinitions', 'BillingMode', 'GlobalSecondaryIndexes', 'KeySchema', 'TableName'],
  DeleteItem: ['Key', ...OF_WRITES],
  DeleteTable: ['TableName'],
  DescribeTable: ['TableName'],
  GetItem: ['ConsistentRead', 'ExpressionAttributeNames', 'Key', 'ProjectionExpression', 'TableName'],
  ListTables: [],
  PutItem: ['Item', ...OF_WRITES],
  Query: ['KeyConditionExpression', 'ScanIndexForward', ...OF_PAGES],
  Scan: ['Segment', 'TotalSegments', ...OF_PAGES],
  TransactGetItems: ['TransactItems'],
  TransactWriteItems: ['ClientRequestToken', 'TransactItems'],
  UpdateItem: ['Key', 'UpdateExpression', ...OF_WRITES],
}

/** Fields that change nothing here: every read of dynoxide is consistent, and capacity is not counted. */
const WITHOUT_EFFECT = ['ConsistentRead', 'ReturnConsumedCapacity', 'ReturnItemCollectionMetrics']

const snake = (name: string): string =>
  name.replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '_'}${letter.toLowerCase()}`)

const snakeWithin = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(snakeWithin)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [snake(name), snakeWithin(inner)]))
}

/** dynoxide reads no deeper document, with some levels left for what is around the arguments. */
const DEPTH_MAX = 100
/** How JSON.stringify writes half of a surrogate pair, which dynoxide does not read; a whole pair is written as it is. */
const HALF_PAIR = /(?<!\\)(?:\\\\)*\\ud[89a-f]/

const isDeeperThan = (levels: number, value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some(inner => isDeeperThan(levels - 1, inner)))

/** The JSON text of arguments; left says why dynoxide would not read it, and so not answer. */
const readable = (args: JsonObject): Either<string, string> => {
  if (isDeeperThan(DEPTH_MAX, args)) return E.left('the request is nested too deeply')
  const text = JSON.stringify(args)
  return HALF_PAIR.test(text) ? E.left('a text holds half of a surrogate pair') : E.right(text)
}

const errorReply = (status: number, name: string, message: string, more: JsonObject = {}): Reply => ({
  status,
  body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message, ...more }),
})

/** The answer for a request that was certainly not carried out. */
export const refusal = (name: string, message: string): Reply => errorReply(400, name, message)

/** The answer for a request whose outcome is not known. */
export const serversFault = (message: string): Reply => errorReply(500, 'InternalServerError', message)

/** The call of a tool for a request; left is the answer to one that the tools cannot carry out as it is. */
export const toolRequest = (operation: string, body: string): Either<Reply, ToolRequest> => {
  const taken = Object.hasOwn(FIELDS, operation) ? FIELDS[operation] : undefined
  if (taken === undefined)
    return E.left(refusal('UnknownOperationException', `${operation} is not offered here`))
  const read = readJson(body)
  if (E.isLeft(read) || !isJsonObject(read.right))
    return E.left(refusal('SerializationException', 'the body is no JSON object'))
  const fields = Object.entries(read.right)
  const other = fields.find(([name]) => !taken.includes(name) && !WITHOUT_EFFECT.includes(name))
  if (other !== undefined)
    return E.left(refusal('ValidationException', `${operation} does not take ${other[0]} here`))
  const args = fields
    .filter(([name]) => taken.includes(name))
    .map(([name, value]) => [snake(name), operation === 'CreateTable' ? snakeWithin(value) : value])
  const raw = operation === 'DescribeTable' ? { raw: true } : {}
  return pipe(
    readable({ ...Object.fromEntries(args), ...raw }),
    E.bimap(
      problem => refusal('SerializationException', problem),
      text => ({ tool: snake(operation), args: text }),
    ),
  )
}

/** The list of reasons at the end of the message of a cancelled transaction, one for each of its items. */
const REASONS = /\[([A-Za-z, ]+)\]$/

const reasonsIn = (message: string): JsonObject => {
  const [, list] = REASONS.exec(message) ?? []
  return list === undefined ? {} : { CancellationReasons: list.split(', ').map(Code => ({ Code })) }
}

/** DynamoDB's answer for the error text of a tool. */
export const replyOfError = (text: string): Reply => {
  const read = readJson(text)
  const { error_type, message } = E.isRight(read) && isJsonObject(read.right) ? read.right : {}
  if (typeof error_type !== 'string' || typeof message !== 'string')
    return refusal('ValidationException', text)
  if (/^Internal/.test(error_type)) return serversFault(message)
  return errorReply(400, error_type, message, reasonsIn(message))
}

/** The name of the copy that the tool keeps of a table that it deletes; undefined where it keeps none. */
export const copyKept = (text: string): string | undefined => {
  const read = readJson(text)
  if (E.isLeft(read) || !isJsonObject(read.right)) return undefined
  const { _auto_snapshot: copy } = read.right
  return isJsonObject(copy) && typeof copy.name === 'string' ? copy.name : undefined
}
