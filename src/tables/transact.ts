/**
 * One TransactWriteItems of a projection: heads that move, and what moves with them. Whole or not at all.
 */

import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import { type DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import { E, type TaskEither } from '../fp.js'
import type { ClientId } from '../ledger/client-id.js'
import type { Customer } from '../ledger/fold.js'
import { type TableError, tryTable } from './errors.js'
import { type HeadShape, headCondition, headItem, isNew } from './heads.js'
import { type Mark, markUpdate, unlessOvertaken } from './identity.js'

/** DynamoDB's limit: items of one TransactWriteItems, the mark in the table's identity among them. */
export const WRITE_ITEMS_MAX = 100

/** A customer as it was read and as it shall be. */
export type Change = { readonly id: ClientId; readonly from: Customer; readonly to: Customer }

/** An item that is made once. Where `id` belongs to an item of another event, `instead_id` takes its place. */
export type Insert = {
  readonly id: string
  readonly instead_id: string
  /** The stream sequence of the event that makes it; also an attribute of the item. */
  readonly seq: number
  readonly attributes: Readonly<Record<string, unknown>>
}

export type Transaction = {
  readonly heads: readonly Change[]
  readonly inserts: readonly Insert[]
  /** By item, what is added to its numbers; an item that is missing begins at 0. */
  readonly additions: ReadonlyMap<string, Readonly<Record<string, bigint>>>
  /** How far the table is folded with this transaction, where it notes that. */
  readonly mark?: Mark | undefined
}

/** A customer that turns out to have no event loses its item. */
const headWrite = (table: string, shape: HeadShape, { id, from, to }: Change) =>
  isNew(to)
    ? { Delete: { TableName: table, Key: { id: shape.prefix + id }, ...headCondition(shape, from) } }
    : { Put: { TableName: table, Item: headItem(shape, id, to), ...headCondition(shape, from) } }

const insertPut = (table: string, { id, seq, attributes }: Insert) => ({
  Put: {
    TableName: table,
    Item: { id, seq, ...attributes },
    ConditionExpression: 'attribute_not_exists(id) OR seq = :seq',
    ExpressionAttributeValues: { ':seq': seq },
  },
})

const addition = (table: string, id: string, numbers: Readonly<Record<string, bigint>>) => {
  const named = Object.entries(numbers).map(([name, by], i) => ({ name, by, n: `#n${i}`, v: `:v${i}` }))
  return {
    Update: {
      TableName: table,
      Key: { id },
      UpdateExpression: `ADD ${named.map(({ n, v }) => `${n} ${v}`).join(', ')}`,
      ExpressionAttributeNames: Object.fromEntries(named.map(({ n, name }) => [n, name])),
      ExpressionAttributeValues: Object.fromEntries(named.map(({ v, by }) => [v, by])),
    },
  }
}

const FAILED = 'ConditionalCheckFailed'
/** A transaction fails at most once for its mark and once for the ids of its inserts, together or one by one. */
const TRIES_MAX = 3

/** Which items' conditions failed, by their place in the transaction; none for another kind of error. */
const failedAt = ({ cause }: TableError): number[] =>
  cause instanceof TransactionCanceledException
    ? (cause.CancellationReasons ?? []).flatMap(({ Code }, at) => (Code === FAILED ? [at] : []))
    : []

const send = (
  client: DynamoDBDocumentClient,
  table: string,
  shape: HeadShape,
  { heads, inserts, additions, mark }: Transaction,
): TaskEither<TableError, unknown> =>
  tryTable(`write ${heads.length} customers to ${table}`, () =>
    client.send(
      new TransactWriteCommand({
        TransactItems: [
          ...heads.map(change => headWrite(table, shape, change)),
          ...inserts.map(insert => insertPut(table, insert)),
          ...[...additions].map(([id, numbers]) => addition(table, id, numbers)),
          ...(mark === undefined ? [] : [{ Update: markUpdate(table, mark) }]),
        ],
      }),
    ),
  )

const isEmpty = ({ heads, inserts, additions, mark }: Transaction): boolean =>
  heads.length + inserts.length + additions.size === 0 && mark === undefined

/** An insert whose id is another event's is made under the id that it has instead. */
const withTaken = (transaction: Transaction, failed: readonly number[]): Transaction => {
  const taken = new Set(failed.map(at => at - transaction.heads.length))
  const inserts = transaction.inserts.map((insert, i) =>
    taken.has(i) ? { ...insert, id: insert.instead_id } : insert,
  )
  return { ...transaction, inserts }
}

/**
 * What to write instead of a transaction of which only a mark that was overtaken or the ids of inserts failed; `error`
 * itself, or `NotOurs`, where there is nothing to write instead.
 */
const mended = async (
  client: DynamoDBDocumentClient,
  table: string,
  transaction: Transaction,
  error: TableError,
): Promise<E.Either<TableError, Transaction>> => {
  const { heads, inserts, additions, mark } = transaction
  const failed = failedAt(error)
  const is_mark = mark !== undefined && failed.includes(heads.length + inserts.length + additions.size)
  const overtaken = is_mark ? await unlessOvertaken(client, table, mark)() : E.right(undefined)
  if (E.isLeft(overtaken)) return overtaken
  if (failed.length === 0 || failed.some(at => at < heads.length)) return E.left(error)
  return E.right(withTaken(is_mark ? { ...transaction, mark: undefined } : transaction, failed))
}

/**
 * Writes up to 100 items whole or not at all. `ConditionFailed` when a head is not as it was read: somebody else wrote
 * first. `NotOurs` when the mark cannot be noted because the table is another epoch's; a mark that was overtaken is
 * left out.
 */
export const writeTransaction =
  (
    client: DynamoDBDocumentClient,
    table: string,
    shape: HeadShape,
    transaction: Transaction,
  ): TaskEither<TableError, void> =>
  async () => {
    let next = transaction
    for (let attempt = 1; ; attempt += 1) {
      if (isEmpty(next)) return E.right(undefined)
      const sent = await send(client, table, shape, next)()
      if (E.isRight(sent)) return E.right(undefined)
      if (attempt === TRIES_MAX) return sent
      const instead = await mended(client, table, next, sent.left)
      if (E.isLeft(instead)) return instead
      next = instead.right
    }
  }
