/**
 * Sends TransactWriteItems with a body that this program writes itself.
 *
 * The SDK's client walks through every item three times: to translate plain values, to write the body by its schema,
 * and for a log that nobody keeps. That takes more processor time than everything else that a projection does
 * (docs/measurements.md). Here the SDK gets a request with one empty item, and its body is replaced as soon as the SDK has
 * written it. Everything later is the SDK's own as before: the endpoint, credentials, the signature over this body,
 * time-outs, retries, the clock's skew, and errors.
 */

import { randomUUID } from 'node:crypto'
import {
  type AttributeValue,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { type PlainItem, toAttributes } from './attribute-values.js'

/** A condition of a write, or the change of an update, with its values. */
type Expressions = {
  readonly TableName: string
  readonly ConditionExpression?: string
  readonly UpdateExpression?: string
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>
  readonly ExpressionAttributeValues?: PlainItem
}

/** One item of a transaction, in DynamoDB's words, with plain values. */
export type PlainWrite =
  | { readonly Put: Expressions & { readonly Item: PlainItem } }
  | { readonly Update: Expressions & { readonly Key: PlainItem } }
  | { readonly Delete: Expressions & { readonly Key: PlainItem } }

type Encoded = Readonly<Record<string, unknown>> & {
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>
}

const encodeValues = ({ ExpressionAttributeValues: values, ...rest }: Expressions): Encoded =>
  values === undefined ? rest : { ...rest, ExpressionAttributeValues: toAttributes(values) }

const encodeWrite = (write: PlainWrite): Readonly<Record<string, Encoded>> => {
  if ('Put' in write) return { Put: { ...encodeValues(write.Put), Item: toAttributes(write.Put.Item) } }
  if ('Update' in write)
    return { Update: { ...encodeValues(write.Update), Key: toAttributes(write.Update.Key) } }
  return { Delete: { ...encodeValues(write.Delete), Key: toAttributes(write.Delete.Key) } }
}

/**
 * The body of the request. The token makes a repetition by the SDK's own retry, after a lost answer, the same request
 * to DynamoDB; the SDK would add one, too.
 */
const bodyOf = (writes: readonly PlainWrite[]): string =>
  JSON.stringify({ ClientRequestToken: randomUUID(), TransactItems: writes.map(encodeWrite) })

const hasBody = (request: unknown): request is { body: string } =>
  typeof request === 'object' && request !== null && 'body' in request

/** An item that stands for all others: the SDK's rules for endpoints look at the names of the tables. */
const standIn = (TableName: string): TransactWriteItem => ({ Put: { TableName, Item: {} } })

/** Sends a transaction of up to 100 writes to one table. Rejects as the SDK does. */
export const sendTransaction = async (
  client: DynamoDBDocumentClient,
  table: string,
  writes: readonly PlainWrite[],
): Promise<void> => {
  const body = bodyOf(writes)
  const command = new TransactWriteItemsCommand({ TransactItems: [standIn(table)] })
  command.middlewareStack.add(
    next => args => {
      if (!hasBody(args.request)) throw new Error('the SDK has written no body that could be replaced')
      args.request.body = body
      return next(args)
    },
    // first of this step: the body is written, and its length and its signature come later
    { step: 'build', priority: 'high', name: 'writtenBody' },
  )
  await client.send(command)
}
