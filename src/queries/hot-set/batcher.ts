/**
 * The request batcher: requests that run at the same time share BatchGetItem calls. Beside each call goes one request for
 * the newest events of its customers, which tell whether an item is the one that the projection wrote.
 *
 * A single GetItem costs the SDK about a millisecond of processor time, an item of a batch a tenth of it. No request
 * waits for a batch to fill: requests that arrive while all calls are busy go with the next call, at most 99 keys each.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { NatsConnection } from 'nats'
import { E, pipe, type TaskEither } from '../../fp.js'
import { createGatherer } from '../../gather.js'
import { type AccountId, eventSubject } from '../../ledger/account-id.js'
import { type Customer, NEW_CUSTOMER } from '../../ledger/fold.js'
import type { StreamError } from '../../stream/errors.js'
import { lastRecorded } from '../../stream/read.js'
import type { Recorded } from '../../stream/recorded.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import type { TableError } from '../../tables/errors.js'
import { READ_KEYS_MAX, readTrustedHeads } from '../../tables/heads.js'
import { type ActiveOf, readActive } from '../deps.js'

export type BatcherOptions = {
  readonly nc: NatsConnection
  readonly tables: DynamoDBDocumentClient
  readonly active: ActiveOf
  /** The largest number of BatchGetItem calls at once. The endpoint bounds the number of waiting requests. */
  readonly calls_in_flight_max: number
}

/** The newest event of a customer's subject that a replica knows; `is_known` is false while no replica answers. */
export type Newest = { readonly is_known: boolean; readonly last?: Recorded | undefined }

/** A customer as it was read from the table. */
export type ReadItem = {
  readonly customer: Customer
  readonly table: string
  /** The table was folded at least up to this sequence. */
  readonly newest_seq: number
  readonly newest: Newest
}

export type BatchError = TableError | StreamError

/** Reads one customer, strongly consistent; a customer without events is `NEW_CUSTOMER`. */
export type ReadCustomer = (id: AccountId) => TaskEither<BatchError, ReadItem>

type Result = E.Either<BatchError, ReadItem>

export const createBatcher = ({ nc, tables, active, calls_in_flight_max }: BatcherOptions): ReadCustomer => {
  const readMany = async (ids: readonly AccountId[]): Promise<ReadonlyMap<AccountId, Result>> => {
    const [read, newest] = await Promise.all([
      readActive(active, ({ table, trust }) => readTrustedHeads(tables, table, ids, trust))(),
      lastRecorded(nc, LEDGER_STREAM, ids.map(eventSubject))(),
    ])
    const resultOf = (id: AccountId): Result =>
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
