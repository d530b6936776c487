/**
 * Reads the status of a projection: its generation and lag from the servers, and the last report that its active
 * instance wrote about itself.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { getText, statusKey } from '../stream/config-bucket.js'
import type { StreamError } from '../stream/errors.js'
import { type Lag, projectionLag } from '../stream/lag.js'
import { readPointer } from './pointer.js'

const Report = fieldsOf(
  { instance: t.string, generation: t.number, seq: t.number, at: t.string },
  { last_error: t.string, is_waiting: t.boolean, schema: t.number },
)

/**
 * The last report of the active instance of a projection, or of one that waits for the first event (`is_waiting`). It stays,
 * and grows old, when the instance is gone.
 */
type Report = t.TypeOf<typeof Report>

export type ProjectionStatus = {
  readonly projection: string
  readonly generation: number
  /** The generation before this one, while its table is kept. */
  readonly previous?: number
  /** The user who made the generation the active one, where that is known. */
  readonly by?: string
  /** Undefined when the projection has no consumer, because it has not run here yet. */
  readonly lag?: Lag
  readonly said?: Report
}

const decodeReport = (text: string | undefined): Report | undefined =>
  pipe(
    readJson(text ?? ''),
    E.chainW(Report.decode),
    E.getOrElseW(() => undefined),
  )

const lagOf = (nc: NatsConnection, consumer: string): TaskEither<StreamError, Lag | undefined> =>
  pipe(
    projectionLag(nc, consumer),
    TE.orElseW(error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error))),
  )

/** Reads the status of `projection`; `consumerOf(generation)` is the name of its consumer in a generation. */
export const projectionStatus = (
  { nc, jsm, kv }: { readonly nc: NatsConnection; readonly jsm: JetStreamManager; readonly kv: KV },
  projection: string,
  consumerOf: (generation: number) => string,
): TaskEither<StreamError, ProjectionStatus> =>
  pipe(
    TE.Do,
    TE.bind('pointer', () => readPointer(jsm, projection)),
    TE.bind('lag', ({ pointer }) => lagOf(nc, consumerOf(pointer.generation))),
    TE.bind('text', () => getText(kv, statusKey(projection))),
    TE.map(({ pointer: { generation, previous, by }, lag, text }) => {
      const report = decodeReport(text)
      return {
        projection,
        generation,
        ...(previous === undefined ? {} : { previous }),
        ...(by === undefined ? {} : { by }),
        ...(lag === undefined ? {} : { lag }),
        ...(report === undefined ? {} : { said: report }),
      }
    }),
  )
