/** The figures of one line of the benchmark `ledger`, their medians over rounds, and their tables. */

import { addErrors, median, type Run, summarize } from '../measure/run.js'
import type { Table } from '../report.js'
import type { Behind } from './places.js'

export type Figures = {
  readonly name: string
  readonly in_flight: number
  readonly run: Run
  /** The processor time of each group of processes during the measured window, in seconds. */
  readonly cpu_s: Readonly<Record<string, number>>
  /** The memory of the program at the end, in bytes. */
  readonly program_bytes?: number
  /** How far the projection was behind at the end; undefined where nothing is projected. */
  readonly lag?: Behind
  /** The accepted requests per second of what ran beside the line. */
  readonly beside_per_s?: number
}

const greatest = (all: readonly Behind[]): Behind => ({
  lag_events: Math.max(...all.map(({ lag_events }) => lag_events)),
  lag_ms: Math.max(...all.map(({ lag_ms }) => lag_ms)),
})

/** Combines the rounds of one line: medians, but the sums of refusals and the greatest lag. */
export const combine = (rounds: readonly [Figures, ...Figures[]]): Figures => {
  const [{ name, in_flight, cpu_s }] = rounds
  const [program_bytes, beside_per_s] = [
    median(rounds.map(one => one.program_bytes)),
    median(rounds.map(one => one.beside_per_s)),
  ]
  const lags = rounds.flatMap(({ lag }) => lag ?? [])
  return {
    name,
    in_flight,
    run: summarize(rounds.map(({ run }) => run)),
    cpu_s: Object.fromEntries(
      Object.keys(cpu_s).map(group => [group, median(rounds.map(one => one.cpu_s[group])) ?? 0]),
    ),
    ...(lags.length === 0 ? {} : { lag: greatest(lags) }),
    ...(program_bytes === undefined ? {} : { program_bytes }),
    ...(beside_per_s === undefined ? {} : { beside_per_s }),
  }
}

const BYTES_PER_MB = 1_048_576
const MS_PER_S = 1_000

const whole = (value: number): string => Math.round(value).toLocaleString('en-US')

export const latency = (value_ms: number | undefined): string => {
  if (value_ms === undefined) return '-'
  return value_ms < 10 ? value_ms.toFixed(2) : whole(value_ms)
}

/** The refusals by code, such as `BUSY 1,200`. */
export const refusals = (errors: Run['errors']): string =>
  Object.entries(addErrors([errors]))
    .map(([code, times]) => `${code} ${whole(times)}`)
    .join(', ') || 'none'

/** What is said of a line as soon as it is measured: a run of an hour may be ended before its tables. */
export const inShort = ({ run, lag }: Figures): string =>
  [
    `${whole(run.accepted_per_s)}/s`,
    `p50 / p99 ${latency(run.p50_ms)} / ${latency(run.p99_ms)} ms`,
    ...(lag === undefined ? [] : [`${(lag.lag_ms / MS_PER_S).toFixed(1)} s behind`]),
    `refusals: ${refusals(run.errors)}`,
  ].join(', ')

const CPU_GROUPS = ['program', 'nats', 'dynamodb', 'postgres', 'clients'] as const

export const ratesTable = (all: readonly Figures[]): Table => ({
  head: [
    ...['', 'in flight', 'accepted/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms'],
    ...CPU_GROUPS.map(group => `cpu s ${group}`),
    ...['memory MB', 'refusals'],
  ],
  rows: all.map(({ name, in_flight, run, cpu_s, program_bytes }) => [
    name,
    String(in_flight),
    whole(run.accepted_per_s),
    ...[run.p50_ms, run.p99_ms, run.p999_ms, run.max_ms].map(latency),
    ...CPU_GROUPS.map(group => cpu_s[group]?.toFixed(1) ?? '-'),
    program_bytes === undefined ? '-' : whole(program_bytes / BYTES_PER_MB),
    refusals(run.errors),
  ]),
})

/** How far the projection was behind at the end of each line; undefined when no line has any. */
export const lagTable = (all: readonly Figures[]): Table | undefined => {
  const rows = all.flatMap(({ name, lag }) =>
    lag === undefined ? [] : [[name, whole(lag.lag_events), (lag.lag_ms / MS_PER_S).toFixed(1)]],
  )
  return rows.length === 0 ? undefined : { head: ['behind at the end', 'events', 's'], rows }
}
