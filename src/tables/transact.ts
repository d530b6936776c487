/**
 * One TransactWriteItems of a projection: heads that move, and what moves with them. Whole or not at all.
 */

import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import { type DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither } from '../fp.js'
import type { ClientId } from '../ledger/client-id.js'
import type { Customer } from '../ledger/fold.js'
import { type TableError, tryTable } from './errors.js'
import { type HeadShape, headCondition, headItem } from './heads.js'

/** DynamoDB's limit: items of one TransactWriteItems. */
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
}

const headPut = (table: string, shape: HeadShape, { id, from, to }: Change) => ({
  Put: { TableName: table, Item: headItem(shape, id, to), ...headCondition(shape, from) },
})

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

/** Which items' conditions failed, by their place in the transaction; none for another kind of error. */
const failedAt = ({ cause }: TableError): number[] =>
  cause instanceof TransactionCanceledException
    ? (cause.CancellationReasons ?? []).flatMap(({ Code }, at) => (Code === FAILED ? [at] : []))
    : []

const send = (
  client: DynamoDBDocumentClient,
  table: string,
  shape: HeadShape,
  { heads, inserts, additions }: Transaction,
): TaskEither<TableError, unknown> =>
  tryTable(`write ${heads.length} customers to ${table}`, () =>
    client.send(
      new TransactWriteCommand({
        TransactItems: [
          ...heads.map(change => headPut(table, shape, change)),
          ...inserts.map(insert => insertPut(table, insert)),
          ...[...additions].map(([id, numbers]) => addition(table, id, numbers)),
        ],
      }),
    ),
  )

/**
 * Writes up to 100 items whole or not at all. `ConditionFailed` when a head is not as it was read: somebody else wrote
 * first. An insert whose id is another event's is made under the id that it has instead.
 */
export const writeTransaction =
  (
    client: DynamoDBDocumentClient,
    table: string,
    shape: HeadShape,
    transaction: Transaction,
  ): TaskEither<TableError, void> =>
  async () => {
    const { heads } = transaction
    const first = await send(client, table, shape, transaction)()
    if (E.isRight(first)) return E.right(undefined)
    const failed = failedAt(first.left)
    if (failed.length === 0 || failed.some(at => at < heads.length)) return first
    const taken = new Set(failed.map(at => at - heads.length))
    const inserts = transaction.inserts.map((insert, i) =>
      taken.has(i) ? { ...insert, id: insert.instead_id } : insert,
    )
    const second = await send(client, table, shape, { ...transaction, inserts })()
    return pipe(
      second,
      E.map(() => undefined),
    )
  }
