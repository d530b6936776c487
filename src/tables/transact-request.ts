/**
 * Sends TransactWriteItems with a body that this program writes itself.
 *
 * The SDK's client walks through every item three times: to translate plain values, to write the body by its schema,
 * and for a log that nobody keeps. That takes more processor time than everything else that a projection does
 * (docs/measurements.md). Here the SDK gets a request with one empty item, and its body is replaced as soon as the SDK has
 * written it. Everything later is the SDK's own as before: the endpoint, credentials, the signature over this body,
 * time-outs, retries, the clock's skew, and errors.
 *
 * Also the steps that are left take more than half of a request's processor time. So a request that succeeded is the model
 * of the next ones of its client: these have its address and headers, and only the SDK's signer and its HTTP handler, with
 * its time-outs, see them. One that does not simply succeed is sent again the long way, which knows what to do then. It has
 * the same token, so DynamoDB carries it out once.
 */

import { randomUUID } from 'node:crypto'
import { type TransactWriteItem, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { constantText, itemText, type PlainItem } from './attribute-values.js'

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

const field = (name: string, text: string | undefined): string =>
  text === undefined ? '' : `"${name}":${text},`

/** The members of a write that come before its item or its key. */
const expressionsText = (expressions: Expressions): string => {
  const { ExpressionAttributeNames: names, ExpressionAttributeValues: values } = expressions
  const { ConditionExpression: condition, UpdateExpression: update } = expressions
  return (
    field('TableName', constantText(expressions.TableName)) +
    field('ConditionExpression', condition && constantText(condition)) +
    field('UpdateExpression', update && constantText(update)) +
    field('ExpressionAttributeNames', names && JSON.stringify(names)) +
    field('ExpressionAttributeValues', values && itemText(values))
  )
}

const writeText = (write: PlainWrite): string => {
  if ('Put' in write) return `{"Put":{${expressionsText(write.Put)}"Item":${itemText(write.Put.Item)}}}`
  if ('Update' in write)
    return `{"Update":{${expressionsText(write.Update)}"Key":${itemText(write.Update.Key)}}}`
  return `{"Delete":{${expressionsText(write.Delete)}"Key":${itemText(write.Delete.Key)}}}`
}

/**
 * The body of the request, written as text at once: objects of DynamoDB's form would take a third more time and much memory. Its
 * bytes are what is signed and sent, so the text is encoded once.
 * The token makes a repetition after a lost answer the same request to DynamoDB; the SDK would add one, too.
 */
const bodyOf = (writes: readonly PlainWrite[]): Uint8Array =>
  Buffer.from(`{"ClientRequestToken":"${randomUUID()}","TransactItems":[${writes.map(writeText).join(',')}]}`)

const hasBody = (request: unknown): request is { body: Uint8Array } =>
  typeof request === 'object' && request !== null && 'body' in request

/** An item that stands for all others: the SDK's rules for endpoints look at the names of the tables. */
const standIn = (TableName: string): TransactWriteItem => ({ Put: { TableName, Item: {} } })

/** The parts of a request that are alike in all transactions of a client, and what signs them. */
type Model = { readonly request: Signable; readonly signer: Signer }

type Config = DynamoDBDocumentClient['config']
type Signer = Awaited<ReturnType<Config['signer']>>
type Signable = Parameters<Signer['sign']>[0]

const models = new WeakMap<DynamoDBDocumentClient, Model>()

/** Headers that belong to one body, one signature or one try. */
const OF_ONE_REQUEST =
  /^(content-length|authorization|x-amz-(date|content-sha256|security-token)|amz-sdk-(invocation-id|request))$/i

const isSignable = (request: unknown): request is Signable =>
  typeof request === 'object' && request !== null && 'headers' in request && 'hostname' in request

const modelOf = async ({ config }: DynamoDBDocumentClient, request: Signable): Promise<Model> => {
  const common = Object.entries(request.headers).filter(([name]) => !OF_ONE_REQUEST.test(name))
  const signer = await config.signer({
    name: 'sigv4',
    signingName: 'dynamodb',
    signingRegion: await config.region(),
    properties: {},
  })
  return { request: { ...request, headers: Object.fromEntries(common) }, signer }
}

/** Sends `body` as `model` was sent. Returns whether the answer was a success; rejects when there was no answer. */
const sendLike = async (
  { config }: DynamoDBDocumentClient,
  { request, signer }: Model,
  body: Uint8Array,
): Promise<boolean> => {
  const headers = { ...request.headers, 'content-length': String(body.length) }
  // the SDK learns how far this machine's clock is off when DynamoDB refuses a request for it
  const signingDate = new Date(Date.now() + config.systemClockOffset)
  const signed = await signer.sign({ ...request, headers, body }, { signingDate })
  const { response } = await config.requestHandler.handle(signed)
  await config.streamCollector(response.body)
  return response.statusCode === 200
}

/** Sends `body` by all steps of the SDK. Rejects as the SDK does. */
const sendWhole = async (client: DynamoDBDocumentClient, table: string, body: Uint8Array): Promise<void> => {
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
  command.middlewareStack.add(
    next => async args => {
      const model = isSignable(args.request) ? await modelOf(client, args.request) : undefined
      const result = await next(args)
      if (model !== undefined) models.set(client, model)
      return result
    },
    // last of this step: the request is whole but for its signature
    { step: 'build', priority: 'low', name: 'model' },
  )
  await client.send(command)
}

/** Sends a transaction of up to 100 writes to one table. Rejects as the SDK does. */
export const sendTransaction = async (
  client: DynamoDBDocumentClient,
  table: string,
  writes: readonly PlainWrite[],
): Promise<void> => {
  const body = bodyOf(writes)
  const model = models.get(client)
  if (model !== undefined) {
    try {
      if (await sendLike(client, model, body)) return
    } catch {
      // the long way reports what is wrong; until it succeeds again, every request goes there at once
      models.delete(client)
    }
  }
  await sendWhole(client, table, body)
}
