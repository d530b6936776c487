/**
 * The table that readers use. This file follows which generation is active, because a replay changes it, and tells
 * whether the items read from that table may be believed.
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
import { type ProjectionName, tableName } from '../tables/definition.js'
import type { TableError } from '../tables/errors.js'
import { createBelief } from './belief.js'

const PROJECTION: ProjectionName = 'ledger'

export type ActiveTables = {
  /**
   * The table to read from, valid for one read: ask again before the next one. Fails while NATS cannot tell which
   * table is active, and while the table is not believed.
   */
  readonly now: ActiveOf
  /**
   * The same for a read of many items, none of which shows whether it is the newest: `trustWhole` wants every event that
   * was acknowledged at the call.
   */
  readonly nowWhole: ActiveOf
  /** The number of the active generation, valid for one read. Fails while NATS cannot tell it. */
  readonly generation: TaskEither<StreamError, number>
  readonly stop: () => void
}

export type ActiveTablesDeps = {
  readonly jsm: JetStreamManager
  readonly tables: DynamoDBDocumentClient
  readonly log: Logger
}

/** Begins to follow the pointer and the table of the projection. `base` is the value of `DDB_TABLE`. */
export const followTables = ({ jsm, tables, log }: ActiveTablesDeps, base: string): ActiveTables => {
  const follower = followGeneration(jsm, PROJECTION)
  const generation: TaskEither<StreamError, number> = async () => {
    const known = follower.current()
    return known === undefined ? follower.refresh() : E.right(known)
  }
  const placeIn = (active: number) => ({
    jsm,
    tables,
    projection: { name: PROJECTION },
    table: tableName(base, PROJECTION, active),
    consumer: consumerName(PROJECTION, active),
  })
  const belief = createBelief(async () => {
    const active = await generation()
    return E.isRight(active) ? placeIn(active.right) : undefined
  }, log)
  const believed = (ackedSeq: (consumer: string) => Promise<number>): ActiveOf =>
    pipe(
      generation,
      TE.map(placeIn),
      TE.chainW(({ table, consumer }) => async () => {
        const doubt = await belief.about(table)
        if (doubt !== undefined) return E.left<TableError, Active>({ tag: 'NotOurs', message: doubt })
        // this is asked before the table is read, so that the table is never behind the answer
        const acked_seq = await ackedSeq(consumer)
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
    now: believed(async () => 0),
    nowWhole: believed(async consumer => {
      const progress = await consumerProgress(jsm, consumer)()
      return E.isRight(progress) ? progress.right.acked_seq : 0
    }),
    stop: () => {
      belief.stop()
      follower.stop()
    },
  }
}
