/**
 * Asks a table whether it would accept items, without writing any. The items are sent in a transaction with a condition
 * that is never true. DynamoDB checks the items first, so its answer tells whether it would refuse them for good.
 */

import { type DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { type TableError, tryTable } from './errors.js'

/** The key of an item that never exists: no client id, row or sum has a blank in its key. */
const MISSING_ID = 'no such item'

/** One less than DynamoDB's limit of 100, because the condition is a part of the transaction too. */
export const PROBE_ITEMS_MAX = 99

/** Whether the table refuses `items` (up to 99) for good. Without items: whether it refuses every transaction. */
export const isRefused = (
  client: DynamoDBDocumentClient,
  table: string,
  items: readonly Readonly<Record<string, unknown>>[],
): TaskEither<TableError, boolean> =>
  pipe(
    tryTable(`probe ${table}`, () =>
      client.send(
        new TransactWriteCommand({
          TransactItems: [
            ...items.map(Item => ({ Put: { TableName: table, Item } })),
            {
              ConditionCheck: {
                TableName: table,
                Key: { id: MISSING_ID },
                ConditionExpression: 'attribute_exists(id)',
              },
            },
          ],
        }),
      ),
    ),
    TE.matchEW(
      error => {
        if (error.tag === 'ConditionFailed') return TE.right(false)
        return error.tag === 'Refused' ? TE.right(true) : TE.left(error)
      },
      () => async () =>
        E.left({ tag: 'Unexpected' as const, message: `${table} holds the item "${MISSING_ID}"` }),
    ),
  )
