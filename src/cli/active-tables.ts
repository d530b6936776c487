/**
 * The tables that readers use: of each projection the active generation's, followed as a replay flips it.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import { E, type TaskEither } from '../fp.js'
import type { StreamError } from '../stream/errors.js'
import { followGeneration } from '../stream/follow-generation.js'
import { PROJECTION_NAMES, type ProjectionName, tableName } from '../tables/definition.js'

export type ActiveTables = {
  /** The table to read from, good for one read: ask again for the next. Fails while NATS cannot tell. */
  readonly of: (projection: ProjectionName) => TaskEither<StreamError, string>
  readonly stop: () => void
}

/** Begins to follow the pointer of every projection; `base` is `DDB_TABLE`. */
export const followTables = (jsm: JetStreamManager, base: string): ActiveTables => {
  const followers = new Map(PROJECTION_NAMES.map(name => [name, followGeneration(jsm, name)]))
  return {
    of: projection => async () => {
      const follower = followers.get(projection)
      const known = follower?.current()
      if (known !== undefined) return E.right(tableName(base, projection, known))
      const asked = (await follower?.refresh()) ?? E.right(1)
      return E.isLeft(asked) ? asked : E.right(tableName(base, projection, asked.right))
    },
    stop: () => {
      for (const follower of followers.values()) follower.stop()
    },
  }
}
