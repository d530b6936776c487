/**
 * Measures the run from the clients' side: the number of answers, and the time without any. The run uses it for the longest
 * time without a credit and without a read, from the start of each fault until the system is well again.
 */

import type { HistoryLine } from './history.js'

export type Gaps = {
  /** The longest time without a successful credit. */
  readonly credit_ms: number
  readonly read_ms: number
}

export type Moment = {
  /** The number of successful calls since the previous moment. */
  readonly done: number
  /** The number of calls that failed or were answered with an error since then. */
  readonly failed: number
  /** The time since the last successful credit. */
  readonly since_credit_ms: number
}

export type Meter = {
  readonly hear: (line: HistoryLine) => void
  /** Begins another stretch of the run, and returns the gaps of the one that ends. */
  readonly turn: () => Gaps
  readonly moment: () => Moment
}

const ERROR_CODE = 'Nats-Service-Error'
const KINDS = ['credit', 'balance'] as const
type Measured = (typeof KINDS)[number]

/** A stretch of the run, in times of the history's clock. */
type Stretch = { last_us: number; longest_us: number }

const isMeasured = (kind: string): kind is Measured => KINDS.some(measured => measured === kind)

/** Creates a meter; `now_us` reads the clock of the history. */
export const createMeter = (now_us: () => number): Meter => {
  const open = new Map<number, string>()
  const stretches: Record<Measured, Stretch> = {
    credit: { last_us: now_us(), longest_us: 0 },
    balance: { last_us: now_us(), longest_us: 0 },
  }
  let [done, failed] = [0, 0]

  const extend = (stretch: Stretch, at_us: number): void => {
    stretch.longest_us = Math.max(stretch.longest_us, at_us - stretch.last_us)
  }
  const succeed = (kind: string, at_us: number): void => {
    if (!isMeasured(kind)) return
    const stretch = stretches[kind]
    extend(stretch, at_us)
    stretch.last_us = Math.max(stretch.last_us, at_us)
  }
  const end = (op: number): string => {
    const kind = open.get(op) ?? ''
    open.delete(op)
    return kind
  }
  const take = (kind: Measured): number => {
    const stretch = stretches[kind]
    // a gap that has not ended counts for both stretches: its length is not known yet
    extend(stretch, now_us())
    const ms = Math.round(stretch.longest_us / 1_000)
    stretch.longest_us = 0
    return ms
  }
  return {
    hear: line => {
      if (line.tag === 'call') open.set(line.op, line.kind)
      if (line.tag === 'failure') {
        end(line.op)
        failed += 1
      }
      if (line.tag !== 'answer') return
      const kind = end(line.op)
      if (line.headers[ERROR_CODE] !== undefined) {
        failed += 1
        return
      }
      done += 1
      succeed(kind, line.at_us)
    },
    turn: () => ({ credit_ms: take('credit'), read_ms: take('balance') }),
    moment: () => {
      const moment = { done, failed, since_credit_ms: (now_us() - stretches.credit.last_us) / 1_000 }
      ;[done, failed] = [0, 0]
      return moment
    },
  }
}
