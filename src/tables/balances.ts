/**
 * The table of balances: one item per customer, which holds the fold of the customer's subject up to `seq`. Its items are
 * heads without further data.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { TaskEither } from '../fp.js'
import type { AccountId } from '../ledger/account-id.js'
import type { Customer } from '../ledger/fold.js'
import type { TableError } from './errors.js'
import { type HeadShape, readHeads } from './heads.js'
import { type Change, writeTransaction } from './transact.js'

export { READ_KEYS_MAX } from './heads.js'

export const BALANCE_ITEM: HeadShape = { prefix: '', balance: 'client_balance' }

/** Writes up to 100 changes in one transaction, all or none; `ConditionFailed` when an item is not as it was read. */
export const writeChanges = (
  client: DynamoDBDocumentClient,
  table: string,
  changes: readonly Change[],
): TaskEither<TableError, void> =>
  writeTransaction(client, table, BALANCE_ITEM, { heads: changes, inserts: [], additions: new Map() })

/** Reads up to 100 customers, strongly consistent; a customer without an item is `NEW_CUSTOMER`. */
export const readCustomers = (
  client: DynamoDBDocumentClient,
  table: string,
  ids: readonly AccountId[],
): TaskEither<TableError, Map<AccountId, Customer>> => readHeads(client, table, BALANCE_ITEM, ids)
