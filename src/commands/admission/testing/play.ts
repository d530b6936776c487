/**
 * Plays commands, a stream and projections in steps of 20 ms, to see what the control of admission does over minutes.
 */

import { type Control, createControl, type ProjectionLags } from '../control.js'
import { boundsOf } from '../pace.js'

const STEP_MS = 20

export type Played = {
  /** The events that it takes in a second, by the time in seconds. */
  readonly takes_per_s: (s: number) => number
  /** It acknowledges once in this time. */
  readonly every_ms?: number
  /** The time at which it begins to exist. */
  readonly from_s?: number
}

export type Play = {
  readonly bound_s?: number
  readonly seconds: number
  readonly offered_per_s: (s: number) => number
  readonly projections: readonly Played[]
  readonly instances?: number
  readonly events_per_command?: number
  /** Events that others publish, whom nobody can slow; by the time in seconds. */
  readonly raw_per_s?: (s: number) => number
  /** Whether the lag can be asked for. */
  readonly mayAsk?: (s: number) => boolean
}

/** What happened in one second. */
export type Second = {
  readonly s: number
  readonly offered: number
  readonly admitted: number
  /** How far the last projection of all is behind: the age of its first event that is not acknowledged. */
  readonly lag_s: number
}

/** Gives out a rate in whole steps. */
const createFlow = (per_s: (s: number) => number) => {
  let owed = 0
  return (at_ms: number): number => {
    owed += (per_s(at_ms / 1_000) * STEP_MS) / 1_000
    const whole = Math.floor(owed)
    owed -= whole
    return whole
  }
}

/** A projection over `stored_ms`, the times at which events were stored, in the order of the stream. */
const createProjection = (
  { takes_per_s, every_ms = 300, from_s = 0 }: Played,
  stored_ms: readonly number[],
) => {
  let [handled, acked] = [0, 0]
  return {
    exists: (at_ms: number): boolean => at_ms >= from_s * 1_000,
    step: (at_ms: number): void => {
      if (at_ms < from_s * 1_000) return
      handled = Math.min(stored_ms.length, handled + (takes_per_s(at_ms / 1_000) * STEP_MS) / 1_000)
      if (at_ms % every_ms < STEP_MS) acked = Math.floor(handled)
    },
    lag: (at_ms: number) => {
      const first_ms = stored_ms[acked]
      const lag_ms = first_ms === undefined ? 0 : at_ms - first_ms
      return { seq: acked, lag_events: stored_ms.length - acked, lag_ms }
    },
  }
}

const createStream = ({ projections, events_per_command = 1, raw_per_s = () => 0 }: Play) => {
  const stored_ms: number[] = []
  const raw = createFlow(raw_per_s)
  const played = projections.map(one => createProjection(one, stored_ms))
  const store = (events: number, at_ms: number): void => {
    for (let i = 0; i < events; i += 1) stored_ms.push(at_ms)
  }
  const look = (at_ms: number): ProjectionLags =>
    new Map(
      played.flatMap((one, i) => (one.exists(at_ms) ? [[`projection ${i}`, one.lag(at_ms)] as const] : [])),
    )
  return {
    command: (at_ms: number): void => store(events_per_command, at_ms),
    step: (at_ms: number): void => {
      store(raw(at_ms), at_ms)
      for (const one of played) one.step(at_ms)
    },
    look,
    lag_s: (at_ms: number): number =>
      Math.max(...[...look(at_ms).values()].map(({ lag_ms }) => lag_ms / 1_000)),
  }
}

/** Offers commands to the instances in turn, and stores those that are admitted. */
const createClients = (
  { offered_per_s }: Play,
  controls: readonly Control[],
  onAdmitted: (at_ms: number) => void,
) => {
  const flow = createFlow(offered_per_s)
  let [turn, offered, admitted] = [0, 0, 0]
  return {
    step: (at_ms: number): void => {
      for (let left = flow(at_ms); left > 0; left -= 1) {
        turn += 1
        offered += 1
        if (controls[turn % controls.length]?.admit(1, at_ms) !== true) continue
        admitted += 1
        onAdmitted(at_ms)
      }
    },
    take: () => {
      const counted = { offered, admitted }
      ;[offered, admitted] = [0, 0]
      return counted
    },
  }
}

/** Plays it all; one entry for each second. */
export const play = (options: Play): Second[] => {
  const { bound_s = 30, seconds, instances = 1, mayAsk = () => true } = options
  const bounds = boundsOf(bound_s * 1_000)
  const controls = Array.from({ length: instances }, () => createControl(bounds))
  const stream = createStream(options)
  const clients = createClients(options, controls, stream.command)
  const lines: Second[] = []
  for (let at_ms = STEP_MS; at_ms <= seconds * 1_000; at_ms += STEP_MS) {
    clients.step(at_ms)
    stream.step(at_ms)
    const s = at_ms / 1_000
    if (at_ms % bounds.look_ms < STEP_MS && mayAsk(s)) {
      for (const control of controls) control.note(stream.look(at_ms), at_ms)
    }
    if (at_ms % 1_000 === 0) lines.push({ s, lag_s: stream.lag_s(at_ms), ...clients.take() })
  }
  return lines
}
