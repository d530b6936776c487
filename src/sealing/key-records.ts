/**
 * The keys of persons in their KV bucket: one record each, under the person's client id.
 *
 *     {"id":"k3v9Qa2xPw0","key":"<32 bytes in base64>"}
 *     {"erased":[{"at":"2026-11-28T10:00:00.000Z","by":"dpo@example","reason":"request 51"}]}
 *
 * A record is made when there is the first text to seal, and is never changed but by an erasure. The erasure writes a record
 * without the key in its place and then has the server overwrite the bytes of the old one on its disks; the stream keeps two
 * records of a person so that there is one to overwrite. Whoever has something to seal later makes a new key, under another id.
 *
 * Records are read directly, from any replica. What a replica lacks is asked of the leader, so that a key which was just made
 * is not taken for one that is gone.
 */

import { randomBytes } from 'node:crypto'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { E, type Either, pipe, type TaskEither, t, unwrap } from '../fp.js'
import { readJson } from '../json.js'
import type { ClientId } from '../ledger/client-id.js'
import { describeErrors, fieldsOf } from '../ledger/codec.js'
import { inParallel } from '../parallel.js'
import { readDirect } from '../stream/direct.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { publish } from '../stream/publish.js'
import type { Recorded } from '../stream/recorded.js'
import { PERSON_KEY_PREFIX, PERSON_KEY_STREAM } from '../stream/settings.js'
import { KEY_BYTES, type PersonKey } from './cipher.js'

export type Erasure = { readonly at: string; readonly by: string; readonly reason: string }

/** What the bucket has of a person. */
export type KeyRecord = {
  /** The sequence of the record; 0 when the person has none. */
  readonly revision: number
  /** Undefined before the first text, and after an erasure. */
  readonly key: PersonKey | undefined
  /** The latest erasures, the oldest first. */
  readonly erased: readonly Erasure[]
}

export type KeyReader = { readonly nc: NatsConnection; readonly jsm: JetStreamManager }

const ID_BYTES = 8
/** The erasures that a record names. */
const ERASURES_MAX = 20
const NONE: KeyRecord = { revision: 0, key: undefined, erased: [] }
const TRY_MS = 2_000
const TRIES_MAX = 5
const BACK_OFF: BackOff = { first_ms: 10, max_ms: 500 }
/** The records that are asked of the leader, or made, at once. */
const REQUESTS_MAX = 64
const never = new AbortController().signal

const Key = new t.Type<Buffer, string, unknown>(
  'Key',
  Buffer.isBuffer,
  (u, context) => {
    const bytes = Buffer.from(typeof u === 'string' ? u : '', 'base64')
    return bytes.length === KEY_BYTES ? t.success(bytes) : t.failure(u, context, `must be ${KEY_BYTES} bytes`)
  },
  key => key.toString('base64'),
)
const Body = fieldsOf(
  {},
  {
    id: t.string,
    key: Key,
    erased: t.readonlyArray(fieldsOf({ at: t.string, by: t.string, reason: t.string })),
  },
)

/** The subject of a person's record. */
const subjectOfPerson = (person: ClientId): string => PERSON_KEY_PREFIX + person

/** The name of a key of a person in the texts that it seals. */
const nameOf = (person: ClientId, id: string): string => `${person}.${id}`

/** The person of a key's name, whoever wrote it. */
export const personOf = (name: string): string => name.slice(0, Math.max(name.lastIndexOf('.'), 0))

const decode = (person: ClientId, { seq, body }: Pick<Recorded, 'seq' | 'body'>): KeyRecord => {
  // an empty body is a deletion by hand
  if (body.length === 0) return { ...NONE, revision: seq }
  const decoded = pipe(
    readJson(body),
    E.chain(json => pipe(Body.decode(json), E.mapLeft(describeErrors))),
  )
  // the cause must not show the record, which may hold a key
  if (E.isLeft(decoded)) throw new Error(`the key record ${seq} of ${person} cannot be read`)
  const { id, key, erased = [] } = decoded.right
  const has_key = id !== undefined && key !== undefined
  return { revision: seq, key: has_key ? { name: nameOf(person, id), bytes: key } : undefined, erased }
}

/** The record of a person as the leader has it. */
export const readFromLeader = ({ jsm }: KeyReader, person: ClientId): TaskEither<StreamError, KeyRecord> =>
  tryStream('read the key of a person', async () => {
    const found = await jsm.streams.getMessage(PERSON_KEY_STREAM, { last_by_subj: subjectOfPerson(person) })
    return found === null ? NONE : decode(person, { seq: found.seq, body: found.data })
  })

/** The records of persons. One without a key was seen on the leader. Rejects when they cannot be read. */
export const readRecords = async (
  reader: KeyReader,
  persons: readonly ClientId[],
): Promise<Map<ClientId, KeyRecord>> => {
  const bySubject = new Map(persons.map(person => [subjectOfPerson(person), person]))
  const { messages } = unwrap(
    await readDirect(reader.nc, PERSON_KEY_STREAM, { multi_last: [...bySubject.keys()] })(),
  )
  const records = new Map<ClientId, KeyRecord>()
  for (const message of messages) {
    const person = bySubject.get(message.subject)
    if (person !== undefined) records.set(person, decode(person, message))
  }
  const unsure = persons.filter(person => records.get(person)?.key === undefined)
  await inParallel(REQUESTS_MAX, unsure, async person => {
    records.set(person, unwrap(await readFromLeader(reader, person)()))
  })
  return records
}

type Written = Either<StreamError, KeyRecord>

/** Writes a record in place of another one, if that is still the newest. */
const write = async (
  { nc }: KeyReader,
  person: ClientId,
  { key, erased, revision }: KeyRecord,
): Promise<Written> => {
  const fields = {
    ...(key === undefined
      ? {}
      : { id: key.name.slice(person.length + 1), key: Buffer.from(key.bytes).toString('base64') }),
    ...(erased.length === 0 ? {} : { erased: erased.slice(-ERASURES_MAX) }),
  }
  const message = {
    subject: subjectOfPerson(person),
    body: JSON.stringify(fields),
    expected_last_subject_seq: revision,
  }
  return pipe(
    await publish(nc, message, TRY_MS)(),
    E.map(({ seq }) => ({ key, erased, revision: seq })),
  )
}

/**
 * The record of a person with a key, which is made if there is none. Rejects when that cannot be told: what was sealed under
 * a key that is not stored could never be opened.
 */
const makeKey = async (
  reader: KeyReader,
  person: ClientId,
  known: KeyRecord,
): Promise<KeyRecord & { readonly key: PersonKey }> => {
  let record = known
  for (let attempt = 1; ; attempt += 1) {
    if (record.key !== undefined) return { ...record, key: record.key }
    const name = nameOf(person, randomBytes(ID_BYTES).toString('base64url'))
    const key = { name, bytes: randomBytes(KEY_BYTES) }
    const written = await write(reader, person, { ...record, key })
    if (E.isRight(written)) return { ...written.right, key }
    const is_undecided = written.left.tag === 'TryAgain' || written.left.tag === 'Conflict'
    if (!is_undecided || attempt === TRIES_MAX) unwrap(written)
    await pause(BACK_OFF, attempt, never)
    // another instance may have made it, or this one, whose answer was lost
    record = unwrap(await readFromLeader(reader, person)())
  }
}

/** Makes the keys of all persons who have none. */
export const makeKeys = async (
  reader: KeyReader,
  records: ReadonlyMap<ClientId, KeyRecord>,
): Promise<Map<ClientId, KeyRecord & { readonly key: PersonKey }>> => {
  const made = new Map<ClientId, KeyRecord & { readonly key: PersonKey }>()
  await inParallel(REQUESTS_MAX, [...records], async ([person, record]) => {
    made.set(person, await makeKey(reader, person, record))
  })
  return made
}

/** What an erasure did: `erased` when there was a key, else `none`; and the old records that were overwritten. */
export type Erased = { readonly outcome: 'erased' | 'none'; readonly overwritten: number }

/** The sequences of the records of a person that an erasure has replaced, as far as they are still stored. */
const replacedRecords = async (
  { nc, jsm }: KeyReader,
  person: ClientId,
  revision: number,
): Promise<readonly number[]> => {
  const query = { seq: 1, batch: REQUESTS_MAX, next_by_subj: subjectOfPerson(person) }
  const { messages } = unwrap(await readDirect(nc, PERSON_KEY_STREAM, query)())
  const replaced: number[] = []
  for (const { seq } of messages) {
    // the replica that answered may be behind
    const is_stored = seq < revision && (await jsm.streams.getMessage(PERSON_KEY_STREAM, { seq })) !== null
    if (is_stored) replaced.push(seq)
  }
  return replaced
}

/**
 * Erases the key of a person: everything that it has sealed can never be opened again. Run again after a failure it ends
 * what was begun.
 */
export const eraseKey = (
  reader: KeyReader,
  person: ClientId,
  erasure: Erasure,
): TaskEither<StreamError, Erased> =>
  tryStream('erase the key of a person', async () => {
    let outcome: Erased['outcome'] = 'none'
    let record = unwrap(await readFromLeader(reader, person)())
    for (let attempt = 1; record.key !== undefined; attempt += 1) {
      const erased = [...record.erased, erasure]
      const written = await write(reader, person, { ...record, key: undefined, erased })
      if (E.isRight(written)) outcome = 'erased'
      else if (attempt === TRIES_MAX) unwrap(written)
      else await pause(BACK_OFF, attempt, never)
      record = unwrap(await readFromLeader(reader, person)())
    }
    const replaced = await replacedRecords(reader, person, record.revision)
    // `true`: the server overwrites the message on its disks, and does not only forget where it is
    for (const seq of replaced) await reader.jsm.streams.deleteMessage(PERSON_KEY_STREAM, seq, true)
    return { outcome, overwritten: replaced.length }
  })
