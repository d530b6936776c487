/**
 * Reads and writes the KV bucket `config`, which holds a few small facts that instances share.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { pipe, type TaskEither, TE, unwrap } from '../fp.js'
import { readDirect } from './direct.js'
import { type StreamError, tryStream } from './errors.js'
import { CONFIG_BUCKET, CONFIG_STREAM } from './settings.js'

/** The key of the seed state; its text is `done` once the ledger is seeded. */
export const SEED_KEY = 'seed'

/** The key of the record that says which stream is the ledger's (`belonging/ledger-record.ts`). */
export const LEDGER_KEY = 'ledger'

/** The key of the newest schema that writers may use (`commands/schema-gate.ts`); its text is the number. */
export const SCHEMA_KEY = 'schema'

/** The schema of a ledger that begins now. */
export const NEW_LEDGER_SCHEMA = '2'

/** The key of the pointer to the active generation of a projection (`generations/pointer.ts`). */
export const pointerKey = (projection: string): string => `projection.${projection}`

/** The key of the lock of a replay of a projection (`projections/rebuild/lock.ts`). */
export const replayKey = (projection: string): string => `replay.${projection}`

/** The key of the status that the active instance of a projection writes about itself (`projections/status.ts`). */
export const statusKey = (projection: string): string => `status.${projection}`

/** The beginning of the keys of a projection's notes about parked customers (`projections/parked.ts`). */
export const parkedPrefix = (projection: string): string => `parked.${projection}.`

/** The filter for the notes about parked customers; other keys under `parked.` are of an earlier program. */
export const EVERY_PARKED = `${parkedPrefix('ledger')}>`

const SUBJECT_PREFIX = `$KV.${CONFIG_BUCKET}.`

/** The subject on which a key of the bucket is written; `key` may hold wildcards. */
export const subjectOfKey = (key: string): string => SUBJECT_PREFIX + key

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
      jsm.streams.getMessage(CONFIG_STREAM, { last_by_subj: subjectOfKey(key) }),
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

/** The messages of one request; the bucket's values are short. */
const PAGE_MESSAGES = 1_000

/** A key's last message as a replica has it; an empty text is a deletion. */
export type ConfigRecord = { readonly key: string; readonly revision: number; readonly text: string }

/** Reads the last message of every key, the oldest write first. They are read directly: see `listKeys`. */
const readRecordsFrom = (
  nc: NatsConnection,
  seq: number,
  filter: string | undefined,
): TaskEither<StreamError, readonly ConfigRecord[]> =>
  pipe(
    readDirect(nc, CONFIG_STREAM, {
      seq,
      batch: PAGE_MESSAGES,
      next_by_subj: filter === undefined ? undefined : subjectOfKey(filter),
    }),
    TE.map(({ messages }) =>
      messages.map(({ subject, seq: revision, body }) => ({
        key: subject.slice(SUBJECT_PREFIX.length),
        revision,
        text: Buffer.from(body).toString(),
      })),
    ),
  )

/** The last message of every key, of at most `limit` keys. Any replica may answer, so it may be a moment old. */
export const readRecords = (
  nc: NatsConnection,
  limit: number,
): TaskEither<StreamError, ReadonlyMap<string, ConfigRecord>> =>
  tryStream(`bucket ${CONFIG_BUCKET}`, async () => {
    const found = new Map<string, ConfigRecord>()
    for (let seq = 1; found.size < limit; ) {
      const page = unwrap(await readRecordsFrom(nc, seq, undefined)())
      for (const record of page) found.set(record.key, record)
      const last = page.at(-1)
      if (last === undefined) break
      seq = last.revision + 1
    }
    return found
  })

/**
 * The keys that match `filter` (`parked.*`) and are not deleted, at most `limit` of them. Any replica may answer, so the
 * keys may be a moment old. They are read directly: the client's own list needs the right to make a consumer, which is a
 * right to publish anywhere.
 */
export const listKeys = (
  nc: NatsConnection,
  filter: string,
  limit: number,
): TaskEither<StreamError, string[]> =>
  tryStream(`config/${filter}`, async () => {
    const keys = new Set<string>()
    for (let seq = 1; keys.size < limit; ) {
      const page = unwrap(await readRecordsFrom(nc, seq, filter)())
      for (const { key, text } of page) {
        // an empty body is always a deletion; a key that is written between two pages comes once more
        if (text === '') keys.delete(key)
        else keys.add(key)
      }
      const last = page.at(-1)
      if (last === undefined) break
      seq = last.revision + 1
    }
    return [...keys].slice(0, limit)
  })
