/**
 * Items exactly as DynamoDB has them, types and digits included: for whoever checks what others wrote.
 *
 * The document client would turn a number that is not whole into an error of the whole page.
 */

import { type AttributeValue, BatchGetItemCommand, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type TableError, tryTable } from './errors.js'
import { IDENTITY_ID } from './identity.js'

export type RawItem = Readonly<Record<string, AttributeValue>>

/** One page of a walk through a table; `next` is where the following one begins, if there is one. */
export type RawPage = { readonly items: readonly RawItem[]; readonly next?: RawItem }

/** DynamoDB's limit: keys of one BatchGetItem. */
export const RAW_KEYS_MAX = 100
const PAGE_ITEMS = 1_000
/** A throttled BatchGetItem answers a part of its keys; the rest is asked for again so often. */
const ROUNDS_MAX = 5

const throttled = (keys: number): Error =>
  Object.assign(new Error(`${keys} keys were left unprocessed ${ROUNDS_MAX} times`), {
    name: 'ThrottlingException',
  })

/** The items of up to 100 different ids, strongly consistent; one that is missing is left out. */
export const readRaw = (
  client: DynamoDBDocumentClient,
  table: string,
  ids: readonly string[],
): TaskEither<TableError, Map<string, RawItem>> =>
  tryTable(`read ${ids.length} items of ${table}`, async () => {
    const found = new Map<string, RawItem>()
    let keys: RawItem[] = ids.map(id => ({ id: { S: id } }))
    for (let round = 1; keys.length > 0; round += 1) {
      if (round > ROUNDS_MAX) throw throttled(keys.length)
      const { Responses, UnprocessedKeys } = await client.send(
        new BatchGetItemCommand({ RequestItems: { [table]: { Keys: keys, ConsistentRead: true } } }),
      )
      for (const item of Responses?.[table] ?? []) found.set(item.id?.S ?? '', item)
      keys = UnprocessedKeys?.[table]?.Keys ?? []
    }
    return found
  })

const pageOf = (answer: {
  Items?: RawItem[] | undefined
  LastEvaluatedKey?: RawItem | undefined
}): RawPage => ({
  items: (answer.Items ?? []).filter(({ id }) => id?.S !== IDENTITY_ID),
  ...(answer.LastEvaluatedKey === undefined ? {} : { next: answer.LastEvaluatedKey }),
})

/** One page of the whole table without its identity, strongly consistent. */
export const scanRaw = (
  client: DynamoDBDocumentClient,
  table: string,
  from?: RawItem,
): TaskEither<TableError, RawPage> =>
  pipe(
    tryTable(`scan ${table}`, () =>
      client.send(
        new ScanCommand({
          TableName: table,
          Limit: PAGE_ITEMS,
          ConsistentRead: true,
          ExclusiveStartKey: from as Record<string, AttributeValue> | undefined,
        }),
      ),
    ),
    TE.map(pageOf),
  )

/** One page of the items of an index whose partition key `attribute` has this value; an index may be a moment behind. */
export const queryRaw = (
  client: DynamoDBDocumentClient,
  table: string,
  index: { readonly name: string; readonly attribute: string; readonly value: string },
  from?: RawItem,
): TaskEither<TableError, RawPage> =>
  pipe(
    tryTable(`query ${table} by ${index.name}`, () =>
      client.send(
        new QueryCommand({
          TableName: table,
          IndexName: index.name,
          Limit: PAGE_ITEMS,
          KeyConditionExpression: '#key = :value',
          ExpressionAttributeNames: { '#key': index.attribute },
          ExpressionAttributeValues: { ':value': { S: index.value } },
          ExclusiveStartKey: from as Record<string, AttributeValue> | undefined,
        }),
      ),
    ),
    TE.map(pageOf),
  )
