/**
 * The benchmark of a rebuild: measures the rate at which `jetledger replay` folds a stream, beside only reading the same
 * stream. The goals come from the issue that asked for this benchmark, when the balances could be rebuilt alone.
 *
 * A rebuild writes a row for each event, so it runs at DynamoDB's speed. At its end it writes one item for each customer, for
 * any number of events. So it is measured with few customers and with many, each on a stream of its own.
 */

import { availableParallelism } from 'node:os'
import type { Benchmark } from './benchmark.js'
import { median } from './measure/run.js'
import { MB, measureRebuild, type Rounds, whole } from './rebuild-rounds.js'
import type { Table } from './report.js'

const RATIO_GOAL = 0.7
const PEAK_BYTES_GOAL = 512 * MB

const CLIENTS = 'the ordered consumer of the client'
/** The harder baseline: this reader is faster than the client's. */
const OURS = 'the reader of a rebuild'
/** The least that a rebuild does beside reading; no goal, but it says how much of the distance is ours. */
const LEAST = 'that reader and JSON.parse'

const verdict = (is_met: boolean): string => (is_met ? 'met' : 'missed')

const goalRows = ({ customers, read, ratios, replays }: Rounds): string[][] => {
  const of = whole(customers)
  const peak = Math.max(...replays.map(({ peak_bytes }) => peak_bytes))
  const rate = (what: string, rates: readonly number[]) => [
    `read only, ${what}, events/s`,
    of,
    whole(median(rates) ?? 0),
    '',
    '',
  ]
  const ratio = (what: string, values: readonly number[]) => {
    const value = median(values) ?? 0
    const met = verdict(value >= RATIO_GOAL)
    return [`replay / ${what}`, of, value.toFixed(2), RATIO_GOAL.toFixed(2), met]
  }
  const of_least = (median(ratios.fold) ?? 0).toFixed(2)
  return [
    rate(CLIENTS, read.consumer),
    rate(OURS, read.range),
    rate(LEAST, read.fold),
    ratio(CLIENTS, ratios.consumer),
    ratio(OURS, ratios.range),
    [`replay / ${LEAST}`, of, of_least, '', ''],
    ['peak memory, MB', of, whole(peak / MB), whole(PEAK_BYTES_GOAL / MB), verdict(peak <= PEAK_BYTES_GOAL)],
  ]
}

const HEAD = [
  ...['', 'customers', 'events', 'events/s', 'read ms', 'fold ms', 'compare ms', 'switch ms'],
  ...['cpu ms', 'peak MB'],
]

export const rebuild: Benchmark = async (options, sync_interval, surroundings) => {
  const parts: Rounds[] = []
  for (const customers of options.customers)
    parts.push(await measureRebuild(customers, options, sync_interval, surroundings))
  const goals: Table = {
    head: ['median of the rounds', 'customers', 'value', 'goal', ''],
    rows: parts.flatMap(goalRows),
  }
  return {
    title: 'rebuild: reading, folding in memory, writing and comparing whole tables',
    settings: {
      events: whole(options.events),
      customers: options.customers.map(whole).join(' and '),
      rounds: options.rounds,
      cores: availableParallelism(),
      node: process.version,
    },
    lines: [],
    tables: [{ head: HEAD, rows: parts.flatMap(({ rows }) => rows) }, goals],
  }
}
