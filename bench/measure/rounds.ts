/**
 * Measures all lines, including the baselines, in rounds, so that changes of the machine's speed affect all of them alike.
 * Ratios are taken within a round, and their median is reported.
 */

import type { Pace } from './job.js'
import { median, type Run, summarize } from './run.js'

/** A ratio to print, to the fastest of the lines named in `to`. */
export type RatioTo = { readonly to: readonly string[]; readonly goal?: number }

export type Line = {
  readonly name: string
  /** A name in bench/work/index.ts. */
  readonly work: string
  /** The requests in flight of all load clients together. */
  readonly in_flight: number
  readonly ratios: readonly RatioTo[]
}

export type Ratio = RatioTo & { readonly value: number }

export type LineResult = {
  readonly name: string
  readonly in_flight: number
  /** True when the subject has no subscriber, so nothing was measured. */
  readonly unanswered: boolean
  readonly full?: Run
  /** The run at half of the median speed. */
  readonly half?: Run
  readonly ratios: readonly Ratio[]
}

/** Makes one run of a line; 'unanswered' when the line's subject has no subscriber. */
export type RunOnce = (line: Line, pace: Pace, round: number) => Promise<Run | 'unanswered'>

type Runs = ReadonlyMap<string, readonly Run[]>

/** Runs all lines `rounds` times, every second time in reverse order. Leaves out lines without an answer or a pace. */
const inRounds = async (
  lines: readonly Line[],
  rounds: number,
  paceOf: (line: Line) => Pace | undefined,
  runOnce: RunOnce,
): Promise<Runs> => {
  const runs = new Map<string, Run[]>()
  const left_out = new Set<string>()
  for (let round = 0; round < rounds; round += 1) {
    for (const line of round % 2 === 0 ? lines : lines.toReversed()) {
      const pace = paceOf(line)
      if (pace === undefined || left_out.has(line.name)) continue
      const run = await runOnce(line, pace, round)
      if (run === 'unanswered') left_out.add(line.name)
      else runs.set(line.name, [...(runs.get(line.name) ?? []), run])
    }
  }
  return runs
}

const ratioOf = (runs: Runs, name: string, { to, goal }: RatioTo): Ratio[] => {
  const each = (runs.get(name) ?? []).map((run, round) => {
    const best = Math.max(0, ...to.map(other => runs.get(other)?.[round]?.accepted_per_s ?? 0))
    return best > 0 ? run.accepted_per_s / best : undefined
  })
  const value = median(each)
  return value === undefined ? [] : [{ to, ...(goal === undefined ? {} : { goal }), value }]
}

/** Measures every line at full speed, and then at half of the speed that it reached. */
export const measureLines = async (
  lines: readonly Line[],
  rounds: number,
  runOnce: RunOnce,
): Promise<LineResult[]> => {
  const full = await inRounds(lines, rounds, ({ in_flight }) => ({ kind: 'full', in_flight }), runOnce)
  const summaryOf = (runs: Runs, name: string): Run | undefined => {
    const of_line = runs.get(name)
    return of_line && summarize(of_line)
  }
  const halfPace = ({ name }: Line): Pace | undefined => {
    const requests_per_s = (summaryOf(full, name)?.requests_per_s ?? 0) / 2
    return requests_per_s > 0 ? { kind: 'paced', requests_per_s } : undefined
  }
  const half = await inRounds(lines, rounds, halfPace, runOnce)
  return lines.map(({ name, in_flight, ratios }) => {
    const [full_run, half_run] = [summaryOf(full, name), summaryOf(half, name)]
    return {
      name,
      in_flight,
      unanswered: full_run === undefined,
      ...(full_run === undefined ? {} : { full: full_run }),
      ...(half_run === undefined ? {} : { half: half_run }),
      ratios: ratios.flatMap(ratio => ratioOf(full, name, ratio)),
    }
  })
}
