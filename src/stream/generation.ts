/**
 * Which generation of a projection's tables is the active one (docs/adr/0016).
 *
 * It stands in the KV bucket under `projection.<name>` and changes by compare-and-set only. It is read from the
 * bucket's leader: a follower may be behind, and a reader that follows an old pointer would show balances of the past.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import { CONFIG_BUCKET } from './settings.js'

/** `previous` is the generation before this one, while it is kept. */
export type Pointer = { readonly generation: number; readonly previous?: number | undefined }

/** A pointer as it was read; `revision` is 0 while there is none, which means the first generation. */
export type PointerEntry = Pointer & { readonly revision: number }

const PointerJson = t.intersection([t.type({ generation: t.number }), t.partial({ previous: t.number })])

const keyOf = (projection: string): string => `projection.${projection}`

const decodePointer = (projection: string, text: string): E.Either<StreamError, Pointer> =>
  pipe(
    E.tryCatch(() => JSON.parse(text) as unknown, String),
    E.chainW(PointerJson.decode),
    E.mapLeft(() => ({ tag: 'Unexpected', message: `config/${keyOf(projection)} is not readable: ${text}` })),
  )

/** The pointer as the bucket's leader has it. */
export const readPointer = (
  jsm: JetStreamManager,
  projection: string,
): TaskEither<StreamError, PointerEntry> => {
  const query = { last_by_subj: `$KV.${CONFIG_BUCKET}.${keyOf(projection)}` }
  return pipe(
    tryStream(`config/${keyOf(projection)}`, () => jsm.streams.getMessage(`KV_${CONFIG_BUCKET}`, query)),
    TE.chainEitherK(found =>
      found === null
        ? E.right({ generation: 1, revision: 0 })
        : pipe(
            decodePointer(projection, found.string()),
            E.map(pointer => ({ ...pointer, revision: found.seq })),
          ),
    ),
  )
}

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
