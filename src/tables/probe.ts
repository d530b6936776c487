/**
 * Asks a table whether it would take items, without writing any: a transaction that also holds a condition which never
 * holds. DynamoDB looks at the items first, so the answer tells what it would refuse for good.
 */

import { type DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { type TableError, tryTable } from './errors.js'

/** No client id, row or sum has a blank in its key, so there is never such an item. */
const NOBODY = 'no such item'

/** So that the condition fits into the transaction beside them. */
export const PROBE_ITEMS_MAX = 99

/** Whether the table refuses `items` (up to 99) for good, or, without any, everything that could be written. */
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
                Key: { id: NOBODY },
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
        E.left({ tag: 'Unexpected' as const, message: `${table} holds the item "${NOBODY}"` }),
    ),
  )
