/**
 * Reads the indexes over heads: customers by balance and by id, each spread over shards (docs/adr/0011). A function here
 * reads a page of one shard; its caller asks every shard and merges the pages.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { AccountId } from '../ledger/account-id.js'
import { describeErrors, fieldsOf } from '../ledger/codec.js'
import { BY_BALANCE, BY_ID } from './definition.js'
import type { TableError } from './errors.js'
import { queryItems } from './query.js'

const Item = fieldsOf({ id: AccountId, client_balance: t.bigint, version: t.bigint })

/** A customer in the ranking. */
export type Ranked = { readonly id: AccountId; readonly balance: bigint; readonly version: number }

const decode = (raw: unknown): E.Either<TableError, Ranked> =>
  pipe(
    Item.decode(raw),
    E.bimap(
      errors => ({ tag: 'Unexpected', message: `an item of the index: ${describeErrors(errors)}` }),
      ({ id, client_balance, version }) => ({ id, balance: client_balance, version: Number(version) }),
    ),
  )

type Condition = {
  readonly index: typeof BY_BALANCE | typeof BY_ID
  /** A condition on the sort key; `:a` and `:b` stand for `values`. */
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
        // `shard` is a reserved word of DynamoDB
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

/** Characters before and after all those of a client id. */
const [BEFORE_ALL, AFTER_ALL] = ['!', '~']

/** Where to go on in the order of the ids: after one of them, and only as long as they begin with `prefix`. */
export type IdRange = { readonly after_id?: string | undefined; readonly prefix?: string | undefined }

const idCondition = ({ after_id, prefix }: IdRange): Pick<Condition, 'key' | 'values'> => {
  if (prefix !== undefined) {
    const from = after_id === undefined ? prefix : after_id + BEFORE_ALL
    return { key: 'id BETWEEN :a AND :b', values: { ':a': from, ':b': prefix + AFTER_ALL } }
  }
  return after_id === undefined ? { values: {} } : { key: 'id > :a', values: { ':a': after_id } }
}

/** Reads a shard's customers in the order of their ids. */
export const customersById = (
  client: DynamoDBDocumentClient,
  table: string,
  shard: string,
  range: IdRange,
  items_max: number,
): TaskEither<TableError, Ranked[]> =>
  query(client, table, shard, { index: BY_ID, ...idCondition(range), highest_first: false }, items_max)

/** Reads a shard's customers with the highest balances below `below`; equal balances come in any order. */
export const highestBelow = (
  client: DynamoDBDocumentClient,
  table: string,
  shard: string,
  below: bigint | undefined,
  items_max: number,
): TaskEither<TableError, Ranked[]> => {
  const bound = below === undefined ? { values: {} } : { key: 'client_balance < :a', values: { ':a': below } }
  return query(client, table, shard, { index: BY_BALANCE, ...bound, highest_first: true }, items_max)
}

/** Up to this many customers with one balance are read and sorted. For more, the index by id is searched in its order. */
const TIES_MAX = 2_000

/** Reads a shard's customers with exactly this balance, in the order of their ids, from the first one after `after_id`. */
export const withBalance = (
  client: DynamoDBDocumentClient,
  table: string,
  shard: string,
  balance: bigint,
  after_id: string | undefined,
  items_max: number,
): TaskEither<TableError, Ranked[]> => {
  const values = { ':b': balance }
  const all: Condition = { index: BY_BALANCE, key: 'client_balance = :b', values, highest_first: false }
  const from = after_id === undefined ? { values } : { key: 'id > :a', values: { ...values, ':a': after_id } }
  const inOrder: Condition = { index: BY_ID, filter: 'client_balance = :b', ...from, highest_first: false }
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
