/**
 * Heads: one item per account that says how far the projection has folded the account, and the resulting state
 * (docs/adr/0003). Its key is the account id.
 *
 * A head moves in the same transaction that writes the other items of an event. It must never move back, and an event must
 * never be applied twice. So each write carries the condition that the head is still as it was read: its `seq`, and also the
 * attributes that a repair may change while `seq` stays.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import type { Account } from '../ledger/account.js'
import { AccountId } from '../ledger/account-id.js'
import { fieldsOf } from '../ledger/codec.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import { type AccountRules, firstExpiryMs } from '../ledger/rules.js'
import { readRules, rulesText } from '../ledger/rules-text.js'
import { fromAttributes } from './attribute-values.js'
import { BATCH_KEYS_MAX, batchGet } from './batch-get.js'
import { type TableError, tryTable } from './errors.js'
import { IDENTITY_ID, type Identity, notOurs, splitIdentity } from './identity.js'
import { shardOf } from './shard.js'
import { whole } from './whole.js'

/** The largest number of keys in one read: one key of BatchGetItem is the table's identity. */
export const READ_KEYS_MAX = BATCH_KEYS_MAX - 1

/** The rules of an account that is not plain, as one text (ledger/rules-text.ts). */
const rulesFromText = new t.Type<AccountRules, string, unknown>(
  'rules',
  (u): u is AccountRules => typeof u === 'object',
  (u, context) => {
    const rules = typeof u === 'string' ? readRules(u) : undefined
    return rules === undefined ? t.failure(u, context) : t.success(rules)
  },
  rulesText,
)

const Head = fieldsOf(
  { id: AccountId, client_balance: t.bigint, version: whole, seq: whole },
  {
    parked_seq: whole,
    parked_schema: whole,
    parked_last_seq: whole,
    account_rules: rulesFromText,
  },
)
type Head = t.TypeOf<typeof Head>

const toCustomer = ({ client_balance: balance, version, seq, ...rest }: Head): Customer => {
  const { parked_seq, parked_schema = 0, parked_last_seq = parked_seq, account_rules: rules } = rest
  return {
    account: rules === undefined ? { balance, version, seq } : { balance, version, seq, rules },
    ...(parked_seq === undefined || parked_last_seq === undefined
      ? {}
      : { parked: { seq: parked_seq, schema: parked_schema, last_seq: parked_last_seq } }),
  }
}

/** `held` is for those who look into the table: the program reads it from `account_rules` (`rules` is a word that DynamoDB reserves). */
const rulesAttributes = ({ rules }: Account) =>
  rules === undefined ? {} : { account_rules: rulesText(rules), held: rules.held }

/**
 * The attributes of the indexes over heads (`shard.ts` says why there are shards): the account's shard, and the time at
 * which its next hold expires.
 */
const indexAttributes = (id: AccountId, { rules }: Account) => {
  const expires_ms = rules === undefined ? undefined : firstExpiryMs(rules)
  return { shard: shardOf(id), ...(expires_ms === undefined ? {} : { expires_ms }) }
}

/** Encodes a customer's head as an item. */
export const headItem = (id: AccountId, { account, parked }: Customer) => ({
  id,
  ...indexAttributes(id, account),
  client_balance: account.balance,
  version: account.version,
  seq: account.seq,
  ...rulesAttributes(account),
  ...(parked === undefined
    ? {}
    : { parked_seq: parked.seq, parked_schema: parked.schema, parked_last_seq: parked.last_seq }),
})

const show = (raw: unknown): string =>
  JSON.stringify(raw, (_, value) => (typeof value === 'bigint' ? String(value) : value)).slice(0, 200)

/** Decodes an item of DynamoDB as a head. An item that is not a head is `Unexpected`. */
export const decodeHead = (raw: unknown): E.Either<TableError, { id: AccountId; customer: Customer }> => {
  const head = Head.decode(raw)
  return E.isLeft(head)
    ? E.left({ tag: 'Unexpected', message: `an item is no customer's, as it should be: ${show(raw)}` })
    : E.right({ id: head.right.id, customer: toCustomer(head.right) })
}

/** Whether a customer has no head yet. */
export const isNew = ({ account, parked }: Customer): boolean => account.seq === 0 && parked === undefined

/** The condition that a head is still as it was read. An item at sequence 0 counts as missing, because no event made it. */
export const headCondition = (from: Customer) => {
  if (isNew(from)) {
    return {
      ConditionExpression:
        'attribute_not_exists(id) OR (seq = :none AND attribute_not_exists(parked_last_seq))',
      ExpressionAttributeValues: { ':none': 0 },
    }
  }
  const { account, parked } = from
  return {
    ConditionExpression: `seq = :seq AND client_balance = :balance AND version = :version AND ${
      parked === undefined
        ? 'attribute_not_exists(parked_last_seq)'
        : 'parked_seq = :parked_seq AND parked_last_seq = :parked'
    } AND ${account.rules === undefined ? 'attribute_not_exists(account_rules)' : 'account_rules = :rules'}`,
    ExpressionAttributeValues: {
      ':seq': account.seq,
      ':balance': account.balance,
      ':version': account.version,
      ...(account.rules === undefined ? {} : { ':rules': rulesText(account.rules) }),
      ...(parked === undefined ? {} : { ':parked_seq': parked.seq, ':parked': parked.last_seq }),
    },
  }
}

/** Reads the items of up to 100 keys, undecoded and strongly consistent; a missing item is left out. */
export const readItems = (
  client: DynamoDBDocumentClient,
  table: string,
  ids: readonly string[],
): TaskEither<TableError, unknown[]> =>
  tryTable(`read ${ids.length} items of ${table}`, async () =>
    (await batchGet(client, table, ids)).map(fromAttributes),
  )

/**
 * Judges the identity that a table had when its items were read: returns the reason why they must not be used (the read
 * then fails with `NotOurs`), or undefined when they may be used.
 */
export type Trust = (found: Identity | undefined) => string | undefined

/** Items that were read together with the table's identity. */
export type Trusted = { readonly items: readonly unknown[]; readonly identity: Identity | undefined }

/** Reads the items of up to 99 keys together with the table's identity; `NotOurs` when `trust` rejects the identity. */
export const readTrusted = (
  client: DynamoDBDocumentClient,
  table: string,
  ids: readonly string[],
  trust: Trust,
): TaskEither<TableError, Trusted> =>
  pipe(
    readItems(client, table, [...ids, IDENTITY_ID]),
    TE.chainEitherK((raws): E.Either<TableError, Trusted> => {
      const { identity, others } = splitIdentity(raws)
      const problem = trust(identity)
      return problem === undefined
        ? E.right({ items: others, identity })
        : E.left({ tag: 'NotOurs', message: problem })
    }),
  )

/**
 * Does a `read` that cannot bring the table's identity with it, such as a query of an index. The identity is read before
 * and after it: `trust` has to accept it both times, and the epoch has to be the same, else `NotOurs`.
 */
export const readBelieved = <A>(
  client: DynamoDBDocumentClient,
  table: string,
  trust: Trust,
  read: TaskEither<TableError, A>,
): TaskEither<TableError, A> =>
  pipe(
    TE.Do,
    TE.bind('before', () => readTrusted(client, table, [], trust)),
    TE.bind('found', () => read),
    TE.bind('after', () => readTrusted(client, table, [], trust)),
    TE.chain(({ before, found, after }) =>
      before.identity?.epoch === after.identity?.epoch ? TE.right(found) : TE.left(notOurs(table)),
    ),
  )

const toHeads = (
  ids: readonly AccountId[],
  raws: readonly unknown[],
): E.Either<TableError, Map<AccountId, Customer>> =>
  pipe(
    raws,
    E.traverseArray(decodeHead),
    E.map(found => {
      const customers = new Map(found.map(({ id, customer }) => [id, customer]))
      return new Map(ids.map(id => [id, customers.get(id) ?? NEW_CUSTOMER]))
    }),
  )

export type TrustedHeads = {
  readonly heads: ReadonlyMap<AccountId, Customer>
  readonly identity: Identity | undefined
}

/** Reads the heads of up to 99 customers and the table's identity; `NotOurs` when `trust` rejects the identity. */
export const readTrustedHeads = (
  client: DynamoDBDocumentClient,
  table: string,
  ids: readonly AccountId[],
  trust: Trust,
): TaskEither<TableError, TrustedHeads> =>
  pipe(
    readTrusted(client, table, ids, trust),
    TE.chainEitherK(({ items, identity }) =>
      pipe(
        toHeads(ids, items),
        E.map(heads => ({ heads, identity })),
      ),
    ),
  )

/** Reads one customer's head; `NEW_CUSTOMER` when there is none, and `NotOurs` when `trust` rejects the table's identity. */
export const readTrustedHead = (
  client: DynamoDBDocumentClient,
  table: string,
  id: AccountId,
  trust: Trust,
): TaskEither<TableError, Customer> =>
  pipe(
    readTrustedHeads(client, table, [id], trust),
    TE.map(({ heads }) => heads.get(id) ?? NEW_CUSTOMER),
  )

/**
 * Reads the heads of up to 100 customers; a customer without a head is `NEW_CUSTOMER`.
 *
 * The read is strongly consistent. Eventually consistent reads may be answered by two replicas in turn, and a reader
 * would see a balance go back.
 */
export const readHeads = (
  client: DynamoDBDocumentClient,
  table: string,
  ids: readonly AccountId[],
): TaskEither<TableError, Map<AccountId, Customer>> =>
  pipe(
    readItems(client, table, ids),
    TE.chainEitherK(raws => toHeads(ids, raws)),
  )
