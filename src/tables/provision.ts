/**
 * Creates, describes and removes tables. `serve` and `dev` create missing tables with it; on AWS the CDK stack creates them.
 */

import {
  type AttributeDefinition,
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  type GlobalSecondaryIndex,
  type KeySchemaElement,
  type TableDescription,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { pipe, type TaskEither, TE } from '../fp.js'
import type { IndexDefinition, TableDefinition } from './definition.js'
import { type TableError, tryTable } from './errors.js'

const ACTIVE_WITHIN_S = 60

/** Facts about an existing table: DynamoDB's id of it, and sentences about keys and indexes that are not as defined. */
export type TableFacts = { readonly table_id: string; readonly problems: readonly string[] }

const describe = (
  client: DynamoDBDocumentClient,
  table: string,
): TaskEither<TableError, TableDescription | undefined> =>
  pipe(
    tryTable(`table ${table}`, () => client.send(new DescribeTableCommand({ TableName: table }))),
    TE.map(({ Table }) => Table),
    TE.orElse(error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error))),
  )

/** Whether the table exists. */
export const tableExists = (client: DynamoDBDocumentClient, table: string): TaskEither<TableError, boolean> =>
  pipe(
    describe(client, table),
    TE.map(found => found !== undefined),
  )

/** Reads the facts about a table and compares it with `definition`; undefined when it does not exist. */
export const tableFacts = (
  client: DynamoDBDocumentClient,
  table: string,
  definition: TableDefinition,
): TaskEither<TableError, TableFacts | undefined> =>
  pipe(
    describe(client, table),
    TE.map(found =>
      found === undefined
        ? undefined
        : {
            // a server without table ids has at least the time at which the table was made
            table_id: found.TableId ?? String(found.CreationDateTime?.toISOString()),
            problems: schemaProblems(found, definition),
          },
    ),
  )

const showKey = (
  keys: readonly KeySchemaElement[] = [],
  attributes: readonly AttributeDefinition[] = [],
): string =>
  keys
    .map(({ AttributeName: name, KeyType }) => {
      const type = attributes.find(({ AttributeName }) => AttributeName === name)?.AttributeType
      return `${name} (${type}, ${KeyType})`
    })
    .join(', ') || 'none'

/** The differences between a table's keys and indexes and its definition, as sentences. */
const schemaProblems = (
  { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes = [] }: TableDescription,
  definition: TableDefinition,
): string[] => {
  const wanted_attributes = attributesOf(definition)
  const wanted_key = showKey(keySchema('id'), wanted_attributes)
  const key = showKey(KeySchema, AttributeDefinitions)
  const indexes = definition.indexes.flatMap(index => {
    const { name } = index
    const wanted = indexOf(index)
    const found = GlobalSecondaryIndexes.find(({ IndexName }) => IndexName === name)
    if (found === undefined) return [`it has no index ${name}`]
    const should_be = showKey(wanted.KeySchema, wanted_attributes)
    const is = showKey(found.KeySchema, AttributeDefinitions)
    const carries = found.Projection?.ProjectionType
    // an index that carries more than it needs to serves as well
    const is_enough = carries === 'ALL' || carries === wanted.Projection?.ProjectionType
    return [
      ...(is === should_be ? [] : [`the key of its index ${name} is ${is}, but should be ${should_be}`]),
      ...(is_enough ? [] : [`its index ${name} does not carry whole items (projection ALL)`]),
    ]
  })
  return [...(key === wanted_key ? [] : [`its key is ${key}, but should be ${wanted_key}`]), ...indexes]
}

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

const indexOf = ({ name, partition, sort, has_keys_only }: IndexDefinition): GlobalSecondaryIndex => ({
  IndexName: name,
  KeySchema: keySchema(partition.name, sort.name),
  Projection: { ProjectionType: has_keys_only === true ? 'KEYS_ONLY' : 'ALL' },
})

const waitUntilActive = (client: DynamoDBDocumentClient, table: string): TaskEither<TableError, unknown> =>
  tryTable(`table ${table}`, () =>
    waitUntilTableExists(
      { client, maxWaitTime: ACTIVE_WITHIN_S, minDelay: 1, maxDelay: 2 },
      { TableName: table },
    ),
  )

/** Creates a table (key `id`, on-demand billing) with its indexes, and waits until it can be used. No error if it exists. */
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
          ...(definition.indexes.length === 0
            ? {}
            : { GlobalSecondaryIndexes: definition.indexes.map(indexOf) }),
        }),
      ),
    ),
    // the table exists, or another instance is creating it at this moment
    TE.orElseW(error => (isInUse(error) ? TE.right(undefined) : TE.left(error))),
    TE.chain(() => waitUntilActive(client, table)),
    TE.map(() => undefined),
  )

/** The most requests to remove one table: between two of them DynamoDB finishes what it is doing with the table. */
const DROPS_MAX = 3

/** Whether the table is gone, or is being removed at this moment. */
const isLeaving = (found: TableDescription | undefined): boolean =>
  found === undefined || found.TableStatus === 'DELETING'

/**
 * Asks DynamoDB to remove a table. DynamoDB refuses that while it makes the table or changes an index of it; then the
 * request is repeated when the table is at rest. `NotFound` when there is no such table.
 */
const requestDrop = (
  client: DynamoDBDocumentClient,
  table: string,
  requests_left: number,
): TaskEither<TableError, unknown> =>
  pipe(
    tryTable(`drop table ${table}`, () => client.send(new DeleteTableCommand({ TableName: table }))),
    TE.orElseW((error): TaskEither<TableError, unknown> => {
      if (!isInUse(error) || requests_left === 0) return TE.left(error)
      const repeat = pipe(
        waitUntilActive(client, table),
        TE.chain(() => requestDrop(client, table, requests_left - 1)),
      )
      return pipe(
        describe(client, table),
        TE.chain(found => (isLeaving(found) ? TE.right(undefined) : repeat)),
      )
    }),
  )

/** Removes a table with all its items, and waits until it is gone. No error if it does not exist. */
export const dropTable = (client: DynamoDBDocumentClient, table: string): TaskEither<TableError, void> =>
  pipe(
    requestDrop(client, table, DROPS_MAX - 1),
    TE.chain(() =>
      tryTable(`drop table ${table}`, () =>
        // until the table is gone, a new one cannot have its name
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
