/**
 * What the command side needs: connections, tables and a log.
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
  /** The active table; a replay may make another table the active one. */
  readonly table: TaskEither<StreamError, string>
  readonly log: Logger
}
