/** Creates the balances table for specs of single writes, which need no identity of the table and no projection. */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { TABLES } from '../../src/tables/definition.js'
import { createTable } from '../../src/tables/provision.js'
import { right } from './ledger.js'

export const createBalancesTable = (client: DynamoDBDocumentClient, table: string): Promise<void> =>
  right(createTable(client, table, TABLES.balances))
