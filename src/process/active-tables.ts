/**
 * The tables that readers use. For each projection this file follows which generation is active, because a replay
 * changes it, and tells whether the items read from that table may be believed.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { Logger } from 'pino'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { followGeneration } from '../generations/follow.js'
import { consumerName } from '../projections/target.js'
import type { Active, ActiveOf } from '../queries/deps.js'
import { consumerProgress } from '../stream/consumer.js'
import type { StreamError } from '../stream/errors.js'
import { PROJECTION_NAMES, type ProjectionName, tableName } from '../tables/definition.js'
import type { TableError } from '../tables/errors.js'
import { createBelief } from './belief.js'

/** Projections whose readers need all items at once: no single item shows whether it is the newest. */
const READ_WHOLE: readonly ProjectionName[] = ['totals', 'ranking']
const NOT_ASKED = E.right({ acked_seq: 0 })

export type ActiveTables = {
  /**
   * The table to read from, valid for one read: ask again before the next one. Fails while NATS cannot tell which
   * table is active, and while the table is not believed.
   */
  readonly of: (projection: ProjectionName) => ActiveOf
  /** The number of the active generation, valid for one read. Fails while NATS cannot tell it. */
  readonly generation: (projection: ProjectionName) => TaskEither<StreamError, number>
  readonly stop: () => void
}

export type ActiveTablesDeps = {
  readonly jsm: JetStreamManager
  readonly tables: DynamoDBDocumentClient
  readonly log: Logger
}

const follow = ({ jsm, tables, log }: ActiveTablesDeps, base: string, projection: ProjectionName) => {
  const follower = followGeneration(jsm, projection)
  const generation: TaskEither<StreamError, number> = async () => {
    const known = follower.current()
    return known === undefined ? follower.refresh() : E.right(known)
  }
  const placeIn = (active: number) => ({
    jsm,
    tables,
    projection: { name: projection },
    table: tableName(base, projection, active),
    consumer: consumerName(projection, active),
  })
  const belief = createBelief(async () => {
    const active = await generation()
    return E.isRight(active) ? placeIn(active.right) : undefined
  }, log)
  const now: ActiveOf = pipe(
    generation,
    TE.map(placeIn),
    TE.chainW(place => async () => {
      const { table, consumer } = place
      const doubt = await belief.about(table)
      if (doubt !== undefined) return E.left<TableError, Active>({ tag: 'NotOurs', message: doubt })
      // this is asked before the table is read, so that the table is never behind the answer
      const progress = READ_WHOLE.includes(projection) ? await consumerProgress(jsm, consumer)() : NOT_ASKED
      const acked_seq = E.isRight(progress) ? progress.right.acked_seq : 0
      return E.right({
        table,
        consumer,
        trust: belief.trust(table),
        trustWhole: belief.trustWhole(table, acked_seq),
      })
    }),
  )
  return {
    generation,
    now,
    stop: () => {
      belief.stop()
      follower.stop()
    },
  }
}

/** Begins to follow the pointer and the table of every projection. `base` is the value of `DDB_TABLE`. */
export const followTables = (deps: ActiveTablesDeps, base: string): ActiveTables => {
  const followed = {
    balances: follow(deps, base, 'balances'),
    journal: follow(deps, base, 'journal'),
    totals: follow(deps, base, 'totals'),
    ranking: follow(deps, base, 'ranking'),
  }
  return {
    of: projection => followed[projection].now,
    generation: projection => followed[projection].generation,
    stop: () => {
      for (const name of PROJECTION_NAMES) followed[name].stop()
    },
  }
}
