/**
 * Decides at the door whether commands are taken, so that the projections stay within the operator's bound on their lag, and
 * what this instance follows in memory within its own.
 *
 * It looks at them while commands come, and for as long as a limit is in force (control.ts holds the rule).
 */

import type { Logger } from 'pino'
import type { Health } from '../../health.js'
import { metrics } from '../../metrics.js'
import { createControl, FOLLOWER, type Limit, type ProjectionLags } from './control.js'
import { boundsOf } from './pace.js'

/** Whether that many commands may be taken now. Each call counts as commands that are taken. */
export type Admit = (commands: number) => boolean

export type Admission = {
  readonly admit: Admit
  /** For STATS: the limit in commands per second and the seconds that a projection is behind; 0 while there is no limit. */
  readonly data: () => { readonly slowed_to_per_s: number; readonly behind_s: number }
  readonly stop: () => void
}

export type AdmissionOptions = {
  /** The bound on the projections' lag, in milliseconds. */
  readonly bound_ms: number
  /** Asks how far the projections and the follower are. Never rejects; one that cannot be asked is left out. */
  readonly look: () => Promise<ProjectionLags>
  readonly health: Pick<Health, 'report'>
  readonly log: Pick<Logger, 'error'>
}

const PART = 'admission'
/** Without commands for this time nothing is looked at. */
const IDLE_MS = 10_000
/** Commands count as slowed for this time after one was refused. */
const SLOWED_MS = 10_000
/** The sentence of health has figures; every new sentence is a line of the log. */
const SAY_AGAIN_MS = 30_000

const refused_total = metrics.counter(
  'jetledger_commands_slowed_total',
  'Commands that were refused as BUSY because a projection or the transaction ids are behind',
)
const limit_gauge = metrics.gauge(
  'jetledger_command_rate_limit',
  'Commands per second that this instance takes while a projection or the transaction ids are behind; 0: no limit',
)

const seconds = (ms: number): number => Math.round(ms / 1_000)

/** Says in health that commands are slowed, and when they no longer are. Returns whether it says so now. */
const createReport = ({ health }: Pick<AdmissionOptions, 'health'>) => {
  let said_ms: number | undefined
  health.report(PART, 'ok')
  return (limit: Limit | undefined, is_slowed: boolean, at_ms: number): boolean => {
    if (!is_slowed && said_ms !== undefined) {
      said_ms = undefined
      health.report(PART, 'ok')
    }
    if (is_slowed && limit !== undefined && at_ms - (said_ms ?? Number.NEGATIVE_INFINITY) > SAY_AGAIN_MS) {
      said_ms = at_ms
      const { consumer, behind_ms, bound_ms } = limit
      const who = consumer === FOLLOWER ? 'the transaction ids are' : 'projections are'
      const behind = `${who} ${seconds(behind_ms)} s behind (${consumer})`
      health.report(PART, 'degraded', `${behind}, commands are slowed; the bound is ${seconds(bound_ms)} s`)
    }
    return said_ms !== undefined
  }
}

/** Takes everything: for parts of the program without a stream to follow. */
export const WITHOUT_BOUND: Admission = {
  admit: () => true,
  data: () => ({ slowed_to_per_s: 0, behind_s: 0 }),
  stop: () => undefined,
}

/** Begins to decide, and to look once commands come. `stop` ends the looking. */
export const startAdmission = (options: AdmissionOptions): Admission => {
  const { bound_ms, look, log } = options
  const bounds = boundsOf(bound_ms)
  const control = createControl(bounds)
  const report = createReport(options)
  let [asked_ms, refused_ms] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  let [is_looking, is_reported] = [false, false]

  const lookOnce = async (): Promise<void> => {
    // the findings may be as old as the question
    const at_ms = performance.now()
    control.note(await look(), at_ms)
  }
  const tick = async (): Promise<void> => {
    const now_ms = performance.now()
    const limit = control.limit(now_ms)
    is_reported = report(limit, now_ms - refused_ms < SLOWED_MS, now_ms)
    const is_idle = now_ms - asked_ms > IDLE_MS && limit === undefined && !is_reported
    if (is_looking || is_idle) return
    is_looking = true
    try {
      await lookOnce()
    } catch (err) {
      log.error({ err }, 'how far the projections are could not be judged')
    } finally {
      is_looking = false
    }
  }
  const timer = setInterval(() => void tick(), bounds.look_ms)
  timer.unref()
  const untrack = limit_gauge.track(() => control.limit(performance.now())?.commands_per_s ?? 0)

  return {
    admit: commands => {
      asked_ms = performance.now()
      if (control.admit(commands, asked_ms)) return true
      refused_ms = asked_ms
      refused_total.inc({}, commands)
      return false
    },
    data: () => {
      const limit = control.limit(performance.now())
      return {
        slowed_to_per_s: Math.round(limit?.commands_per_s ?? 0),
        behind_s: seconds(limit?.behind_ms ?? 0),
      }
    },
    stop: () => {
      clearInterval(timer)
      untrack()
    },
  }
}
