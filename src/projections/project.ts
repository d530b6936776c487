/**
 * One run of the stream into a projection's table.
 *
 * The order is what makes it exact under any crash: first the letters and the parking notes (each can be repeated
 * without harm), then the items under their conditions, and only then may the caller acknowledge (docs/adr/0003).
 */

import { E } from '../fp.js'
import { type ClientId, clientIdOf } from '../ledger/client-id.js'
import { metrics } from '../metrics.js'
import { isOwnFault } from '../own-fault.js'
import { pointOf } from '../stream/identity.js'
import type { Recorded } from '../stream/recorded.js'
import { createFold, endsInTransfer, type Findings } from './fold-run.js'
import type { Heads } from './heads.js'
import { keepLetters } from './letters.js'
import { failedWith } from './outcome.js'
import { noteDecided, noteParked } from './parked.js'
import { createPending, withMark } from './pending.js'
import { HeadsRefused, keepUnstorable } from './refused.js'
import type { Target } from './target.js'
import { writeParts } from './write-parts.js'

const mismatched = metrics.counter(
  'jetledger_fold_mismatches_total',
  'Events that claim another result than the fold gives',
)

const noteMismatches = ({ log, projection }: Target, { mismatches }: Findings): void => {
  if (!projection.keeps_letters) return
  for (const { seq, subject } of mismatches) {
    mismatched.inc()
    log.error({ seq, subject, metric: 'fold_mismatch' }, 'an event claims another result than the fold gives')
  }
}

/** Our own code threw at events that the stream holds: a fault of this program, which tries will not mend. */
class NotFolded extends Error {
  override readonly name = 'NotFolded'
}

/** The heads of a run. To check one may mean to fold older events of its customer, at which our own code may throw. */
const loadHeads = async (
  heads: Heads,
  records: readonly Recorded[],
  from_seq: number,
): Promise<Awaited<ReturnType<Heads['load']>>> => {
  try {
    return await heads.load(records, from_seq)
  } catch (cause) {
    if (!isOwnFault(cause)) throw cause
    throw new NotFolded(`its customer cannot be folded: ${cause}`, { cause })
  }
}

const foldAll = (
  { projection, decode }: Target,
  customers: Parameters<typeof createFold>[1],
  records: readonly Recorded[],
) => {
  try {
    const pending = createPending()
    const fold = createFold({ projection, decode, whole_transfers: true }, customers, pending)
    fold.run(records)
    return { findings: fold.findings(), levels: pending.levels() }
  } catch (cause) {
    throw new NotFolded(`it cannot be folded: ${cause}`, { cause })
  }
}

/** The stretch of the stream that a run handles, although it may fold less of it. */
type Span = {
  /** Everything up to here was handled before. */
  readonly from_seq: number
  readonly newest: Recorded
}

const spanOf = (records: readonly Recorded[]): Span | undefined => {
  const [first, newest] = [records[0], records.at(-1)]
  return first === undefined || newest === undefined ? undefined : { from_seq: first.seq - 1, newest }
}

const projectOnce = async (
  target: Target,
  heads: Heads,
  records: readonly Recorded[],
  signal: AbortSignal,
  { from_seq, newest }: Span,
): Promise<void> => {
  const customers = await loadHeads(heads, records, from_seq)
  const { findings, levels } = foldAll(target, customers, records)
  await keepLetters(target, findings)
  await noteParked(target, findings.parked)
  const { epoch } = target
  // the last transaction notes how far the table is folded, before anything is acknowledged
  const marked = epoch === undefined ? levels : withMark(levels, { epoch, from_seq, newest: pointOf(newest) })
  await writeParts(target, marked, signal)
  // only now does whoever takes the customer up find the decision among what was left out
  await noteDecided(target, findings.decided)
  heads.keep(customers)
  noteMismatches(target, findings)
}

const isOf = (ids: ReadonlySet<ClientId>, { subject }: Recorded): boolean => {
  const id = clientIdOf(subject)
  return E.isRight(id) && ids.has(id.right)
}

/** The last event of each customer in a run: the one that its head would stand at. */
const lastOf = (records: readonly Recorded[]): Recorded[] => [
  ...new Map(records.map(record => [record.subject, record])).values(),
]

/** What cannot be folded or written together may be in halves; both sides of a transfer stay in one. */
const halvesOf = ({ decode }: Target, records: readonly Recorded[]): (readonly Recorded[])[] => {
  const middle = Math.ceil(records.length / 2)
  const at = endsInTransfer(records.slice(0, middle), decode) ? middle + 1 : middle
  return at >= records.length ? [] : [records.slice(0, at), records.slice(at)]
}

/** As where a table refuses a customer's item: it stays where it is in this table until it can be folded. */
const leaveOut = async (target: Target, records: readonly Recorded[], thrown: unknown): Promise<void> => {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  target.log.error({ err: thrown, seq: records.at(-1)?.seq }, 'an event cannot be folded; it is left out')
  await keepUnstorable(target, lastOf(records), message)
}

/** What is left to be tried in parts; throws what no division can mend. */
const dividedAfter = async (
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

const projectSpan = async (
  target: Target,
  heads: Heads,
  records: readonly Recorded[],
  signal: AbortSignal,
  span: Span,
): Promise<void> => {
  try {
    await projectOnce(target, heads, records, signal, span)
  } catch (thrown) {
    heads.clear()
    if (thrown instanceof HeadsRefused) {
      const refused = records.filter(record => isOf(thrown.ids, record))
      if (refused.length === 0) throw thrown
      await keepUnstorable(target, lastOf(refused), thrown.message)
      const others = records.filter(record => !isOf(thrown.ids, record))
      return projectSpan(target, heads, others, signal, span)
    }
    const [first = [], second = []] = await dividedAfter(target, records, thrown)
    const middle = first.at(-1)
    // an event that is left out is handled too: the table says that it has come past it
    if (middle === undefined) return projectSpan(target, heads, [], signal, span)
    await projectSpan(target, heads, first, signal, { ...span, newest: middle })
    await projectSpan(target, heads, second, signal, { ...span, from_seq: middle.seq })
  }
}

/**
 * Folds `records` (ascending, without a gap) into the table; customers whose items it refuses for good, and events at which
 * our own code throws, become letters and are left out. Throws `Failed`: after `ConditionFailed` (a second instance was
 * faster) and `TryAgain` the same records can be given again, and count once.
 */
export const project = async (
  target: Target,
  heads: Heads,
  records: readonly Recorded[],
  signal: AbortSignal,
): Promise<void> => {
  const span = spanOf(records)
  if (span !== undefined) await projectSpan(target, heads, records, signal, span)
}
