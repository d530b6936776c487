/**
 * The clients and settings that every part of the projector works with.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import type { Health } from '../health.js'
import type { JournalKind } from '../tables/savepoints.js'
import type { Decode } from './fold-run.js'

export type ProjectionDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly kv: KV
  readonly tables: DynamoDBDocumentClient
  /** The base name of the tables (`DDB_TABLE`). */
  readonly base_table: string
  /** Which events have rows in a table that is begun; a table that is there goes on with what its identity says. */
  readonly journal: JournalKind
  readonly log: Logger
  readonly health: Health
  /** Reads events. The default knows the schemas of this program; tests give one that knows more. */
  readonly decode?: Decode
  /** The newest schema that `decode` knows. */
  readonly newest_schema?: number
}
