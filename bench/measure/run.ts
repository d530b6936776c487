/** Combines the measurements of all load clients into one run, and several runs of a line into one summary. */

import type { CpuUse } from '../processes/cpu.js'
import { createHistogram } from './histogram.js'
import type { Measured } from './job.js'

export type Run = {
  readonly accepted_per_s: number
  /** Requests per second in which anything was accepted; a bulk request may have many accepted commands. */
  readonly requests_per_s: number
  /** The number of requests with a latency. */
  readonly requests: number
  readonly errors: Readonly<Record<string, number>>
  /** Undefined when nothing was accepted. */
  readonly p50_ms: number | undefined
  readonly p95_ms: number | undefined
  readonly p99_ms: number | undefined
  readonly p999_ms: number | undefined
  readonly max_ms: number | undefined
  readonly cpu: CpuUse
}

/** Adds the counts of errors by code. */
export const addErrors = (all: readonly Readonly<Record<string, number>>[]): Record<string, number> => {
  const sum: Record<string, number> = {}
  for (const [code, times] of all.flatMap(errors => Object.entries(errors))) {
    sum[code] = (sum[code] ?? 0) + times
  }
  return sum
}

/** The middle value, or the mean of the two middle values; undefined when there is none. */
export const median = (values: readonly (number | undefined)[]): number | undefined => {
  const sorted = values.filter(value => value !== undefined).toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  return lower === undefined || upper === undefined ? undefined : (lower + upper) / 2
}

/** Combines the measurements of clients that ran at the same time. */
export const toRun = (clients: readonly Measured[], measure_ms: number, cpu: CpuUse): Run => {
  const latencies = createHistogram()
  for (const client of clients) latencies.merge(client.latencies)
  const seconds = measure_ms / 1_000
  const at = (percent: number): number | undefined => {
    const us = latencies.percentile_us(percent)
    return us === undefined ? undefined : us / 1_000
  }
  return {
    accepted_per_s: clients.reduce((sum, { accepted }) => sum + accepted, 0) / seconds,
    requests_per_s: clients.reduce((sum, { requests }) => sum + requests, 0) / seconds,
    requests: latencies.count(),
    errors: addErrors(clients.map(({ errors }) => errors)),
    p50_ms: at(50),
    p95_ms: at(95),
    p99_ms: at(99),
    p999_ms: at(99.9),
    max_ms: at(100),
    cpu,
  }
}

const medianCpu = (all: readonly CpuUse[]): CpuUse =>
  Object.fromEntries(Object.keys(all[0] ?? {}).map(name => [name, median(all.map(cpu => cpu[name])) ?? 0]))

/** Summarizes the rounds of a line: medians, but the sums of requests and errors, and the maximum of `max_ms`. */
export const summarize = (runs: readonly Run[]): Run => {
  const of = (key: 'p50_ms' | 'p95_ms' | 'p99_ms' | 'p999_ms') => median(runs.map(run => run[key]))
  const max_ms = Math.max(...runs.flatMap(run => run.max_ms ?? []))
  return {
    accepted_per_s: median(runs.map(run => run.accepted_per_s)) ?? 0,
    requests_per_s: median(runs.map(run => run.requests_per_s)) ?? 0,
    requests: runs.reduce((sum, run) => sum + run.requests, 0),
    errors: addErrors(runs.map(({ errors }) => errors)),
    p50_ms: of('p50_ms'),
    p95_ms: of('p95_ms'),
    p99_ms: of('p99_ms'),
    p999_ms: of('p999_ms'),
    max_ms: Number.isFinite(max_ms) ? max_ms : undefined,
    cpu: medianCpu(runs.map(({ cpu }) => cpu)),
  }
}
