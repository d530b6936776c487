/**
 * Creates the tables where they are missing, as `serve` and `dev` find them; on AWS the CDK stack makes them.
 */

import { CreateTableCommand, DescribeTableCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { pipe, type TaskEither, TE } from '../fp.js'
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

/** Makes the balances table (key `id`, on demand) and waits until it can be used. */
export const createBalancesTable = (
  client: DynamoDBDocumentClient,
  table: string,
): TaskEither<TableError, void> =>
  pipe(
    tryTable(`create table ${table}`, () =>
      client.send(
        new CreateTableCommand({
          TableName: table,
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
          BillingMode: 'PAY_PER_REQUEST',
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

const isInUse = ({ cause }: TableError): boolean =>
  cause instanceof Error && cause.name === 'ResourceInUseException'
