/**
 * Tells of writes to the bucket `config` that are not routine, by a line in the log from which an alarm is made.
 *
 * The bucket says which stream is the ledger's and which tables are read. Its records are written at a first start, a seed, a
 * replay and a recovery; at any other time somebody writes there who must not. What instances write again and again is left
 * out: their status, the newest event in the record of the ledger, and the notes that hold a lock or a parked customer.
 */

import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { rest } from '../back-off.js'
import { decodeRecord } from '../belonging/ledger-record.js'
import { E, pipe } from '../fp.js'
import { metrics } from '../metrics.js'
import {
  type ConfigRecord,
  LEDGER_KEY,
  parkedPrefix,
  readRecords,
  replayKey,
  statusKey,
} from '../stream/config-bucket.js'

const LOOK_EVERY_MS = 10_000
/** Of more records than these, the newest are not watched: there is one for each parked customer. */
const RECORDS_MAX = 10_000

const writes = metrics.counter(
  'jetledger_config_writes_total',
  'Records of the bucket config that were written, except for what instances write again and again',
)

const kindOf = (key: string): string => key.slice(0, key.indexOf('.') + 1)
const STATUS = kindOf(statusKey(''))
/** The records that their holders renew: only their beginning and their end are news. */
const RENEWED: readonly string[] = [kindOf(replayKey('')), kindOf(parkedPrefix(''))]

/** What changes when a record is written in a way that is not routine. */
const markOf = ({ key, revision, text }: ConfigRecord): string => {
  if (kindOf(key) === STATUS) return ''
  if (RENEWED.includes(kindOf(key))) return text === '' ? 'removed' : 'there'
  if (key !== LEDGER_KEY) return String(revision)
  return pipe(
    decodeRecord(text),
    E.match(
      () => String(revision),
      ({ stream: { newest: _, ...stream }, ...record }) => JSON.stringify({ ...record, stream }),
    ),
  )
}

export type Records = ReadonlyMap<string, ConfigRecord>

/** The keys that were written, removed or are gone between two looks, except for routine. */
export const unusualWrites = (before: Records, after: Records): readonly string[] => {
  const marks = (records: Records, key: string): string => {
    const record = records.get(key)
    return record === undefined ? '' : markOf(record)
  }
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    key => marks(before, key) !== marks(after, key),
  )
}

type Deps = { readonly nc: NatsConnection; readonly log: Pick<Logger, 'warn' | 'debug'> }

/** Begins to watch. The first look tells nothing: what was written before, the processes of that time told. */
export const watchConfigWrites = (
  { nc, log }: Deps,
  every_ms = LOOK_EVERY_MS,
): { readonly stop: () => Promise<void> } => {
  const ending = new AbortController()
  const watch = async (): Promise<void> => {
    let before: Records | undefined
    while (!ending.signal.aborted) {
      const read = await readRecords(nc, RECORDS_MAX)()
      if (E.isLeft(read))
        log.debug({ reason: read.left.message }, 'the bucket config cannot be read just now')
      else {
        for (const key of before === undefined ? [] : unusualWrites(before, read.right)) {
          writes.inc()
          const revision = read.right.get(key)?.revision
          log.warn({ metric: 'config_write', key, revision }, 'a record in the bucket config was written')
        }
        before = read.right
      }
      await rest(every_ms, ending.signal)
    }
  }
  const ended = watch()
  return {
    stop: () => {
      ending.abort()
      return ended
    },
  }
}
