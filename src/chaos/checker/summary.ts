/** Counts the results and times of a run's calls, kind by kind. */

import { type Call, errorCodeOf } from './calls.js'
import type { KindSummary } from './report.js'

type Fate = 'succeeded' | 'refused' | 'unknown'

/** Error codes that leave the outcome of a call unknown. */
const UNKNOWN = ['OUTCOME_UNKNOWN', 'TIMEOUT', 'INTERNAL_ERROR']

const fateOf = (call: Call): Fate => {
  const { end } = call
  const code = errorCodeOf(end)
  if (end.tag === 'failure') return end.reason === 'no responders' ? 'refused' : 'unknown'
  if (end.tag === 'none' || (code !== undefined && UNKNOWN.includes(code))) return 'unknown'
  return code === undefined ? 'succeeded' : 'refused'
}

const percentile = (sorted_us: readonly number[], part: number): number =>
  Math.round((sorted_us[Math.min(sorted_us.length - 1, Math.floor(sorted_us.length * part))] ?? 0) / 10) / 100

/** Counts and percentiles of each kind. Only calls with an answer have a time. */
export const summariesOf = (calls: readonly Call[]): readonly KindSummary[] => {
  const kinds = [...new Set(calls.map(({ kind }) => kind))].sort()
  return kinds.map(kind => {
    const own = calls.filter(call => call.kind === kind)
    const fates = own.map(fateOf)
    const count = (fate: Fate): number => fates.filter(one => one === fate).length
    const times_us = own
      .filter(({ end }) => end.tag === 'answer')
      .map(({ at_us, end }) => end.at_us - at_us)
      .sort((a, b) => a - b)
    return {
      ...{ kind, calls: own.length },
      ...{ succeeded: count('succeeded'), refused: count('refused'), unknown: count('unknown') },
      ...{ p50_ms: percentile(times_us, 0.5), p99_ms: percentile(times_us, 0.99) },
      max_ms: percentile(times_us, 1),
    }
  })
}
