/**
 * Judges how fast one projection works, from the looks at how far it is: pure, one look after the other.
 *
 * The time until a projection has handled all that is stored (`behind_s`) follows from what is stored and from what it was
 * seen to take. That figure answers at once to what is admitted; the age of its oldest event answers only when that event
 * comes up, up to the whole bound later, and a control that waited for it would swing.
 *
 * What counts as slow: a projection that follows the stream and makes progress. Three others do not slow anybody:
 * - one that is away: its table cannot be reached, or nobody runs it, and commands do not need it (docs/adr/0034);
 * - one that fills a table from the beginning: it has a whole history to fold, however few commands come;
 * - one that has caught up within the last look: how much it could take is not known.
 */

/** How far the bound on the lag reaches, and the times that follow from it. */
export type Bounds = {
  readonly bound_ms: number
  /** Below this nothing is refused. */
  readonly calm_ms: number
  /** What is behind settles here when more comes than the projection takes. */
  readonly settle_ms: number
  /** The rates are those of this time. After so long without progress a judgement stays as it was. */
  readonly window_ms: number
  /** What it takes in less time is no measure of its capacity, when it took more in the window: it may only have paused. */
  readonly pause_ms: number
  /** A projection without progress for this time is away. */
  readonly away_ms: number
  /** The time between two looks. */
  readonly look_ms: number
  /** The commands of this time may come at once. */
  readonly burst_ms: number
}

const between = (min: number, value: number, max: number): number => Math.min(max, Math.max(min, value))

/** The times that follow from the operator's bound. A look is taken ten times within the bound, once a second at most. */
export const boundsOf = (bound_ms: number): Bounds => {
  const window_ms = between(5_000, bound_ms / 2, 15_000)
  return {
    bound_ms,
    calm_ms: bound_ms * 0.5,
    settle_ms: bound_ms * 0.9,
    window_ms,
    pause_ms: window_ms / 3,
    away_ms: Math.max(30_000, bound_ms),
    look_ms: between(200, bound_ms / 10, 1_000),
    burst_ms: between(100, bound_ms / 4, 1_000),
  }
}

/** What a look found: the first sequence that is not handled is `seq + 1`, and that event is `lag_ms` old. */
export type Sample = {
  readonly at_ms: number
  readonly seq: number
  readonly lag_events: number
  readonly lag_ms: number
}

export type Pace = {
  /** `filling`: it folds a history. `recovering`: it goes on after it stood still, until it has caught up. */
  readonly state: 'filling' | 'recovering' | 'following'
  /** The looks of the window, oldest first, after the last progress that was seen before it. */
  readonly samples: readonly Sample[]
  /** The time of the look that saw the last progress. */
  readonly progressed_ms: number
}

/** A projection that is this many bounds behind when it is first seen folds a history. */
const HISTORY_BOUNDS = 10

/** The pace of a projection at the first look at it. `is_added`: others were looked at before it existed. */
export const beginPace = (sample: Sample, is_added: boolean, { bound_ms, calm_ms }: Bounds): Pace => {
  const { seq, lag_ms, at_ms } = sample
  const has_history = is_added || seq === 0 || lag_ms > bound_ms * HISTORY_BOUNDS
  const state = has_history && lag_ms > calm_ms ? 'filling' : 'following'
  return { state, samples: [sample], progressed_ms: at_ms }
}

const lastOf = ({ samples }: Pace): Sample | undefined => samples.at(-1)

/** The time for which the projection has made no progress although it has something to do. */
const stillFor_ms = (pace: Pace, at_ms: number): number =>
  (lastOf(pace)?.lag_events ?? 0) > 0 ? at_ms - pace.progressed_ms : 0

const hasMoved = (before: Sample | undefined, after: Sample): boolean =>
  before !== undefined && after.seq > before.seq

/** The samples of the window, and the newest progress before it: acknowledgements come in leaps. */
const samplesOf = ({ samples }: Pace, sample: Sample, { window_ms }: Bounds): readonly Sample[] => {
  const from = samples.findIndex(one => sample.at_ms - one.at_ms <= window_ms)
  const inside = from === -1 ? [] : samples.slice(from)
  const before = samples.slice(0, from === -1 ? samples.length : from)
  const move = before.findLastIndex((one, i) => i === 0 || hasMoved(before[i - 1], one))
  return [...before.slice(Math.max(move, 0)).slice(0, 1), ...inside, sample]
}

const stateAfter = ({ state }: Pace, is_calm: boolean, was_away: boolean): Pace['state'] => {
  if (is_calm) return 'following'
  return was_away && state === 'following' ? 'recovering' : state
}

/** The pace after one more look. */
export const notePace = (pace: Pace, sample: Sample, bounds: Bounds): Pace => {
  const { at_ms, seq, lag_events, lag_ms } = sample
  const last = lastOf(pace)
  // a table that was emptied is folded again from the beginning
  if (last !== undefined && seq < last.seq) return beginPace(sample, true, bounds)
  // nothing is known of the time without looks
  if (last === undefined || at_ms - last.at_ms > bounds.window_ms) {
    const state = lag_ms <= bounds.calm_ms ? 'following' : pace.state
    return { state, samples: [sample], progressed_ms: at_ms }
  }
  const has_moved = lag_events === 0 || seq > last.seq
  const was_away = has_moved && stillFor_ms(pace, at_ms) > bounds.away_ms
  return {
    state: stateAfter(pace, lag_ms <= bounds.calm_ms, was_away),
    samples: was_away ? [sample] : samplesOf(pace, sample, bounds),
    progressed_ms: has_moved ? at_ms : pace.progressed_ms,
  }
}

export type Judgement = {
  /** The events that it takes in a second. */
  readonly capacity_per_s: number
  /** The time that it needs for all that is stored now. */
  readonly behind_ms: number
  /** The events in a second that may be stored, so that it settles; undefined when it sets no limit. */
  readonly events_per_s_max: number | undefined
}

/** The newest looks between which it had something to do all the time: its oldest event is older than the pause between. */
const busyLooks = ({ samples }: Pace): readonly Sample[] => {
  let from = samples.length - 1
  for (; from > 0; from -= 1) {
    const [before, after] = [samples[from - 1], samples[from]]
    if (before === undefined || after === undefined || after.lag_ms < after.at_ms - before.at_ms) break
  }
  return samples.slice(Math.max(from, 0))
}

const rateBetween = (begin: Sample, end: Sample): number =>
  ((end.seq - begin.seq) * 1_000) / (end.at_ms - begin.at_ms)

/** The events that it took in a second of the window, while it had something to do or not: so many it takes at least. */
const takenOf = ({ samples }: Pace): number => {
  const [begin, end] = [samples[0], samples.at(-1)]
  return begin === undefined || end === undefined || end.at_ms <= begin.at_ms ? 0 : rateBetween(begin, end)
}

/**
 * The events that it takes in a second, from progress to progress: acknowledgements come in leaps. One alone tells nothing,
 * because nobody knows when the work on it began. And a disk that stood still for two seconds is no capacity: 8,000 events
 * that wait, when 200 were taken in the last second, would be 40 s of work.
 */
const capacityOf = (pace: Pace, before: Judgement | undefined, bounds: Bounds): number | undefined => {
  const busy = busyLooks(pace)
  if (busy.length < 2) return undefined
  const moves = busy.filter((one, i) => hasMoved(busy[i - 1], one))
  const [begin, end] = [moves[0], moves.at(-1)]
  if (end === undefined || begin === undefined || end.at_ms <= begin.at_ms) return before?.capacity_per_s
  const capacity_per_s = rateBetween(begin, end)
  const is_short = end.at_ms - begin.at_ms < bounds.pause_ms
  return is_short ? Math.max(capacity_per_s, takenOf(pace)) : capacity_per_s
}

/** The least part of its capacity that is admitted, however far behind it is: what is behind shrinks by the rest. */
const LEAST = { following: 0.5, recovering: 0.9 } as const

/**
 * Judges the pace: twice the capacity is admitted where refusing begins, the capacity itself where what is behind is to
 * settle, and less beyond. Undefined for a projection that does not count. `before` is the judgement of the look before:
 * it stays while the projection makes no progress, since nobody can tell a long write from a table that has gone away.
 */
export const judgePace = (
  pace: Pace,
  at_ms: number,
  before: Judgement | undefined,
  bounds: Bounds,
): Judgement | undefined => {
  const still_ms = stillFor_ms(pace, at_ms)
  if (pace.state === 'filling' || still_ms > bounds.away_ms) return undefined
  if (still_ms > bounds.window_ms) return before
  const capacity_per_s = capacityOf(pace, before, bounds)
  if (capacity_per_s === undefined) return undefined
  const behind_ms = ((lastOf(pace)?.lag_events ?? 0) * 1_000) / capacity_per_s
  const { calm_ms, settle_ms } = bounds
  if (behind_ms <= calm_ms) return { capacity_per_s, behind_ms, events_per_s_max: undefined }
  const part = 1 + (settle_ms - behind_ms) / (settle_ms - calm_ms)
  return { capacity_per_s, behind_ms, events_per_s_max: capacity_per_s * Math.max(part, LEAST[pace.state]) }
}
