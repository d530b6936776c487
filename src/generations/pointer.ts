/**
 * The pointer: it says which generation of a projection's tables is the active one (docs/adr/0016).
 *
 * It is stored in the KV bucket under `projection.<name>` and changes by compare-and-set only. It is read from the
 * bucket's leader: a follower may be behind, and a reader that uses an old pointer would show balances of the past.
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

/** `previous` is the generation before this one, while its table is kept. */
export type Pointer = { readonly generation: number; readonly previous?: number | undefined }

/**
 * A pointer as it was read. `revision` is 0 while the bucket has none. `problem` says that the pointer was deleted or
 * overwritten by something else, so that the generation was found by the consumers that exist.
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

/** Decodes the text of a pointer; left is the end of a sentence that says what is wrong with it. */
export const decodePointer = (text: string): E.Either<string, Pointer> =>
  pipe(
    readJson(text),
    E.chainW(PointerJson.decode),
    E.mapLeft(() => 'is not readable'),
  )

const isFurther = (a: ConsumerInfo, b: ConsumerInfo): boolean =>
  a.ack_floor.stream_seq > b.ack_floor.stream_seq

/**
 * The generation whose consumer has acknowledged most, and the newest of equal ones. A generation gets its consumer only
 * when its table is complete (docs/adr/0016), so that table is right. Without any consumer it is the first generation.
 */
const furthestGeneration = (jsm: JetStreamManager, projection: string): TaskEither<StreamError, number> =>
  tryStream(`consumers of ${LEDGER_STREAM}`, async () => {
    let best: { readonly generation: number; readonly info: ConsumerInfo } | undefined
    for await (const info of jsm.consumers.list(LEDGER_STREAM)) {
      const generation = generationOf(projection, info.name)
      if (generation === undefined) continue
      const is_better =
        best === undefined ||
        isFurther(info, best.info) ||
        (generation > best.generation && !isFurther(best.info, info))
      if (is_better) best = { generation, info }
    }
    return best?.generation ?? 1
  })

/**
 * The generation when the bucket has no pointer. If the ledger's record is there, it is the first one. Without the record
 * the bucket may have been lost, and the consumers tell the generation: a lost bucket is made again with the pointers
 * first and the record last.
 */
const firstGeneration = (jsm: JetStreamManager, projection: string): TaskEither<StreamError, PointerEntry> =>
  pipe(
    readKey(jsm, LEDGER_KEY),
    TE.chain(record => (record === undefined ? furthestGeneration(jsm, projection) : TE.right(1))),
    TE.map(generation => ({ generation, revision: 0 })),
  )

/** Reads the pointer from the bucket's leader. */
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

/** Sets the pointer if its revision is still `revision`, else `Conflict`. Returns the new revision. */
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
