/**
 * The ranking's indexes: customers by balance and by id, each spread over shards (docs/adr/0011). One page of one shard
 * at a time; a reader asks every shard and merges.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { describeErrors, fieldsOf } from '../ledger/codec.js'
import { BY_BALANCE, BY_ID } from './definition.js'
import type { TableError } from './errors.js'
import { queryItems } from './query.js'

const Item = fieldsOf({ id: t.string, balance: t.bigint, version: t.bigint })

/** A customer as the ranking has it. */
export type Ranked = { readonly id: string; readonly balance: bigint; readonly version: number }

const decode = (raw: unknown): E.Either<TableError, Ranked> =>
  pipe(
    Item.decode(raw),
    E.bimap(
      errors => ({ tag: 'Unexpected', message: `an item of the ranking: ${describeErrors(errors)}` }),
      ({ id, balance, version }) => ({ id, balance, version: Number(version) }),
    ),
  )

type Condition = {
  readonly index: typeof BY_BALANCE | typeof BY_ID
  /** Of the sort key; `:a` and `:b` are its values. */
  readonly key?: string
  readonly filter?: string
  readonly values: Readonly<Record<string, unknown>>
  readonly highest_first: boolean
}

const query = (
  client: DynamoDBDocumentClient,
  table: string,
  shard: string,
  { index, key, filter, values, highest_first }: Condition,
  items_max: number,
): TaskEither<TableError, Ranked[]> =>
  pipe(
    queryItems(
      client,
      {
        TableName: table,
        IndexName: index,
        KeyConditionExpression: key === undefined ? '#shard = :shard' : `#shard = :shard AND ${key}`,
        // a reserved word
        ExpressionAttributeNames: { '#shard': 'shard' },
        ...(filter === undefined ? {} : { FilterExpression: filter }),
        ExpressionAttributeValues: { ':shard': shard, ...values },
        ScanIndexForward: !highest_first,
      },
      items_max,
    ),
    TE.chainEitherK(E.traverseArray(decode)),
    TE.map(found => [...found]),
  )

/** A shard's customers by id, those after `after_id`. */
export const customersAfter = (
  client: DynamoDBDocumentClient,
  table: string,
  shard: string,
  after_id: string | undefined,
  items_max: number,
): TaskEither<TableError, Ranked[]> => {
  const after = after_id === undefined ? { values: {} } : { key: 'id > :a', values: { ':a': after_id } }
  return query(client, table, shard, { index: BY_ID, ...after, highest_first: false }, items_max)
}

/** A shard's customers with the highest balances below `below`; those with the same balance in any order. */
export const highestBelow = (
  client: DynamoDBDocumentClient,
  table: string,
  shard: string,
  below: bigint | undefined,
  items_max: number,
): TaskEither<TableError, Ranked[]> => {
  const bound = below === undefined ? { values: {} } : { key: 'balance < :a', values: { ':a': below } }
  return query(client, table, shard, { index: BY_BALANCE, ...bound, highest_first: true }, items_max)
}

/** So many with one balance are read and sorted; of more, those that come first are looked for in the order of ids. */
const TIES_MAX = 2_000

/** A shard's customers with exactly this balance, by id, those after `after_id`. */
export const withBalance = (
  client: DynamoDBDocumentClient,
  table: string,
  shard: string,
  balance: bigint,
  after_id: string | undefined,
  items_max: number,
): TaskEither<TableError, Ranked[]> => {
  const values = { ':b': balance }
  const all: Condition = { index: BY_BALANCE, key: 'balance = :b', values, highest_first: false }
  const from = after_id === undefined ? { values } : { key: 'id > :a', values: { ...values, ':a': after_id } }
  const inOrder: Condition = { index: BY_ID, filter: 'balance = :b', ...from, highest_first: false }
  return pipe(
    query(client, table, shard, all, TIES_MAX + 1),
    TE.chain(found =>
      found.length > TIES_MAX
        ? query(client, table, shard, inOrder, items_max)
        : TE.right(
            found
              .filter(({ id }) => after_id === undefined || id > after_id)
              .sort((a, b) => (a.id < b.id ? -1 : 1))
              .slice(0, items_max),
          ),
    ),
  )
}
