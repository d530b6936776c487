/**
 * The table of balances: one item per customer, the fold of its subject up to `seq`. Its items are heads, no more.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { TaskEither } from '../fp.js'
import type { ClientId } from '../ledger/client-id.js'
import type { Customer } from '../ledger/fold.js'
import type { TableError } from './errors.js'
import { type HeadShape, readHeads } from './heads.js'
import { type Change, writeTransaction } from './transact.js'

export { READ_KEYS_MAX } from './heads.js'

export const BALANCE_ITEM: HeadShape = { prefix: '', balance: 'client_balance' }

/** Writes up to 100 changes whole or not at all; `ConditionFailed` when an item is not as it was read. */
export const writeChanges = (
  client: DynamoDBDocumentClient,
  table: string,
  changes: readonly Change[],
): TaskEither<TableError, void> =>
  writeTransaction(client, table, BALANCE_ITEM, { heads: changes, inserts: [], additions: new Map() })

/** Reads up to 100 customers, strongly consistent; one without an item is `NEW_CUSTOMER`. */
export const readCustomers = (
  client: DynamoDBDocumentClient,
  table: string,
  ids: readonly ClientId[],
): TaskEither<TableError, Map<ClientId, Customer>> => readHeads(client, table, BALANCE_ITEM, ids)
