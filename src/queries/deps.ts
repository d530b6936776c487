/**
 * What every part of the query side works with.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import type { Health } from '../health.js'

/** The active generation of a projection, as it is at this moment. */
export type Active = {
  readonly table: string
  /** Its durable consumer: what that has acknowledged is in the table. */
  readonly consumer: string
}

export type QueryDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly tables: DynamoDBDocumentClient
  readonly log: Logger
  readonly health: Health
  /** Asked again for each read: a new generation takes over at once. */
  readonly active: {
    readonly balances: () => Active
    readonly journal: () => Active
    readonly ranking: () => Active
    readonly totals: () => Active
  }
}
