/** Runs one job with several load clients at the same time, and combines what they measured. */

import type { Job, Measured, Pace, Result } from '../measure/job.js'
import { addErrors, type Run, toRun } from '../measure/run.js'
import { type CpuGroups, watchCpu } from './cpu.js'
import type { LoadClient } from './load-client.js'

const WARM_UP_SHARE = 0.2
const WARM_UP_MS_MIN = 500
const WARM_UP_MS_MAX = 3_000

/** The times of a measurement of `seconds`. */
export const windowOf = (seconds: number): Pick<Job, 'warm_up_ms' | 'measure_ms'> => {
  const measure_ms = seconds * 1_000
  return {
    measure_ms,
    warm_up_ms: Math.min(WARM_UP_MS_MAX, Math.max(WARM_UP_MS_MIN, measure_ms * WARM_UP_SHARE)),
  }
}

/** The part of the pace that one of several clients takes. */
const shareOf = (pace: Pace, clients: number, index: number): Pace => {
  if (pace.kind === 'paced') {
    return { kind: 'paced', requests_per_s: pace.requests_per_s / clients, phase: index / clients }
  }
  const part = (all: number): number => Math.floor(all / clients) + (index < all % clients ? 1 : 0)
  return pace.kind === 'full'
    ? { kind: 'full', in_flight: part(pace.in_flight) }
    : { kind: 'count', in_flight: part(pace.in_flight), requests: part(pace.requests) }
}

export type JobsResult = {
  readonly run: Run
  /** Everything that was sent, also outside of the measured window. */
  readonly in_all: Required<Result>
}

const sumOf = (measured: readonly Measured[]): Required<Result> => ({
  accepted: measured.reduce((sum, { in_all }) => sum + (in_all?.accepted ?? 0), 0),
  errors: addErrors(measured.map(({ in_all }) => in_all?.errors ?? {})),
})

/** Runs the job; 'unanswered' when its subject has no subscriber. `nextSeed` gives each client other random numbers. */
export const runJobs = async (
  clients: readonly LoadClient[],
  pids: CpuGroups,
  job: Omit<Job, 'seed'>,
  nextSeed: () => number,
): Promise<JobsResult | 'unanswered'> => {
  const cpu = watchCpu(pids)
  const measured = await Promise.all(
    clients.map((client, index) =>
      client.run({ ...job, pace: shareOf(job.pace, clients.length, index), seed: nextSeed() }),
    ),
  )
  const answered = measured.filter(one => one !== 'unanswered')
  if (answered.length < clients.length) return 'unanswered'
  return { run: toRun(answered, job.measure_ms, cpu()), in_all: sumOf(answered) }
}

/** Added to the seed for each client and run, so that they differ, but are the same each time the benchmark is started. */
const SEED_STEP = 7_919

export const createSeeds = (): (() => number) => {
  let seed = 0
  return () => {
    seed += SEED_STEP
    return seed
  }
}
