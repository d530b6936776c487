/**
 * The clients, settings and callbacks that every part of verify works with.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Differences } from './difference.js'

export type VerifyDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly tables: DynamoDBDocumentClient
  /** The name with which the names of the tables begin (`DDB_TABLE`). */
  readonly base_table: string
}

/** A stage of verify, for progress: `waiting` and `folding` count events, `comparing` counts items. */
export type Stage = 'waiting' | 'folding' | 'comparing'
export type OnProgress = (stage: Stage, done: number, total: number) => void

/** One run of verify. */
export type Run = VerifyDeps & {
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
  readonly differences: Differences
  /** The only customer that is compared; undefined for all customers. */
  readonly client_id: string | undefined
}
