/**
 * The table of balances: one item per customer, the fold of its subject up to `seq`.
 *
 * Nobody may move an item back or apply an event twice, so every write carries the condition that the item is still
 * the one that was read (docs/adr/0003): its `seq`, and also what a repair may change while `seq` stays.
 */

import { BatchGetCommand, type DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import type { ClientId } from '../ledger/client-id.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import { type TableError, tryTable } from './errors.js'

/** DynamoDB's limits: keys of one BatchGetItem, items of one TransactWriteItems. */
export const READ_KEYS_MAX = 100
export const WRITE_ITEMS_MAX = 100

const whole = new t.Type<number, bigint, unknown>(
  'whole number',
  (u): u is number => typeof u === 'number',
  (u, context) =>
    typeof u === 'bigint' && u >= 0n && u <= Number.MAX_SAFE_INTEGER
      ? t.success(Number(u))
      : t.failure(u, context),
  BigInt,
)

const Item = t.intersection([
  t.type({ id: t.string, client_balance: t.bigint, version: whole, seq: whole }),
  t.partial({ parked_seq: whole, parked_schema: whole, parked_last_seq: whole }),
])
type Item = t.TypeOf<typeof Item>

const toCustomer = ({ client_balance, version, seq, ...rest }: Item): Customer => {
  const { parked_seq, parked_schema = 0, parked_last_seq = parked_seq } = rest
  return {
    account: { balance: client_balance, version, seq },
    ...(parked_seq === undefined || parked_last_seq === undefined
      ? {}
      : { parked: { seq: parked_seq, schema: parked_schema, last_seq: parked_last_seq } }),
  }
}

const toItem = (id: ClientId, { account, parked }: Customer) => ({
  id,
  client_balance: account.balance,
  version: account.version,
  seq: account.seq,
  ...(parked === undefined
    ? {}
    : { parked_seq: parked.seq, parked_schema: parked.schema, parked_last_seq: parked.last_seq }),
})

/** Decodes an item as it came from DynamoDB; an item that is not ours to read is `Unexpected`. */
export const decodeItem = (raw: unknown): E.Either<TableError, { id: string; customer: Customer }> =>
  pipe(
    Item.decode(raw),
    E.bimap(
      () => ({ tag: 'Unexpected', message: `an item of the balances table is not readable: ${show(raw)}` }),
      item => ({ id: item.id, customer: toCustomer(item) }),
    ),
  )

const show = (raw: unknown): string =>
  JSON.stringify(raw, (_, value) => (typeof value === 'bigint' ? String(value) : value)).slice(0, 200)

/** A customer as it was read and as it shall be. */
export type Change = { readonly id: ClientId; readonly from: Customer; readonly to: Customer }

const isNew = ({ account, parked }: Customer): boolean => account.seq === 0 && parked === undefined

const conditionOf = ({ account, parked }: Customer) => ({
  ConditionExpression: `seq = :seq AND client_balance = :balance AND version = :version AND ${
    parked === undefined ? 'attribute_not_exists(parked_last_seq)' : 'parked_last_seq = :parked'
  }`,
  ExpressionAttributeValues: {
    ':seq': account.seq,
    ':balance': account.balance,
    ':version': account.version,
    ...(parked === undefined ? {} : { ':parked': parked.last_seq }),
  },
})

const put = (table: string, { id, from, to }: Change) => ({
  Put: {
    TableName: table,
    Item: toItem(id, to),
    ...(isNew(from) ? { ConditionExpression: 'attribute_not_exists(id)' } : conditionOf(from)),
  },
})

/** Writes up to 100 changes whole or not at all; `ConditionFailed` when an item is not as it was read. */
export const writeChanges = (
  client: DynamoDBDocumentClient,
  table: string,
  changes: readonly Change[],
): TaskEither<TableError, void> =>
  pipe(
    tryTable(`write ${changes.length} balances`, () =>
      client.send(new TransactWriteCommand({ TransactItems: changes.map(change => put(table, change)) })),
    ),
    TE.map(() => undefined),
  )

/** A throttled BatchGetItem answers a part of its keys; the rest is asked for again so often. */
const READ_ROUNDS_MAX = 5

/**
 * Reads up to 100 customers; one without an item is `NEW_CUSTOMER`.
 *
 * Reads are strongly consistent: an eventually consistent one may be answered by two replicas in turn, and a reader
 * would see a balance go back.
 */
export const readCustomers = (
  client: DynamoDBDocumentClient,
  table: string,
  ids: readonly ClientId[],
): TaskEither<TableError, Map<ClientId, Customer>> =>
  pipe(
    tryTable(`read ${ids.length} balances`, async () => {
      const raws: unknown[] = []
      let keys: Record<string, unknown>[] = ids.map(id => ({ id }))
      for (let round = 1; keys.length > 0; round += 1) {
        if (round > READ_ROUNDS_MAX) throw throttled(keys.length)
        const { Responses, UnprocessedKeys } = await client.send(
          new BatchGetCommand({ RequestItems: { [table]: { Keys: keys, ConsistentRead: true } } }),
        )
        raws.push(...(Responses?.[table] ?? []))
        keys = UnprocessedKeys?.[table]?.Keys ?? []
      }
      return raws
    }),
    TE.chainEitherK(raws => E.traverseArray(decodeItem)(raws)),
    TE.map(found => {
      const customers = new Map<string, Customer>(found.map(({ id, customer }) => [id, customer]))
      return new Map(ids.map(id => [id, customers.get(id) ?? NEW_CUSTOMER]))
    }),
  )

const throttled = (keys: number): Error =>
  Object.assign(new Error(`${keys} keys were left unprocessed ${READ_ROUNDS_MAX} times`), {
    name: 'ThrottlingException',
  })
