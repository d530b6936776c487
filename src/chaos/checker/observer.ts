/**
 * Watches the projections while a run goes on: what each one has acknowledged, and how far its table says that it is folded.
 *
 * At the end everything may be mended, and it does not show any more that events were acknowledged before they were in a
 * table. So both are looked at several times a second, the acknowledgement first: a table that is behind it then was so.
 */

import { openSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nowUs } from '../history.js'
import { openTables, type Tables } from './dynamodb.js'
import { PROJECTIONS, type Projection } from './expected.js'
import { askApi, openNats } from './jetstream.js'
import { countOf, field, readJson, textOf } from './json.js'
import type { CheckOptions } from './options.js'
import { placeOf } from './projections.js'

export type Observation = {
  readonly at_us: number
  readonly projection: string
  /** Everything up to here was acknowledged. */
  readonly acked_seq: number
  /** What the table says of itself a moment later: since when it is filled, and how far. */
  readonly epoch: string
  readonly newest_seq: number
}

const FILE = 'observations.jsonl'
const LOOK_EVERY_MS = 250
const IDENTITY = 'table identity'

export type Observer = { readonly stop: () => Promise<void> }
type Nats = Awaited<ReturnType<typeof openNats>>

/** One look; undefined where there is nothing to be seen at the moment. */
const observe = async (
  nc: Nats,
  tables: Tables,
  base: string,
  projection: Projection,
): Promise<Observation | undefined> => {
  const { table, consumer } = await placeOf(nc, base, projection)
  const info = await askApi(nc, `CONSUMER.INFO.customer-balances.${consumer}`)
  const acked_seq = countOf(field(field(info, 'ack_floor'), 'stream_seq'))
  const identity = await tables.get(table, IDENTITY)
  const [epoch, state] = [identity?.get('epoch'), identity?.get('state')]
  const newest_seq = Number(identity?.get('newest_seq')?.slice('N:'.length) ?? Number.NaN)
  if (acked_seq === undefined || epoch === undefined || state !== 'S:filling') return undefined
  return { at_us: nowUs(), projection, acked_seq, epoch, newest_seq }
}

/** Watches until `stop`. What cannot be asked, because something is down, is left out. */
export const startObserver = async (options: Omit<CheckOptions, 'timeout_ms'>): Promise<Observer> => {
  const nc = await openNats(options.nodes.map(({ url }) => url))
  const tables = openTables(options.dynamodb_endpoint)
  const file = openSync(join(options.directory, FILE), 'wx')
  let is_stopping = false
  const watch = async (projection: Projection): Promise<void> => {
    while (!is_stopping) {
      const seen = await observe(nc, tables, options.ddb_table, projection).catch(() => undefined)
      if (seen !== undefined) writeSync(file, `${JSON.stringify(seen)}\n`)
      await sleep(LOOK_EVERY_MS)
    }
  }
  const watching = Promise.all(PROJECTIONS.map(watch))
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
  const [projection, epoch] = [textOf(field(json, 'projection')) ?? '', textOf(field(json, 'epoch')) ?? '']
  return [{ at_us, projection, acked_seq, epoch, newest_seq }]
}

/** What was observed in a run; nothing where nobody watched. */
export const readObservations = async (directory: string): Promise<readonly Observation[]> => {
  const text = await readFile(join(directory, FILE), 'utf8').catch(() => '')
  return text.split('\n').flatMap(observationOf)
}
