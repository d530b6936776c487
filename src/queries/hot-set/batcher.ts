/**
 * The request batcher: requests that are under way at the same time share BatchGetItem calls, each beside one request for
 * the newest events of its customers, which tell whether an item is the one that the projection left there.
 *
 * A single GetItem costs the SDK about a millisecond of processor time, an item of a batch a tenth of it. Nothing
 * waits for a batch to fill: what arrives while all calls are busy goes with the next one, at most 99 keys each.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { NatsConnection } from 'nats'
import { E, pipe, type TaskEither } from '../../fp.js'
import { createGatherer } from '../../gather.js'
import { type ClientId, eventSubject } from '../../ledger/client-id.js'
import { type Customer, NEW_CUSTOMER } from '../../ledger/fold.js'
import type { StreamError } from '../../stream/errors.js'
import { lastRecorded } from '../../stream/read.js'
import type { Recorded } from '../../stream/recorded.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import { BALANCE_ITEM } from '../../tables/balances.js'
import type { TableError } from '../../tables/errors.js'
import { READ_KEYS_MAX, readTrustedHeads } from '../../tables/heads.js'
import { type ActiveOf, readActive } from '../deps.js'

export type BatcherOptions = {
  readonly nc: NatsConnection
  readonly tables: DynamoDBDocumentClient
  readonly active: ActiveOf
  /** BatchGetItem calls under way at once. How many requests wait is bounded by the endpoint. */
  readonly calls_in_flight_max: number
}

/** What a replica of the stream knows of a customer's subject; `is_known` is false while none can be asked. */
export type Newest = { readonly is_known: boolean; readonly last?: Recorded | undefined }

/** A customer as it was read. */
export type Item = {
  readonly customer: Customer
  readonly table: string
  /** How far the table was folded at the least. */
  readonly newest_seq: number
  readonly newest: Newest
}

export type BatchError = TableError | StreamError

/** Reads one customer, strongly consistent; one without events is `NEW_CUSTOMER`. */
export type ReadCustomer = (id: ClientId) => TaskEither<BatchError, Item>

type Result = E.Either<BatchError, Item>

export const createBatcher = ({ nc, tables, active, calls_in_flight_max }: BatcherOptions): ReadCustomer => {
  const readMany = async (ids: readonly ClientId[]): Promise<ReadonlyMap<ClientId, Result>> => {
    const [read, newest] = await Promise.all([
      readActive(active, ({ table, trust }) => readTrustedHeads(tables, table, BALANCE_ITEM, ids, trust))(),
      lastRecorded(nc, LEDGER_STREAM, ids.map(eventSubject))(),
    ])
    const resultOf = (id: ClientId): Result =>
      pipe(
        read,
        E.map(({ table, found: { heads, identity } }) => ({
          table,
          customer: heads.get(id) ?? NEW_CUSTOMER,
          newest_seq: identity?.newest.seq ?? 0,
          newest: E.isLeft(newest)
            ? { is_known: false }
            : { is_known: true, last: newest.right.get(eventSubject(id)) },
        })),
      )
    return new Map(ids.map(id => [id, resultOf(id)]))
  }
  const read = createGatherer(READ_KEYS_MAX, calls_in_flight_max, readMany)

  return id => async () => {
    const result = await read(id)
    if (result === undefined) throw new Error(`${id} was asked for and not read`)
    return result
  }
}
