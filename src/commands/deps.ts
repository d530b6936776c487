/**
 * What the command side works with.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'

export type CommandDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly tables: DynamoDBDocumentClient
  /** Name of the balances table. */
  readonly table: string
  readonly log: Logger
}
