/**
 * Writes one transaction of a projection (TransactWriteItems), all or nothing: heads, new items, sums and the table's mark.
 */

import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E, type TaskEither } from '../fp.js'
import type { AccountId } from '../ledger/account-id.js'
import type { Customer } from '../ledger/fold.js'
import type { PlainItem } from './attribute-values.js'
import { type TableError, tryTable } from './errors.js'
import { headCondition, headItem, isNew } from './heads.js'
import { markUpdate, type ProgressMark, unlessOvertaken } from './identity.js'
import { type PlainWrite, sendTransaction } from './transact-request.js'

/** The largest number of items in one TransactWriteItems, including the table's mark; a limit of DynamoDB. */
export const WRITE_ITEMS_MAX = 100

/** A change of a customer's head: `from` is the state that was read, `to` the state to write. */
export type Change = { readonly id: AccountId; readonly from: Customer; readonly to: Customer }

/** An item that is made once. If another event's item already has the key `id`, the key is `instead_id`. */
export type Insert = {
  readonly id: string
  readonly instead_id: string
  /** The stream sequence of the event that makes the item; also an attribute of it. */
  readonly seq: number
  readonly attributes: PlainItem
}

export type Transaction = {
  readonly heads: readonly Change[]
  readonly inserts: readonly Insert[]
  /** For each item, the amounts to add to its numbers. A missing item begins at 0. */
  readonly additions: ReadonlyMap<string, Readonly<Record<string, bigint>>>
  /** The table's progress after this transaction, if the transaction notes it. */
  readonly mark?: ProgressMark | undefined
}

/** The write of a head. The item is deleted when the customer turns out to have no event. */
const headWrite = (table: string, { id, from, to }: Change): PlainWrite =>
  isNew(to)
    ? { Delete: { TableName: table, Key: { id }, ...headCondition(from) } }
    : { Put: { TableName: table, Item: headItem(id, to), ...headCondition(from) } }

const insertPut = (table: string, { id, seq, attributes }: Insert): PlainWrite => ({
  Put: {
    TableName: table,
    Item: { id, seq, ...attributes },
    ConditionExpression: 'attribute_not_exists(id) OR seq = :seq',
    ExpressionAttributeValues: { ':seq': seq },
  },
})

const addition = (table: string, id: string, numbers: Readonly<Record<string, bigint>>): PlainWrite => {
  const terms = Object.entries(numbers).map(([name, by], i) => ({ name, by, n: `#n${i}`, v: `:v${i}` }))
  return {
    Update: {
      TableName: table,
      Key: { id },
      UpdateExpression: `ADD ${terms.map(({ n, v }) => `${n} ${v}`).join(', ')}`,
      ExpressionAttributeNames: Object.fromEntries(terms.map(({ n, name }) => [n, name])),
      ExpressionAttributeValues: Object.fromEntries(terms.map(({ v, by }) => [v, by])),
    },
  }
}

const FAILED = 'ConditionalCheckFailed'
/** A transaction can fail once for its mark and once for the ids of its inserts, at the same time or one after the other. */
const TRIES_MAX = 3

/** The places in the transaction of the items whose conditions failed; empty for another kind of error. */
const failedAt = ({ cause }: TableError): number[] =>
  cause instanceof TransactionCanceledException
    ? (cause.CancellationReasons ?? []).flatMap(({ Code }, at) => (Code === FAILED ? [at] : []))
    : []

const send = (
  client: DynamoDBDocumentClient,
  table: string,
  { heads, inserts, additions, mark }: Transaction,
): TaskEither<TableError, unknown> =>
  tryTable(`write ${heads.length} customers to ${table}`, () =>
    sendTransaction(client, table, [
      ...heads.map(change => headWrite(table, change)),
      ...inserts.map(insert => insertPut(table, insert)),
      ...[...additions].map(([id, numbers]) => addition(table, id, numbers)),
      ...(mark === undefined ? [] : [{ Update: markUpdate(table, mark) }]),
    ]),
  )

const isEmpty = ({ heads, inserts, additions, mark }: Transaction): boolean =>
  heads.length + inserts.length + additions.size === 0 && mark === undefined

/** The transaction in which the inserts that failed, because another event has their id, use their `instead_id`. */
const withOtherIds = (transaction: Transaction, failed: readonly number[]): Transaction => {
  const taken = new Set(failed.map(at => at - transaction.heads.length))
  const inserts = transaction.inserts.map((insert, i) =>
    taken.has(i) ? { ...insert, id: insert.instead_id } : insert,
  )
  return { ...transaction, inserts }
}

/**
 * Makes the transaction to write instead of one that failed only by an overtaken mark or by the ids of inserts. For any
 * other failure, left is `error` itself or `NotOurs`.
 */
const mendTransaction = async (
  client: DynamoDBDocumentClient,
  table: string,
  transaction: Transaction,
  error: TableError,
): Promise<E.Either<TableError, Transaction>> => {
  const { heads, inserts, additions, mark } = transaction
  const failed = failedAt(error)
  const has_mark_failed =
    mark !== undefined && failed.includes(heads.length + inserts.length + additions.size)
  const overtaken = has_mark_failed ? await unlessOvertaken(client, table, mark)() : E.right(undefined)
  if (E.isLeft(overtaken)) return overtaken
  if (failed.length === 0 || failed.some(at => at < heads.length)) return E.left(error)
  return E.right(withOtherIds(has_mark_failed ? { ...transaction, mark: undefined } : transaction, failed))
}

/**
 * Writes up to 100 items, all or none. `ConditionFailed` when a head is not as it was read: another writer was first.
 * `NotOurs` when the mark cannot be noted because the table is in another epoch or was set back; an overtaken mark is left
 * out.
 */
export const writeTransaction =
  (client: DynamoDBDocumentClient, table: string, transaction: Transaction): TaskEither<TableError, void> =>
  async () => {
    let next = transaction
    for (let attempt = 1; ; attempt += 1) {
      if (isEmpty(next)) return E.right(undefined)
      const sent = await send(client, table, next)()
      if (E.isRight(sent)) return E.right(undefined)
      if (attempt === TRIES_MAX) return sent
      const instead = await mendTransaction(client, table, next, sent.left)
      if (E.isLeft(instead)) return instead
      next = instead.right
    }
  }
