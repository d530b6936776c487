/**
 * What the tables note of the stream that they were folded from, as witnesses of what the stream was.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import { pipe, type TaskEither, TE } from '../fp.js'
import type { StreamError } from '../stream/errors.js'
import type { Witness } from '../stream/look.js'

export type WitnessDeps = {
  readonly jsm: JetStreamManager
  readonly tables: DynamoDBDocumentClient
  /** The base name of all tables. */
  readonly base: string
}

/** The notes of the active generation's table of every projection. */
export const tableWitnesses = (_: WitnessDeps): TaskEither<StreamError, readonly Witness[]> =>
  pipe(TE.right([]))
