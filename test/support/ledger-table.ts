/** The table for specs of single writes, which need no identity of the table and no projection. */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { TaskEither } from '../../src/fp.js'
import { TABLES } from '../../src/tables/definition.js'
import type { TableError } from '../../src/tables/errors.js'
import { createTable } from '../../src/tables/provision.js'
import { type Change, writeTransaction } from '../../src/tables/transact.js'
import { right } from './ledger.js'

/** Creates a table of the projection under the name `table`. */
export const createLedgerTable = (client: DynamoDBDocumentClient, table: string): Promise<void> =>
  right(createTable(client, table, TABLES.ledger))

/** Writes heads in one transaction, without rows and sums. */
export const writeChanges = (
  client: DynamoDBDocumentClient,
  table: string,
  changes: readonly Change[],
): TaskEither<TableError, void> =>
  writeTransaction(client, table, { heads: changes, inserts: [], additions: new Map() })
