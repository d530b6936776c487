/**
 * Watches the projection while a run goes on: the events that it has acknowledged, and the sequence up to which its table
 * says that it is filled.
 *
 * At the end of a run the table may be complete again, and no longer show that events were acknowledged before they were
 * written. So both values are read several times a second, the acknowledgement first: a table that is behind it when it is
 * read a moment later was behind it before too.
 */

import { openSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nowUs } from '../history.js'
import { openTables, type Tables } from './dynamodb.js'
import { askApi, openNats } from './jetstream.js'
import { countOf, field, readJson, textOf } from './json.js'
import type { CheckOptions } from './options.js'
import { placeOf } from './place.js'

export type Observation = {
  readonly at_us: number
  /** Every event up to this sequence was acknowledged. */
  readonly acked_seq: number
  /** The table's own note, read a moment later: the filling it belongs to, and the newest sequence in the table. */
  readonly epoch: string
  readonly newest_seq: number
}

const FILE = 'observations.jsonl'
const LOOK_EVERY_MS = 250
const IDENTITY = 'table identity'

export type Observer = { readonly stop: () => Promise<void> }
type Nats = Awaited<ReturnType<typeof openNats>>

/** Observes the projection once; undefined while its consumer or its table has nothing to show. */
const observe = async (nc: Nats, tables: Tables, base: string): Promise<Observation | undefined> => {
  const { table, consumer } = await placeOf(nc, base)
  const info = await askApi(nc, `CONSUMER.INFO.customer-balances.${consumer}`)
  const acked_seq = countOf(field(field(info, 'ack_floor'), 'stream_seq'))
  const identity = await tables.get(table, IDENTITY)
  const [epoch, state] = [identity?.get('epoch'), identity?.get('state')]
  const newest_seq = Number(identity?.get('newest_seq')?.slice('N:'.length) ?? Number.NaN)
  if (acked_seq === undefined || epoch === undefined || state !== 'S:filling') return undefined
  return { at_us: nowUs(), acked_seq, epoch, newest_seq }
}

/** Watches until `stop`. An observation that fails, because a server is down, is left out. */
export const startObserver = async (options: Omit<CheckOptions, 'timeout_ms'>): Promise<Observer> => {
  const nc = await openNats(options.nodes.map(({ url }) => url))
  const tables = openTables(options.dynamodb_endpoint)
  const file = openSync(join(options.directory, FILE), 'wx')
  let is_stopping = false
  const watch = async (): Promise<void> => {
    while (!is_stopping) {
      const seen = await observe(nc, tables, options.ddb_table).catch(() => undefined)
      if (seen !== undefined) writeSync(file, `${JSON.stringify(seen)}\n`)
      await sleep(LOOK_EVERY_MS)
    }
  }
  const watching = watch()
  return {
    stop: async () => {
      is_stopping = true
      await watching
      tables.close()
      await nc.close()
    },
  }
}

const observationOf = (line: string): readonly Observation[] => {
  const json = readJson(line)
  const [at_us, acked_seq] = [countOf(field(json, 'at_us')), countOf(field(json, 'acked_seq'))]
  const newest_seq = countOf(field(json, 'newest_seq'))
  if (at_us === undefined || acked_seq === undefined || newest_seq === undefined) return []
  return [{ at_us, acked_seq, epoch: textOf(field(json, 'epoch')) ?? '', newest_seq }]
}

/** The observations of a run; an empty list when no observer ran. */
export const readObservations = async (directory: string): Promise<readonly Observation[]> => {
  const text = await readFile(join(directory, FILE), 'utf8').catch(() => '')
  return text.split('\n').flatMap(observationOf)
}
