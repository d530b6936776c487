/**
 * What the command side works with.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import type { TaskEither } from '../fp.js'
import type { StreamError } from '../stream/errors.js'

export type CommandDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly tables: DynamoDBDocumentClient
  /** The table of the balances, as it is now: a replay may make another one the active one. */
  readonly balancesTable: TaskEither<StreamError, string>
  readonly log: Logger
}
