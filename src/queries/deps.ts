/**
 * What every part of the query side works with.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { pipe, type TaskEither, TE } from '../fp.js'
import type { Health } from '../health.js'
import type { StreamError } from '../stream/errors.js'
import type { ProjectionName } from '../tables/definition.js'
import type { TableError } from '../tables/errors.js'

/** The active generation of a projection, as it is at this moment. */
export type Active = {
  readonly table: string
  /** Its durable consumer: what that has acknowledged is in the table. */
  readonly consumer: string
}

/** Good for one read: asked again for the next, so that a new generation takes over at once. */
export type ActiveOf = TaskEither<StreamError, Active>

export type QueryDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly tables: DynamoDBDocumentClient
  readonly log: Logger
  readonly health: Health
  readonly active: (projection: ProjectionName) => ActiveOf
}

/** Reads from the active generation's table; tells which one that was. */
export const readActive = <A>(
  active: ActiveOf,
  read: (table: string) => TaskEither<TableError, A>,
): TaskEither<TableError | StreamError, { readonly table: string; readonly found: A }> =>
  pipe(
    active,
    TE.chainW(({ table }) =>
      pipe(
        read(table),
        TE.map(found => ({ table, found })),
      ),
    ),
  )
