/**
 * Creates the tables where they are missing, as `serve` and `dev` find them; on AWS the CDK stack makes them.
 */

import {
  type AttributeDefinition,
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  type GlobalSecondaryIndex,
  type KeySchemaElement,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { pipe, type TaskEither, TE } from '../fp.js'
import { TABLES, type TableDefinition } from './definition.js'
import { type TableError, tryTable } from './errors.js'

const ACTIVE_WITHIN_S = 60

/** Whether the table is there. */
export const tableExists = (client: DynamoDBDocumentClient, table: string): TaskEither<TableError, boolean> =>
  pipe(
    tryTable(`table ${table}`, () => client.send(new DescribeTableCommand({ TableName: table }))),
    TE.matchEW(
      error => (error.tag === 'NotFound' ? TE.right(false) : TE.left(error)),
      () => TE.right(true),
    ),
  )

const keySchema = (partition: string, sort?: string): KeySchemaElement[] => [
  { AttributeName: partition, KeyType: 'HASH' },
  ...(sort === undefined ? [] : [{ AttributeName: sort, KeyType: 'RANGE' as const }]),
]

const attributesOf = ({ indexes }: TableDefinition): AttributeDefinition[] => {
  const types = new Map<string, 'S' | 'N'>([['id', 'S']])
  for (const { partition, sort } of indexes)
    types.set(partition.name, partition.type).set(sort.name, sort.type)
  return [...types].map(([name, type]) => ({ AttributeName: name, AttributeType: type }))
}

const indexesOf = ({ indexes }: TableDefinition): GlobalSecondaryIndex[] =>
  indexes.map(({ name, partition, sort }) => ({
    IndexName: name,
    KeySchema: keySchema(partition.name, sort.name),
    Projection: { ProjectionType: 'ALL' },
  }))

/** Makes a table (key `id`, on demand) with its indexes and waits until it can be used. */
export const createTable = (
  client: DynamoDBDocumentClient,
  table: string,
  definition: TableDefinition,
): TaskEither<TableError, void> =>
  pipe(
    tryTable(`create table ${table}`, () =>
      client.send(
        new CreateTableCommand({
          TableName: table,
          AttributeDefinitions: attributesOf(definition),
          KeySchema: keySchema('id'),
          BillingMode: 'PAY_PER_REQUEST',
          ...(definition.indexes.length === 0 ? {} : { GlobalSecondaryIndexes: indexesOf(definition) }),
        }),
      ),
    ),
    // another instance is creating it at this moment
    TE.orElseW(error => (isInUse(error) ? TE.right(undefined) : TE.left(error))),
    TE.chain(() =>
      tryTable(`table ${table}`, () =>
        waitUntilTableExists(
          { client, maxWaitTime: ACTIVE_WITHIN_S, minDelay: 1, maxDelay: 2 },
          { TableName: table },
        ),
      ),
    ),
    TE.map(() => undefined),
  )

/** Makes the balances table. */
export const createBalancesTable = (
  client: DynamoDBDocumentClient,
  table: string,
): TaskEither<TableError, void> => createTable(client, table, TABLES.balances)

/** Removes a table with all its items and waits until it is gone; no error where there is none. */
export const dropTable = (client: DynamoDBDocumentClient, table: string): TaskEither<TableError, void> =>
  pipe(
    tryTable(`drop table ${table}`, () => client.send(new DeleteTableCommand({ TableName: table }))),
    // it is being removed already, by whomever
    TE.orElseW(error => (isInUse(error) ? TE.right(undefined) : TE.left(error))),
    TE.chain(() =>
      tryTable(`drop table ${table}`, () =>
        // until then its name cannot be given to a new one
        waitUntilTableNotExists(
          { client, maxWaitTime: ACTIVE_WITHIN_S, minDelay: 1, maxDelay: 2 },
          { TableName: table },
        ),
      ),
    ),
    TE.map(() => undefined),
    TE.orElse(error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error))),
  )

const isInUse = ({ cause }: TableError): boolean =>
  cause instanceof Error && cause.name === 'ResourceInUseException'
