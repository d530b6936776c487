/**
 * The pointer: it says which generation of a projection's tables is the active one (docs/adr/0016).
 *
 * It is stored in the KV bucket under `projection.<name>` and changes by compare-and-set only. It is read from the
 * bucket's leader: a follower may be behind, and a reader that uses an old pointer would show balances of the past.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { type BackOff, delay_ms } from '../back-off.js'
import { E, type Either, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { LEDGER_KEY, pointerKey, readKey } from '../stream/config-bucket.js'
import { ackedSeqOf, generationOf } from '../stream/consumer.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { LEDGER_STREAM } from '../stream/settings.js'

/**
 * `previous` is the generation before this one, while its table is kept. `by` is the user who made this generation the
 * active one, where that is known.
 */
export type Pointer = {
  readonly generation: number
  readonly previous?: number | undefined
  readonly by?: string | undefined
}

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

const PointerJson = fieldsOf({ generation: Generation }, { previous: Generation, by: t.string })

/** Decodes the text of a pointer; left is the end of a sentence that says what is wrong with it. */
export const decodePointer = (text: string): Either<string, Pointer> =>
  pipe(
    readJson(text),
    E.chainW(PointerJson.decode),
    E.mapLeft(() => 'is not readable'),
  )

const isFurther = (a: ConsumerInfo, b: ConsumerInfo): boolean => ackedSeqOf(a) > ackedSeqOf(b)

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
    readKey(jsm, pointerKey(projection)),
    TE.chain((found): TaskEither<StreamError, PointerEntry> => {
      if (found === undefined) return firstGeneration(jsm, projection)
      const { revision } = found
      const decoded = found.text === undefined ? E.left('was deleted') : decodePointer(found.text)
      if (E.isRight(decoded)) return TE.right({ ...decoded.right, revision })
      const problem = `config/${pointerKey(projection)} ${decoded.left}`
      return pipe(
        furthestGeneration(jsm, projection),
        TE.map(generation => ({ generation, revision, problem })),
      )
    }),
  )

const writePointer = (
  kv: KV,
  projection: string,
  pointer: Pointer,
  revision: number,
): TaskEither<StreamError, number> =>
  tryStream(`config/${pointerKey(projection)}`, () =>
    revision === 0
      ? kv.create(pointerKey(projection), JSON.stringify(pointer))
      : kv.update(pointerKey(projection), JSON.stringify(pointer), revision),
  )

/** Whether the write may still be stored although it failed. */
const isUndecided = ({ tag, is_in_flight }: StreamError): boolean =>
  tag === 'TryAgain' || is_in_flight === true

const isSame = (a: Pointer, b: Pointer): boolean => a.generation === b.generation && a.previous === b.previous

/** The usual longest time to find out what became of a write: no further write is begun after it. */
const DECIDED_MS_MAX = 10_000
const BACK_OFF: BackOff = { first_ms: 20, max_ms: 500 }

export type PointerDeps = { readonly jsm: JetStreamManager; readonly kv: KV }

type Written = Either<StreamError, number>

/**
 * The outcome of a write that was refused after an earlier one of the same pointer may have been stored. Undefined when it
 * cannot be told yet.
 */
const outcomeOf = async (
  jsm: JetStreamManager,
  projection: string,
  pointer: Pointer,
  revision: number,
  refused: Written,
): Promise<Written | undefined> => {
  const found = await readPointer(jsm, projection)()
  // an older revision comes from a server that does not know yet that the pointer was written
  if (E.isLeft(found) || found.right.revision <= revision) return undefined
  return isSame(found.right, pointer) ? E.right(found.right.revision) : refused
}

/**
 * Sets the pointer if its revision is still `revision`, else `Conflict`. Returns the new revision.
 *
 * A write whose answer is lost is sent again with the same revision, so at most one of these writes is stored. When a
 * later one is refused, the pointer that is found then tells whether an earlier one was stored. `TryAgain` means that the
 * outcome is still unknown after `decided_ms_max`: the write may be stored.
 */
export const setPointer =
  (
    { jsm, kv }: PointerDeps,
    projection: string,
    pointer: Pointer,
    revision: number,
    decided_ms_max = DECIDED_MS_MAX,
  ): TaskEither<StreamError, number> =>
  async () => {
    const until_ms = performance.now() + decided_ms_max
    const write = writePointer(kv, projection, pointer, revision)
    const first = await write()
    if (E.isRight(first) || !isUndecided(first.left)) return first
    for (let attempt = 1; performance.now() < until_ms; attempt += 1) {
      await sleep(delay_ms(BACK_OFF, attempt))
      const again = await write()
      if (E.isRight(again)) return again
      if (isUndecided(again.left)) continue
      const outcome = await outcomeOf(jsm, projection, pointer, revision, again)
      if (outcome !== undefined) return outcome
    }
    return first
  }
