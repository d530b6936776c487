/**
 * Going through a whole table, and removing what does not belong there.
 */

import { DeleteCommand, type DynamoDBDocumentClient, paginateScan, ScanCommand } from '@aws-sdk/lib-dynamodb'
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

/** A page of a table, and where the next one begins. */
export type Page = { readonly items: readonly unknown[]; readonly next?: Readonly<Record<string, unknown>> }

/** A page of whole items, strongly consistent, from where `after` says; without it from the beginning. */
export const scanPage = (
  client: DynamoDBDocumentClient,
  table: string,
  after: Page['next'],
): TaskEither<TableError, Page> =>
  pipe(
    tryTable(`scan ${table}`, () =>
      client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          Limit: PAGE_ITEMS,
          ...(after === undefined ? {} : { ExclusiveStartKey: after }),
        }),
      ),
    ),
    TE.map(({ Items = [], LastEvaluatedKey: next }) => ({
      items: Items,
      ...(next === undefined ? {} : { next }),
    })),
  )

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
