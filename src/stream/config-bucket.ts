/**
 * Reads and writes the KV bucket `config`, which holds a few small facts that instances share.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import { CONFIG_BUCKET } from './settings.js'

/** The key of the seed state; its text is `done` once the ledger is seeded. */
export const SEED_KEY = 'seed'

/** The key of the record that says which stream is the ledger's (`belonging/ledger-record.ts`). */
export const LEDGER_KEY = 'ledger'

/** The text under `key`; undefined when there is none. A follower may answer, so the text may be a moment old. */
export const getText = (kv: KV, key: string): TaskEither<StreamError, string | undefined> =>
  pipe(
    tryStream(`config/${key}`, () => kv.get(key)),
    TE.map(entry => (entry === null || entry.operation !== 'PUT' ? undefined : entry.string())),
  )

/** A key as the bucket's leader has it; without `text` it was deleted, purged or emptied. */
export type KeyEntry = { readonly revision: number; readonly text?: string }

/** Reads `key` from the bucket's leader; undefined when the key was never written. */
export const readKey = (jsm: JetStreamManager, key: string): TaskEither<StreamError, KeyEntry | undefined> =>
  pipe(
    tryStream(`config/${key}`, () =>
      jsm.streams.getMessage(`KV_${CONFIG_BUCKET}`, { last_by_subj: `$KV.${CONFIG_BUCKET}.${key}` }),
    ),
    TE.map(found => {
      if (found === null) return undefined
      // an empty body is always a deletion, since no value of ours is empty: the headers need not be read
      const text = found.string()
      return { revision: found.seq, ...(text === '' ? {} : { text }) }
    }),
  )

export const putText = (kv: KV, key: string, text: string): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`config/${key}`, () => kv.put(key, text)),
    TE.map(() => undefined),
  )

export const removeKey = (kv: KV, key: string): TaskEither<StreamError, void> =>
  tryStream(`config/${key}`, () => kv.delete(key))

/** The keys that match `filter` (`parked.*`), at most `limit` of them. */
export const listKeys = (kv: KV, filter: string, limit: number): TaskEither<StreamError, string[]> =>
  tryStream(`config/${filter}`, async () => {
    const keys: string[] = []
    for await (const key of await kv.keys(filter)) {
      keys.push(key)
      if (keys.length >= limit) break
    }
    return keys
  })
