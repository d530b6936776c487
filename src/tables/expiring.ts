/**
 * Reads which customers have holds that have expired, from the index `by-expiry` (docs/adr/0052).
 *
 * The index is a hint: it may be a moment behind, and whoever changes the table can change it. It says whom to look at.
 */

import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { AccountId } from '../ledger/account-id.js'
import { fieldsOf } from '../ledger/codec.js'
import { BY_EXPIRY } from './definition.js'
import { type TableError, tryTable } from './errors.js'

const Item = fieldsOf({ id: AccountId })

/** Customers, the earliest expiry first; `next` is where the next page begins, absent on the last page. */
export type DuePage = {
  readonly ids: readonly AccountId[]
  readonly next?: Readonly<Record<string, unknown>>
}

const idOf = (raw: unknown): readonly AccountId[] => {
  const item = Item.decode(raw)
  return E.isRight(item) ? [item.right.id] : []
}

/** Reads up to `items_max` customers of a shard of whom a hold expires at `until_ms` or earlier, from `after` on. */
export const customersExpiring = (
  client: DynamoDBDocumentClient,
  table: string,
  shard: string,
  until_ms: number,
  after: DuePage['next'],
  items_max: number,
): TaskEither<TableError, DuePage> =>
  pipe(
    tryTable(`query ${BY_EXPIRY} of ${table}`, () =>
      client.send(
        new QueryCommand({
          TableName: table,
          IndexName: BY_EXPIRY,
          KeyConditionExpression: '#shard = :shard AND expires_ms <= :until',
          // `shard` is a reserved word of DynamoDB
          ExpressionAttributeNames: { '#shard': 'shard' },
          ExpressionAttributeValues: { ':shard': shard, ':until': until_ms },
          ScanIndexForward: true,
          Limit: items_max,
          ...(after === undefined ? {} : { ExclusiveStartKey: after }),
        }),
      ),
    ),
    TE.map(({ Items = [], LastEvaluatedKey: next }) => ({
      ids: Items.flatMap(idOf),
      ...(next === undefined ? {} : { next }),
    })),
  )
