/**
 * The tables that readers use: of each projection the active generation's, followed as a replay flips it.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import type { StreamError } from '../stream/errors.js'
import { followGeneration } from '../stream/follow-generation.js'
import { PROJECTION_NAMES, type ProjectionName, tableName } from '../tables/definition.js'

export type ActiveTables = {
  /** The table to read from, good for one read: ask again for the next. Fails while NATS cannot tell. */
  readonly of: (projection: ProjectionName) => TaskEither<StreamError, string>
  /** The active generation, good for as long. */
  readonly generation: (projection: ProjectionName) => TaskEither<StreamError, number>
  readonly stop: () => void
}

/** Begins to follow the pointer of every projection; `base` is `DDB_TABLE`. */
export const followTables = (jsm: JetStreamManager, base: string): ActiveTables => {
  const followers = new Map(PROJECTION_NAMES.map(name => [name, followGeneration(jsm, name)]))
  const generation: ActiveTables['generation'] = projection => async () => {
    const follower = followers.get(projection)
    const known = follower?.current()
    return known === undefined ? ((await follower?.refresh()) ?? E.right(1)) : E.right(known)
  }
  return {
    generation,
    of: projection =>
      pipe(
        generation(projection),
        TE.map(active => tableName(base, projection, active)),
      ),
    stop: () => {
      for (const follower of followers.values()) follower.stop()
    },
  }
}
