/** How the calls of a run went, kind by kind, and the longest times without a success. */

import { type Call, errorCodeOf } from './calls.js'
import type { Gap, KindSummary } from './report.js'
import type { World } from './world.js'
import type { Write } from './writes.js'

type Fate = 'succeeded' | 'refused' | 'unknown'

/** Errors that say that nobody knows. */
const UNKNOWN = ['OUTCOME_UNKNOWN', 'TIMEOUT', 'INTERNAL_ERROR']

const fateOf = (call: Call): Fate => {
  const { end } = call
  const code = errorCodeOf(end)
  if (end.tag === 'failure') return end.reason === 'no responders' ? 'refused' : 'unknown'
  if (end.tag === 'none' || (code !== undefined && UNKNOWN.includes(code))) return 'unknown'
  return code === undefined ? 'succeeded' : 'refused'
}

const US_PER_MS = 1_000

const percentile = (sorted_us: readonly number[], part: number): number =>
  Math.round((sorted_us[Math.min(sorted_us.length - 1, Math.floor(sorted_us.length * part))] ?? 0) / 10) / 100

/** Counts and percentiles of each kind. Times are those of calls with an answer. */
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

const isAcknowledgedCredit = ({ type, source }: Write): boolean => type === 'credit' && source === 'command'

const longestGap = (of: Gap['of'], from_us: number, to_us: number, times_us: readonly number[]): Gap => {
  let [gap_us, gap_from_us, last_us] = [0, from_us, from_us]
  for (const at_us of [...times_us.filter(at => at > from_us && at < to_us).sort((a, b) => a - b), to_us]) {
    if (at_us - last_us > gap_us) {
      gap_us = at_us - last_us
      gap_from_us = last_us
    }
    last_us = at_us
  }
  return { of, ms: Math.round(gap_us / US_PER_MS), from_us: gap_from_us }
}

/** The longest time without an acknowledged credit, and without an answered balance, between two times. */
export const gapsOf = (
  world: Pick<World, 'writes' | 'balances' | 'calls'>,
  from_us: number,
  to_us: number,
): readonly Gap[] => {
  const credits = [...world.writes.values()]
    .filter(isAcknowledgedCredit)
    .flatMap(({ attempts }) => attempts.filter(({ claim }) => claim.tag === 'acknowledged'))
    .map(({ call }) => call.end.at_us)
  const reads = world.balances.filter(({ shown }) => shown !== undefined).map(({ call }) => call.end.at_us)
  return [longestGap('credit', from_us, to_us, credits), longestGap('read', from_us, to_us, reads)]
}
