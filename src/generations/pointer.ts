/**
 * Which generation of a projection's tables is the active one (docs/adr/0016).
 *
 * It stands in the KV bucket under `projection.<name>` and changes by compare-and-set only. It is read from the
 * bucket's leader: a follower may be behind, and a reader that follows an old pointer would show balances of the past.
 */

import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { LEDGER_KEY, readKey } from '../stream/config-bucket.js'
import { generationOf } from '../stream/consumer.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { LEDGER_STREAM } from '../stream/settings.js'

/** `previous` is the generation before this one, while it is kept. */
export type Pointer = { readonly generation: number; readonly previous?: number | undefined }

/**
 * A pointer as it was read; `revision` is 0 while there is none, which means the first generation. `problem` says that
 * somebody deleted it or wrote something else over it, so that the generation was found by the consumers that are there.
 */
export type PointerEntry = Pointer & { readonly revision: number; readonly problem?: string }

const GENERATION_MAX = 1_000_000

const Generation = new t.Type<number, number, unknown>(
  'Generation',
  (u): u is number => typeof u === 'number',
  (u, context) =>
    typeof u === 'number' && Number.isInteger(u) && u >= 1 && u <= GENERATION_MAX
      ? t.success(u)
      : t.failure(u, context),
  Number,
)

const PointerJson = fieldsOf({ generation: Generation }, { previous: Generation })

const keyOf = (projection: string): string => `projection.${projection}`

/** A pointer from the text of its key; left says what is wrong with it. */
export const decodePointer = (text: string): E.Either<string, Pointer> =>
  pipe(
    readJson(text),
    E.chainW(PointerJson.decode),
    E.mapLeft(() => 'is not readable'),
  )

const isFurther = (a: ConsumerInfo, b: ConsumerInfo): boolean =>
  a.ack_floor.stream_seq > b.ack_floor.stream_seq

/**
 * The generation whose consumer is furthest, the newest of equal ones: a generation gets its consumer when it is
 * complete (docs/adr/0016), so its table never says what the stream did not say. Without any it is the first.
 */
const furthestGeneration = (jsm: JetStreamManager, projection: string): TaskEither<StreamError, number> =>
  tryStream(`consumers of ${LEDGER_STREAM}`, async () => {
    let best: { readonly generation: number; readonly info: ConsumerInfo } | undefined
    for await (const info of jsm.consumers.list(LEDGER_STREAM)) {
      const generation = generationOf(projection, info.name)
      if (generation === undefined) continue
      const isBetter =
        best === undefined ||
        isFurther(info, best.info) ||
        (generation > best.generation && !isFurther(best.info, info))
      if (isBetter) best = { generation, info }
    }
    return best?.generation ?? 1
  })

/**
 * Without a pointer the first generation is meant, if the ledger's record is there: a bucket that was lost is made anew
 * with the pointers first and the record last.
 */
const firstGeneration = (jsm: JetStreamManager, projection: string): TaskEither<StreamError, PointerEntry> =>
  pipe(
    readKey(jsm, LEDGER_KEY),
    TE.chain(record => (record === undefined ? furthestGeneration(jsm, projection) : TE.right(1))),
    TE.map(generation => ({ generation, revision: 0 })),
  )

/** The pointer as the bucket's leader has it. */
export const readPointer = (
  jsm: JetStreamManager,
  projection: string,
): TaskEither<StreamError, PointerEntry> =>
  pipe(
    readKey(jsm, keyOf(projection)),
    TE.chain((found): TaskEither<StreamError, PointerEntry> => {
      if (found === undefined) return firstGeneration(jsm, projection)
      const { revision } = found
      const decoded = found.text === undefined ? E.left('was deleted') : decodePointer(found.text)
      if (E.isRight(decoded)) return TE.right({ ...decoded.right, revision })
      const problem = `config/${keyOf(projection)} ${decoded.left}`
      return pipe(
        furthestGeneration(jsm, projection),
        TE.map(generation => ({ generation, revision, problem })),
      )
    }),
  )

/** Sets the pointer if it is still the one that was read; `Conflict` when it is not. Gives the new revision. */
export const setPointer = (
  kv: KV,
  projection: string,
  pointer: Pointer,
  revision: number,
): TaskEither<StreamError, number> =>
  tryStream(`config/${keyOf(projection)}`, () =>
    revision === 0
      ? kv.create(keyOf(projection), JSON.stringify(pointer))
      : kv.update(keyOf(projection), JSON.stringify(pointer), revision),
  )
