/**
 * Going through a whole table, and removing what does not belong there.
 */

import { DeleteCommand, type DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type TableError, tryTable } from './errors.js'

const PAGE_ITEMS = 1_000

/** An item by its key, and how new it is; `seq` as DynamoDB has it, whatever that is. */
export type Found = { readonly id: string; readonly seq: unknown }

/** Every item, strongly consistent, a page at a time. Throws what the SDK throws. */
export async function* scanItems(client: DynamoDBDocumentClient, table: string): AsyncGenerator<Found[]> {
  const scan = { TableName: table, ProjectionExpression: 'id, seq', ConsistentRead: true }
  for await (const { Items = [] } of paginateScan({ client, pageSize: PAGE_ITEMS }, scan)) {
    yield Items.map(({ id, seq }) => ({ id: String(id), seq }))
  }
}

/** Every item whole, strongly consistent, a page at a time. Throws what the SDK throws. */
export async function* scanWhole(client: DynamoDBDocumentClient, table: string): AsyncGenerator<unknown[]> {
  const scan = { TableName: table, ConsistentRead: true }
  for await (const { Items = [] } of paginateScan({ client, pageSize: PAGE_ITEMS }, scan)) yield Items
}

/** Removes an item that is still as it was found; `ConditionFailed` when somebody wrote to it. */
export const removeItem = (
  client: DynamoDBDocumentClient,
  table: string,
  { id, seq }: Found,
): TaskEither<TableError, void> =>
  pipe(
    tryTable(`remove ${id}`, () =>
      client.send(
        new DeleteCommand({
          TableName: table,
          Key: { id },
          ...(seq === undefined
            ? { ConditionExpression: 'attribute_not_exists(seq)' }
            : { ConditionExpression: 'seq = :seq', ExpressionAttributeValues: { ':seq': seq } }),
        }),
      ),
    ),
    TE.map(() => undefined),
  )
