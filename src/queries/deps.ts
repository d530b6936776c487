/**
 * The dependencies that every part of the query side takes: connections, clients, and the active tables.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { type Either, pipe, type TaskEither, TE } from '../fp.js'
import type { Health } from '../health.js'
import type { OpenTexts } from '../sealing/open-texts.js'
import type { StreamError } from '../stream/errors.js'
import type { TableError } from '../tables/errors.js'
import type { Trust } from '../tables/heads.js'

/** The active generation of a projection, as it is at this moment. */
export type Active = {
  readonly table: string
  /** Its durable consumer: every event that the consumer has acknowledged is in the table. */
  readonly consumer: string
  /** Says whether the items of the table are states of this stream; newer events may be missing from them. */
  readonly trust: Trust
  /** Like `trust`; the table must also hold everything that the stream held when the table was begun. */
  readonly trustWhole: Trust
}

/** Finds the active generation. It is run again for every read, so that a new generation takes over at once. */
export type ActiveOf = TaskEither<StreamError | TableError, Active>

/**
 * Gives, for each of a few events in their order, a proof that a signed head vouches for it, as JSON; left is a sentence that
 * says why there is none.
 */
export type ProveEvents = (
  seqs: readonly number[],
) => TaskEither<StreamError, readonly Either<string, object>[]>

export type QueryDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly tables: DynamoDBDocumentClient
  readonly log: Logger
  readonly health: Health
  readonly active: ActiveOf
  /** For a read of many items, none of which shows whether it is the newest: `trustWhole` wants all that was acknowledged. */
  readonly activeWhole: ActiveOf
  readonly prove: ProveEvents
  /** Opens sealed texts for an answer. */
  readonly open: OpenTexts
  /** The time by the stream's clock; undefined while it is not known (stream/server-clock.ts). */
  readonly now: () => Date | undefined
}

/** Reads from the active generation's table. Gives what was read (`found`) and the name of the table. */
export const readActive = <A>(
  active: ActiveOf,
  read: (active: Active) => TaskEither<TableError, A>,
): TaskEither<TableError | StreamError, { readonly table: string; readonly found: A }> =>
  pipe(
    active,
    TE.chainW(now =>
      pipe(
        read(now),
        TE.map(found => ({ table: now.table, found })),
      ),
    ),
  )
