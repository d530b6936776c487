/** Runs an operation repeatedly, at full speed or at a given rate, and counts the results. */

import { createHistogram } from './histogram.js'
import type { Job, Measured, Operation, Pace, Result } from './job.js'

type Paced = Extract<Pace, { readonly kind: 'paced' }>
type Counted = Extract<Pace, { readonly kind: 'count' }>
type Window = Pick<Job, 'warm_up_ms' | 'measure_ms'>

/** The resolution of the paced schedule: a finer one would need busy waiting on cores that the servers need. */
const TICK_MS = 1
/** The largest number of requests in flight at a given rate. At this limit the schedule waits, which counts as latency. */
const PACED_IN_FLIGHT_MAX = 5_000
/** The time after its end in which a schedule may still send late requests. */
const CATCH_UP_MS_MAX = 10_000

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

type Tally = {
  /** Counts a result; `share` is the part of the request within the window. */
  readonly count: (result: Result, share: number) => void
  /** Records every error, and the latency when anything was accepted. */
  readonly record: (result: Result, latency_ms: number) => void
  readonly measured: () => Measured
}

const createTally = (): Tally => {
  const latencies = createHistogram()
  const errors: Record<string, number> = {}
  let accepted = 0
  let requests = 0
  return {
    count: (result, share) => {
      accepted += share * result.accepted
      if (result.accepted > 0) requests += share
    },
    record: (result, latency_ms) => {
      if (result.accepted > 0) latencies.record(latency_ms * 1_000)
      for (const [code, times] of Object.entries(result.errors ?? {})) {
        errors[code] = (errors[code] ?? 0) + times
      }
    },
    measured: () => ({ accepted, requests, errors, latencies: latencies.data() }),
  }
}

/**
 * Runs at full speed. A request that is partly within the window counts by that part: counting only whole requests would be
 * coarse when just a few requests, of a thousand commands each, fit into the window.
 */
const closedLoop = async (
  operation: Operation,
  in_flight: number,
  { warm_up_ms, measure_ms }: Window,
  tally: Tally,
): Promise<void> => {
  const from_ms = performance.now() + warm_up_ms
  const until_ms = from_ms + measure_ms
  const worker = async (): Promise<void> => {
    let sent_ms = performance.now()
    while (sent_ms < until_ms) {
      const result = await operation()
      const answered_ms = performance.now()
      const latency_ms = answered_ms - sent_ms
      const within_ms = Math.min(answered_ms, until_ms) - Math.max(sent_ms, from_ms)
      if (within_ms > 0) tally.count(result, within_ms / latency_ms)
      if (answered_ms >= from_ms && answered_ms < until_ms) tally.record(result, latency_ms)
      sent_ms = answered_ms
    }
  }
  await Promise.all(Array.from({ length: in_flight }, worker))
}

/** Makes `requests` requests, `in_flight` at once. Returns the time in ms. */
const countedLoop = async (
  operation: Operation,
  { requests, in_flight }: Counted,
  tally: Tally,
): Promise<number> => {
  const began_ms = performance.now()
  let sent = 0
  const worker = async (): Promise<void> => {
    while (sent < requests) {
      sent += 1
      const sent_ms = performance.now()
      const result = await operation()
      tally.count(result, 1)
      tally.record(result, performance.now() - sent_ms)
    }
  }
  await Promise.all(Array.from({ length: Math.min(in_flight, requests) }, worker))
  return performance.now() - began_ms
}

/** The number of requests due before `elapsed_s`. The 1e-6 removes rounding errors, which would add a request. */
const dueAt = (elapsed_s: number, requests_per_s: number, phase: number): number =>
  Math.max(0, Math.ceil(elapsed_s * requests_per_s - phase - 1e-6))

/**
 * Runs at a fixed rate. It counts the requests that were *due* within the window, and measures each latency from the due
 * time. With latencies from the time of sending, a service that stalls would also stall the measurement, and look good
 * (coordinated omission).
 */
const openLoop = async (
  operation: Operation,
  { requests_per_s, phase = 0 }: Paced,
  { warm_up_ms, measure_ms }: Window,
  tally: Tally,
): Promise<void> => {
  const began_ms = performance.now()
  const from_ms = began_ms + warm_up_ms
  const total = dueAt((warm_up_ms + measure_ms) / 1_000, requests_per_s, phase)
  const give_up_ms = from_ms + measure_ms + CATCH_UP_MS_MAX
  let sent = 0
  let in_flight = 0

  const send = async (due_ms: number): Promise<void> => {
    in_flight += 1
    const result = await operation()
    in_flight -= 1
    if (due_ms < from_ms) return
    tally.count(result, 1)
    tally.record(result, performance.now() - due_ms)
  }

  while (sent < total && performance.now() < give_up_ms) {
    const due = Math.min(total, dueAt((performance.now() - began_ms) / 1_000, requests_per_s, phase))
    for (; sent < due && in_flight < PACED_IN_FLIGHT_MAX; sent += 1) {
      void send(began_ms + ((sent + phase) / requests_per_s) * 1_000)
    }
    await pause(TICK_MS)
  }
  if (sent < total) tally.record({ accepted: 0, errors: { NOT_SENT: total - sent } }, 0)
  // this loop ends, because every operation has a timeout of its own
  while (in_flight > 0) await pause(TICK_MS)
}

/** Runs one job's operation at its pace. */
export const measure = async (operation: Operation, job: Omit<Job, 'work' | 'seed'>): Promise<Measured> => {
  const tally = createTally()
  const { pace } = job
  if (pace.kind === 'count') {
    const elapsed_ms = await countedLoop(operation, pace, tally)
    return { ...tally.measured(), elapsed_ms }
  }
  await (pace.kind === 'full'
    ? closedLoop(operation, pace.in_flight, job, tally)
    : openLoop(operation, pace, job, tally))
  return tally.measured()
}
