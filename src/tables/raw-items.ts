/**
 * Reads items exactly as DynamoDB has them, with types and digits, for code that checks what a table holds.
 *
 * With the document client one number that is not whole would make the whole page fail.
 */

import { type AttributeValue, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { pipe, type TaskEither, TE } from '../fp.js'
import { batchGet, type RawItem } from './batch-get.js'
import { type TableError, tryTable } from './errors.js'
import { IDENTITY_ID } from './identity.js'

/** One page of a table or an index; `next` is the key from which the next page is read, absent on the last page. */
export type RawPage = { readonly items: readonly RawItem[]; readonly next?: RawItem }

const PAGE_ITEMS = 1_000
/** Reads the items of up to 100 different ids, strongly consistent; a missing item is left out. */
export const readRaw = (
  client: DynamoDBDocumentClient,
  table: string,
  ids: readonly string[],
): TaskEither<TableError, Map<string, RawItem>> =>
  pipe(
    tryTable(`read ${ids.length} items of ${table}`, () => batchGet(client, table, ids)),
    TE.map(items => new Map(items.map(item => [item.id?.S ?? '', item]))),
  )

const pageOf = (answer: {
  Items?: RawItem[] | undefined
  LastEvaluatedKey?: RawItem | undefined
}): RawPage => ({
  items: (answer.Items ?? []).filter(({ id }) => id?.S !== IDENTITY_ID),
  ...(answer.LastEvaluatedKey === undefined ? {} : { next: answer.LastEvaluatedKey }),
})

/** Reads one page of the whole table without its identity, strongly consistent. `from` is the `next` of the page before. */
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

/** Reads one page of an index: items whose partition key `attribute` has this value. The index may lag a moment. */
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
