/**
 * How a projection is, for others to read: its generation and lag as the servers know them, and what its active
 * instance said of itself last.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { getText } from '../stream/config-bucket.js'
import type { StreamError } from '../stream/errors.js'
import { type Lag, projectionLag } from '../stream/lag.js'
import { readPointer } from './pointer.js'

const Said = fieldsOf(
  { instance: t.string, generation: t.number, seq: t.number, at: t.string },
  { last_error: t.string },
)

/** What the active instance of a projection said of itself; old words when it is gone. */
type Said = t.TypeOf<typeof Said>

export type ProjectionStatus = {
  readonly projection: string
  readonly generation: number
  /** The generation before, while it is kept. */
  readonly previous?: number
  /** Undefined: nobody has run it here yet. */
  readonly lag?: Lag
  readonly said?: Said
}

const decodeSaid = (text: string | undefined): Said | undefined =>
  pipe(
    readJson(text ?? ''),
    E.chainW(Said.decode),
    E.getOrElseW(() => undefined),
  )

const lagOf = (nc: NatsConnection, consumer: string): TaskEither<StreamError, Lag | undefined> =>
  pipe(
    projectionLag(nc, consumer),
    TE.orElseW(error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error))),
  )

/** The status of `projection`, whose consumer in a generation is `consumerOf(generation)`. */
export const projectionStatus = (
  { nc, jsm, kv }: { readonly nc: NatsConnection; readonly jsm: JetStreamManager; readonly kv: KV },
  projection: string,
  consumerOf: (generation: number) => string,
): TaskEither<StreamError, ProjectionStatus> =>
  pipe(
    TE.Do,
    TE.bind('pointer', () => readPointer(jsm, projection)),
    TE.bind('lag', ({ pointer }) => lagOf(nc, consumerOf(pointer.generation))),
    TE.bind('text', () => getText(kv, `status.${projection}`)),
    TE.map(({ pointer: { generation, previous }, lag, text }) => {
      const said = decodeSaid(text)
      return {
        projection,
        generation,
        ...(previous === undefined ? {} : { previous }),
        ...(lag === undefined ? {} : { lag }),
        ...(said === undefined ? {} : { said }),
      }
    }),
  )
