/**
 * The keys of persons, kept in memory for a moment, since most commands are for customers who are active.
 *
 * A key is used for a minute at most after it was read. An erasure is heard at once, because every write to the bucket is
 * a message that this process listens to; the minute is for an instance that is cut off meanwhile.
 */

import type { Logger } from 'pino'
import { createGatherer } from '../gather.js'
import { type ClientId, isClientId } from '../ledger/client-id.js'
import { createLru } from '../lru.js'
import { PERSON_KEY_PREFIX } from '../stream/settings.js'
import type { PersonKey } from './cipher.js'
import { type KeyReader, type KeyRecord, makeKeys, readRecords } from './key-records.js'

/** The longest time for which a process uses a key without asking for it again, in milliseconds. */
export const KEY_AGE_MS_MAX = 60_000
const PERSONS_MAX = 20_000
const READ_PERSONS_MAX = 500
const READS_IN_FLIGHT_MAX = 4

type Known = {
  readonly key: PersonKey | undefined
  readonly was_erased: boolean
  readonly read_at_ms: number
}

export type PersonKeys = {
  /** The key of a person as far as it is in memory; undefined when it has to be read. */
  readonly inMemory: (person: ClientId) => Pick<Known, 'key'> | undefined
  /** The key of a person; undefined when there is none, or none any more. Rejects when it cannot be read. */
  readonly find: (person: ClientId) => Promise<PersonKey | undefined>
  /** Whether the bucket says that a key of the person was erased: without that, one that is not there was lost. */
  readonly wasErased: (person: ClientId) => Promise<boolean>
  /** The key of a person, which is made if there is none. Rejects when it can be neither read nor made. */
  readonly findOrMake: (person: ClientId) => Promise<PersonKey>
}

export type PersonKeysDeps = KeyReader & {
  readonly log: Pick<Logger, 'warn'>
  readonly now_ms?: () => number
}

/** The keys in the bucket. It is read, and listened to, from the first key on that somebody asks for. */
export const createPersonKeys = ({
  log,
  now_ms = () => performance.now(),
  ...reader
}: PersonKeysDeps): PersonKeys => {
  const known = createLru<ClientId, Known>(PERSONS_MAX)
  /** When the record of a person was written, as far as this process has heard of it. */
  const written_ms = createLru<ClientId, number>(PERSONS_MAX)
  let is_listening = false

  const listen = (): void => {
    if (is_listening || reader.nc.isClosed()) return
    is_listening = true
    reader.nc.subscribe(`${PERSON_KEY_PREFIX}*`, {
      callback: (err, msg) => {
        if (err !== null) {
          log.warn({ err }, 'erasures of keys are noticed late: the bucket cannot be listened to')
          return
        }
        const person = msg.subject.slice(PERSON_KEY_PREFIX.length)
        if (!isClientId(person)) return
        known.delete(person)
        written_ms.set(person, now_ms())
      },
    })
  }

  const remember = (records: ReadonlyMap<ClientId, KeyRecord>, read_at_ms: number): void => {
    // what was read while it was written anew may be the old record
    for (const [person, { key, erased }] of records)
      if ((written_ms.get(person) ?? 0) < read_at_ms)
        known.set(person, { key, was_erased: erased.length > 0, read_at_ms })
  }

  const readMany = async (persons: readonly ClientId[]): Promise<ReadonlyMap<ClientId, KeyRecord>> => {
    listen()
    const read_at_ms = now_ms()
    const records = await readRecords(reader, persons)
    remember(records, read_at_ms)
    return records
  }

  const makeMany = async (persons: readonly ClientId[]): Promise<ReadonlyMap<ClientId, PersonKey>> => {
    const read_at_ms = now_ms()
    const made = await makeKeys(reader, await readMany(persons))
    remember(made, read_at_ms)
    return new Map([...made].map(([person, { key }]) => [person, key]))
  }

  const read = createGatherer(READ_PERSONS_MAX, READS_IN_FLIGHT_MAX, readMany)
  const make = createGatherer(READ_PERSONS_MAX, READS_IN_FLIGHT_MAX, makeMany)

  const inMemory = (person: ClientId): Known | undefined => {
    const found = known.get(person)
    return found !== undefined && now_ms() - found.read_at_ms < KEY_AGE_MS_MAX ? found : undefined
  }

  return {
    inMemory,
    find: async person => {
      const found = inMemory(person)
      return found === undefined ? (await read(person))?.key : found.key
    },
    wasErased: async person => {
      const found = inMemory(person)
      return found === undefined ? ((await read(person))?.erased.length ?? 0) > 0 : found.was_erased
    },
    findOrMake: async person => {
      const key = inMemory(person)?.key ?? (await make(person))
      if (key === undefined) throw new Error(`no key of ${person} was made`)
      return key
    },
  }
}
