/**
 * Finds the items that a table refuses for good, keeps dead letters of them and reports them, so that the others go
 * on.
 *
 * A refused row is left out of its table. A customer's head cannot be left out, because everything later stands on
 * it. So the customer stays where it is in that table, and its events are left out. The next code that touches the
 * customer finds it behind the stream and folds it again, which mends it as soon as the table takes the item
 * (docs/adr/0027).
 */

import { countUnstorable } from '../dead-letters/letters.js'
import { run } from '../fp.js'
import type { AccountId } from '../ledger/account-id.js'
import { metrics } from '../metrics.js'
import { nextProved } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_SUBJECTS } from '../stream/settings.js'
import { headItem } from '../tables/heads.js'
import { isRefused, PROBE_ITEMS_MAX } from '../tables/probe.js'
import type { Change, Insert, Transaction } from '../tables/transact.js'
import type { Letter } from './fold-run.js'
import { keepAll } from './letters.js'
import type { Target } from './target.js'

const unstorable_items = metrics.counter(
  'jetledger_unstorable_items_total',
  'Items that a table refused for good, by projection',
)

/** Thrown when a table refuses the heads of some customers. Nothing of their transaction is written. */
export class HeadsRefused extends Error {
  override readonly name = 'HeadsRefused'
  readonly ids: ReadonlySet<AccountId>

  constructor(ids: ReadonlySet<AccountId>, cause: Error) {
    super(cause.message, { cause })
    this.ids = ids
  }
}

type Item =
  | { readonly tag: 'head'; readonly change: Change }
  | { readonly tag: 'row'; readonly insert: Insert }

const attributesOf = (item: Item): Readonly<Record<string, unknown>> =>
  item.tag === 'head'
    ? headItem(item.change.id, item.change.to)
    : { id: item.insert.id, seq: item.insert.seq, ...item.insert.attributes }

const areRefused = (target: Target, items: readonly Item[]): Promise<boolean> =>
  run(isRefused(target.tables, target.table, items.map(attributesOf)))

/** Finds the items that are refused by themselves: a list that is refused is halved, and each half is tried. */
const findRefused = async (target: Target, items: readonly Item[]): Promise<readonly Item[]> => {
  if (items.length === 0) return []
  if (items.length <= PROBE_ITEMS_MAX && !(await areRefused(target, items))) return []
  if (items.length === 1) return items
  const half = Math.ceil(items.length / 2)
  return [
    ...(await findRefused(target, items.slice(0, half))),
    ...(await findRefused(target, items.slice(half))),
  ]
}

/** The beginning of the names of the health parts that report refused items; the projection's name follows. */
export const UNSTORABLE_PART = 'unstorable items of '
const partOf = ({ projection }: Target): string => UNSTORABLE_PART + projection.name

const reportRefused = (target: Target, count: string): void =>
  target.health.report(
    partOf(target),
    'degraded',
    `the table ${target.table} refuses ${count} for good: "jetledger dead-letters list" names them`,
  )

const letterOf = ({ projection, table }: Target, event: Recorded, detail: string): Letter => ({
  event,
  verdict: { reason: 'UNSTORABLE', detail, projection: projection.name, table },
})

/** Keeps a letter for each event whose item is refused. */
export const keepUnstorable = async (
  target: Target,
  events: readonly Recorded[],
  detail: string,
): Promise<void> => {
  if (events.length === 0) return
  unstorable_items.inc({ projection: target.projection.name }, events.length)
  await keepAll(
    target,
    events.map(event => letterOf(target, event, detail)),
  )
  reportRefused(target, 'items')
}

/** The event at `seq`, or none when the stream has no event there. */
const eventOf = async (target: Target, seq: number): Promise<Recorded[]> => {
  const found = await run(nextProved(target, LEDGER_SUBJECTS, seq))
  return found?.seq === seq ? [found] : []
}

/**
 * Returns a transaction that its table refused, without the refused rows, and keeps letters of them. `cause` is the
 * table's error. Throws `HeadsRefused` when heads are refused, and `cause` when the table refuses everything, or no
 * single item.
 */
export const withoutRefused = async (
  target: Target,
  transaction: Transaction,
  cause: Error,
): Promise<Transaction> => {
  if (await areRefused(target, [])) throw cause
  const items: readonly Item[] = [
    ...transaction.heads.map(change => ({ tag: 'head', change }) as const),
    ...transaction.inserts.map(insert => ({ tag: 'row', insert }) as const),
  ]
  const refused = await findRefused(target, items)
  if (refused.length === 0) throw cause
  const heads = refused.flatMap(item => (item.tag === 'head' ? [item.change.id] : []))
  if (heads.length > 0) throw new HeadsRefused(new Set(heads), cause)
  const rows = new Set(refused.flatMap(item => (item.tag === 'row' ? [item.insert.seq] : [])))
  for (const seq of rows) await keepUnstorable(target, await eventOf(target, seq), cause.message)
  return { ...transaction, inserts: transaction.inserts.filter(({ seq }) => !rows.has(seq)) }
}

/** Reports in health the items that a table refused before this process started, and that are not settled. */
export const reportUnstorable = async (target: Target): Promise<void> => {
  const { nc, jsm, projection } = target
  const count = await run(countUnstorable(nc, jsm, projection.name))
  if (count > 0) reportRefused(target, `${count} items`)
}
