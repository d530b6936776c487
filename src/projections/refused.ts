/**
 * Items that a table refuses for good: found among the others, kept as dead letters, and told of; the others go on.
 *
 * A row is left out of its table. A customer's head cannot be: everything later stands on it. So the customer stays where
 * it is in that table, its events are left out, and whoever touches it next finds that it is behind the stream and folds
 * it again, which mends it as soon as the table takes it (docs/adr/0027).
 */

import { countUnstorable } from '../dead-letters/letters.js'
import { run } from '../fp.js'
import type { ClientId } from '../ledger/client-id.js'
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

const unstorable = metrics.counter(
  'jetledger_unstorable_items_total',
  'Items that a table refused for good, by projection',
)

/** Thrown when a table refuses the heads of some customers; nothing of their transaction is written. */
export class HeadsRefused extends Error {
  override readonly name = 'HeadsRefused'
  readonly ids: ReadonlySet<ClientId>

  constructor(ids: ReadonlySet<ClientId>, cause: Error) {
    super(cause.message, { cause })
    this.ids = ids
  }
}

type Item =
  | { readonly tag: 'head'; readonly change: Change }
  | { readonly tag: 'row'; readonly insert: Insert }

const attributesOf = ({ projection }: Target, item: Item): Readonly<Record<string, unknown>> =>
  item.tag === 'head'
    ? headItem(projection.head, item.change.id, item.change.to)
    : { id: item.insert.id, seq: item.insert.seq, ...item.insert.attributes }

const areRefused = (target: Target, items: readonly Item[]): Promise<boolean> =>
  run(
    isRefused(
      target.tables,
      target.table,
      items.map(item => attributesOf(target, item)),
    ),
  )

/** The items that are refused by themselves: the half that is refused is halved again. */
const find = async (target: Target, items: readonly Item[]): Promise<readonly Item[]> => {
  if (items.length === 0) return []
  if (items.length <= PROBE_ITEMS_MAX && !(await areRefused(target, items))) return []
  if (items.length === 1) return items
  const half = Math.ceil(items.length / 2)
  return [...(await find(target, items.slice(0, half))), ...(await find(target, items.slice(half)))]
}

/** The parts of health that tell of what a projection's table refused begin so. */
export const UNSTORABLE_PART = 'unstorable items of '
const partOf = ({ projection }: Target): string => UNSTORABLE_PART + projection.name

const tell = (target: Target, count: string): void =>
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
  unstorable.inc({ projection: target.projection.name }, events.length)
  await keepAll(
    target,
    events.map(event => letterOf(target, event, detail)),
  )
  tell(target, 'items')
}

const eventOf = async (target: Target, seq: number): Promise<Recorded[]> => {
  const found = await run(nextProved(target, LEDGER_SUBJECTS, seq))
  return found?.seq === seq ? [found] : []
}

/**
 * What is left of a transaction that its table refused (`cause` says why): the rows that are refused have become letters.
 * Throws `HeadsRefused` for heads, and `cause` where the table refuses everything, or nothing by itself.
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
  const refused = await find(target, items)
  if (refused.length === 0) throw cause
  const heads = refused.flatMap(item => (item.tag === 'head' ? [item.change.id] : []))
  if (heads.length > 0) throw new HeadsRefused(new Set(heads), cause)
  const rows = new Set(refused.flatMap(item => (item.tag === 'row' ? [item.insert.seq] : [])))
  for (const seq of rows) await keepUnstorable(target, await eventOf(target, seq), cause.message)
  return { ...transaction, inserts: transaction.inserts.filter(({ seq }) => !rows.has(seq)) }
}

/** Says in health what a table refused before this process was started, and nobody has settled. */
export const reportUnstorable = async (target: Target): Promise<void> => {
  const { nc, jsm, projection } = target
  const count = await run(countUnstorable(nc, jsm, projection.name))
  if (count > 0) tell(target, `${count} items`)
}
