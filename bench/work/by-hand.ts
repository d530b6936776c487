/**
 * Measures the usual alternative to a ledger: one DynamoDB transaction per command, which changes the balance and records the
 * command under its id. A team without a ledger writes this; the client talks to DynamoDB directly. The embedded DynamoDB
 * server flushes to disk on commit, so compare it with `sync_interval: always`.
 */

import { randomUUID } from 'node:crypto'
import { type DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import type { NatsConnection } from 'nats'
import { E } from '../../src/fp.js'
import { createTablesClient } from '../../src/tables/client.js'
import { createTable } from '../../src/tables/provision.js'
import type { Operation, Result } from '../measure/job.js'
import { codeOf, type Random, refused } from './client-request.js'
import { HOT_CUSTOMER, uniform } from './customers.js'

const TABLE = 'bench-by-hand'
const ACCEPTED: Result = { accepted: 1 }

const clientOf = (endpoint: string): DynamoDBDocumentClient =>
  createTablesClient({
    endpoint,
    region: 'local',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })

/** Creates the table; the first command of a customer creates the item. */
export const prepareByHand = async (endpoint: string): Promise<void> => {
  const tables = clientOf(endpoint)
  try {
    const made = await createTable(tables, TABLE, { suffix: '', indexes: [] })()
    if (E.isLeft(made)) throw new Error(made.left.message, { cause: made.left.cause })
  } finally {
    tables.destroy()
  }
}

const transactionOf = (client_id: string) =>
  new TransactWriteCommand({
    TransactItems: [
      {
        Update: {
          TableName: TABLE,
          Key: { id: client_id },
          UpdateExpression: 'ADD balance :amount, version :one',
          ExpressionAttributeValues: { ':amount': 1, ':one': 1 },
        },
      },
      {
        Put: {
          TableName: TABLE,
          Item: { id: `transaction:${randomUUID()}`, client_id, amount: 1 },
          ConditionExpression: 'attribute_not_exists(id)',
        },
      },
    ],
  })

/** The client is kept from one measurement of this process to the next, as a service would keep it. */
let tables: DynamoDBDocumentClient | undefined

const credit =
  (customer: (random: Random) => string) =>
  (_nc: NatsConnection, random: Random, endpoint: string): Operation => {
    tables ??= clientOf(endpoint)
    const client = tables
    return async () => {
      try {
        await client.send(transactionOf(customer(random)))
        return ACCEPTED
      } catch (error) {
        return refused(codeOf(error))
      }
    }
  }

export const byHandUniform = credit(uniform)
export const byHandHot = credit(() => HOT_CUSTOMER)
