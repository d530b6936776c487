/**
 * Folds one run of the stream into a projection's table.
 *
 * The order makes it exact under any crash: first the letters and the parking notes are stored (each can be repeated
 * without harm), then the items are written under their conditions, and only then may the caller acknowledge
 * (docs/adr/0003).
 */

import { setImmediate } from 'node:timers/promises'
import { E } from '../fp.js'
import { type AccountId, accountOn } from '../ledger/account-id.js'
import { metrics } from '../metrics.js'
import { isOwnFault } from '../own-fault.js'
import { pointOf } from '../stream/identity.js'
import type { Recorded } from '../stream/recorded.js'
import { createFold, endsInTransfer, type RunFindings } from './fold-run.js'
import type { HeadCache, Heads } from './head-cache.js'
import { keepLetters } from './letters.js'
import { noteDecided, noteParked } from './parked.js'
import { createPending, withMark } from './pending.js'
import { failedWith } from './persist.js'
import { HeadsRefused, keepUnstorable } from './refused.js'
import type { Target } from './target.js'
import { writeParts } from './write-parts.js'

const fold_mismatches = metrics.counter(
  'jetledger_fold_mismatches_total',
  'Events that claim another result than the fold gives',
)

const noteMismatches = ({ log }: Target, { mismatches }: RunFindings): void => {
  for (const { seq, subject } of mismatches) {
    fold_mismatches.inc()
    log.error({ seq, subject, metric: 'fold_mismatch' }, 'an event claims another result than the fold gives')
  }
}

/** Thrown when our own code throws at an event: a fault of this program, which another try will not mend. */
class NotFolded extends Error {
  override readonly name = 'NotFolded'
}

/**
 * Loads the heads of a run. A check of a head may fold older events of its customer, at which our own code may throw;
 * then it throws `NotFolded`.
 */
const loadHeads = async (
  heads: HeadCache,
  ...asked: Parameters<HeadCache['load']>
): Promise<Awaited<ReturnType<HeadCache['load']>>> => {
  try {
    return await heads.load(...asked)
  } catch (cause) {
    if (!isOwnFault(cause)) throw cause
    throw new NotFolded(`its customer cannot be folded: ${cause}`, { cause })
  }
}

/** The number of events that are folded at a stretch, before other work in this process gets its turn. */
const STRETCH_EVENTS = 500

/** Cuts a run into stretches; both sides of a transfer stay in one stretch. */
const stretchesOf = ({ decode }: Target, records: readonly Recorded[]): (readonly Recorded[])[] => {
  const stretches: (readonly Recorded[])[] = []
  for (let from = 0; from < records.length; ) {
    const stretch = records.slice(from, from + STRETCH_EVENTS)
    const second = endsInTransfer(stretch, decode)
      ? records.slice(from + STRETCH_EVENTS, from + STRETCH_EVENTS + 1)
      : []
    stretches.push([...stretch, ...second])
    from += stretch.length + second.length
  }
  return stretches
}

const foldAll = async (
  target: Target,
  customers: Parameters<typeof createFold>[1],
  records: readonly Recorded[],
) => {
  const { projection, decode } = target
  try {
    const pending = createPending()
    const fold = createFold({ projection, decode, whole_transfers: true }, customers, pending)
    for (const [index, stretch] of stretchesOf(target, records).entries()) {
      if (index > 0) await setImmediate()
      fold.run(stretch)
    }
    return { findings: fold.findings(), levels: pending.levels() }
  } catch (cause) {
    throw new NotFolded(`it cannot be folded: ${cause}`, { cause })
  }
}

/** The range of the stream that a run handles. The run may leave out some of its events. */
type Span = {
  /** Everything up to this sequence was handled before. */
  readonly from_seq: number
  readonly newest: Recorded
}

const spanOf = (records: readonly Recorded[]): Span | undefined => {
  const [first, newest] = [records[0], records.at(-1)]
  return first === undefined || newest === undefined ? undefined : { from_seq: first.seq - 1, newest }
}

/** A run that is folded, and not written yet. */
export type FoldedRun = Awaited<ReturnType<typeof foldAll>> & {
  readonly records: readonly Recorded[]
  readonly span: Span
  /** The heads of its customers after it. */
  readonly customers: Heads
}

const foldSpan = async (
  target: Target,
  heads: HeadCache,
  records: readonly Recorded[],
  span: Span,
  unwritten?: FoldedRun,
): Promise<FoldedRun> => {
  // what the unwritten run has not touched is in the table as of the beginning of that run
  const { from_seq } = unwritten?.span ?? span
  const customers = await loadHeads(heads, records, from_seq, unwritten?.customers)
  return { records, span, customers, ...(await foldAll(target, customers, records)) }
}

/**
 * Folds `records` (ascending, without a gap) while the run before them is still `unwritten`. Undefined when there is nothing to
 * fold. Throws what `project` would have to deal with: then the records are to be projected when the run before is written.
 */
export const foldAhead = async (
  target: Target,
  heads: HeadCache,
  records: readonly Recorded[],
  unwritten: FoldedRun,
): Promise<FoldedRun | undefined> => {
  const span = spanOf(records)
  return span === undefined ? undefined : foldSpan(target, heads, records, span, unwritten)
}

const write = async (
  target: Target,
  heads: HeadCache,
  { span: { from_seq, newest }, customers, findings, levels }: FoldedRun,
  signal: AbortSignal,
): Promise<void> => {
  await keepLetters(target, findings)
  await noteParked(target, findings.parked)
  const { epoch } = target
  // the last transaction notes how far the table is folded, before anything is acknowledged
  const levels_with_mark =
    epoch === undefined ? levels : withMark(levels, { epoch, from_seq, newest: pointOf(newest) })
  await writeParts(target, levels_with_mark, signal)
  // only now is the decision among the events that the item has left out, where `resume.ts` finds it
  await noteDecided(target, findings.decided)
  heads.keep(customers)
  noteMismatches(target, findings)
}

const isOf = (ids: ReadonlySet<AccountId>, { subject }: Recorded): boolean => {
  const id = accountOn(subject)
  return E.isRight(id) && ids.has(id.right)
}

/** The last event of each customer in a run. */
const lastOf = (records: readonly Recorded[]): Recorded[] => [
  ...new Map(records.map(record => [record.subject, record])).values(),
]

/**
 * Divides a run that failed as a whole into halves; both sides of a transfer stay in one half. A single event gives
 * none.
 */
const halvesOf = ({ decode }: Target, records: readonly Recorded[]): (readonly Recorded[])[] => {
  const middle = Math.ceil(records.length / 2)
  const at = endsInTransfer(records.slice(0, middle), decode) ? middle + 1 : middle
  return at >= records.length ? [] : [records.slice(0, at), records.slice(at)]
}

/**
 * Leaves out events that cannot be folded, and keeps letters of them. As with an item that the table refuses, the
 * customer stays where it is in this table until the events can be folded.
 */
const leaveOut = async (target: Target, records: readonly Recorded[], thrown: unknown): Promise<void> => {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  target.log.error({ err: thrown, seq: records.at(-1)?.seq }, 'an event cannot be folded; it is left out')
  await keepUnstorable(target, lastOf(records), message)
}

/**
 * Returns the halves that are to be tried next; none when the run's only event was left out. Throws `thrown` when no
 * division can mend it.
 */
const divideAfter = async (
  target: Target,
  records: readonly Recorded[],
  thrown: unknown,
): Promise<(readonly Recorded[])[]> => {
  const isNotFolded = thrown instanceof NotFolded
  if (!isNotFolded && !failedWith(thrown, 'Refused')) throw thrown
  const halves = halvesOf(target, records)
  if (halves.length > 0) return halves
  if (!isNotFolded) throw thrown
  await leaveOut(target, records, thrown)
  return []
}

/** How a run is made before it is written, and who uses it meanwhile. */
type Ahead = {
  /** The run, if it was folded ahead. */
  readonly folded?: FoldedRun | undefined
  /** Is called when the run is folded, before it is written. */
  readonly onFolded?: (run: FoldedRun) => void
}

const projectSpan = async (
  target: Target,
  heads: HeadCache,
  records: readonly Recorded[],
  signal: AbortSignal,
  span: Span,
  { folded, onFolded }: Ahead = {},
): Promise<boolean> => {
  try {
    const run = folded ?? (await foldSpan(target, heads, records, span))
    onFolded?.(run)
    await write(target, heads, run, signal)
    return true
  } catch (thrown) {
    heads.clear()
    if (thrown instanceof HeadsRefused) {
      const refused = records.filter(record => isOf(thrown.ids, record))
      if (refused.length === 0) throw thrown
      await keepUnstorable(target, lastOf(refused), thrown.message)
      const others = records.filter(record => !isOf(thrown.ids, record))
      await projectSpan(target, heads, others, signal, span)
      return false
    }
    const [first = [], second = []] = await divideAfter(target, records, thrown)
    const middle = first.at(-1)
    // an event that is left out is handled too: the table's mark moves past it
    if (middle === undefined) await projectSpan(target, heads, [], signal, span)
    else {
      await projectSpan(target, heads, first, signal, { ...span, newest: middle })
      await projectSpan(target, heads, second, signal, { ...span, from_seq: middle.seq })
    }
    return false
  }
}

/**
 * Folds `records` (ascending, without a gap) into the table. Customers whose items the table refuses for good, and
 * events at which our own code throws, become letters and are left out. Throws `Failed`: after `ConditionFailed` (a
 * second instance was faster) and `TryAgain` the same records can be given again, and they count once. Returns whether the
 * run that `onFolded` was given is what was written: if not, nothing may be folded upon it.
 */
export const project = async (
  target: Target,
  heads: HeadCache,
  records: readonly Recorded[],
  signal: AbortSignal,
  ahead: Ahead = {},
): Promise<boolean> => {
  const span = spanOf(records)
  return span === undefined || projectSpan(target, heads, records, signal, span, ahead)
}
