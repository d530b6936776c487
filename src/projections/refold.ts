/**
 * Folds one customer again from its subject when its item is not what the stream says: the item was put back from a
 * copy, deleted, or changed by hand.
 *
 * It may run beside a projector at work, in any instance. The item is written under the condition that it has not
 * changed since it was read; a projector that holds the old head in memory then fails on its own condition. Missing
 * rows are made again. The sums may have been changed together with the item, and cannot be corrected one by one: they
 * are marked as doubtful, which a replay ends.
 */

import { Failed, run } from '../fp.js'
import { type AccountId, eventSubject } from '../ledger/account-id.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import { metrics } from '../metrics.js'
import { foldSubject } from '../stream/fold-subject.js'
import { lastProved } from '../stream/last.js'
import { readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { type Identity, noteSumsDoubt, notOurs } from '../tables/identity.js'
import { createFold } from './fold-run.js'
import { noteParked } from './parked.js'
import { createPending, newPart } from './pending.js'
import { failedWith } from './persist.js'
import { readHeadsOf } from './read-heads.js'
import { isSameCustomer, positionOf } from './same-customer.js'
import { readSkips } from './skips.js'
import type { Target } from './target.js'
import { writeParts } from './write-parts.js'

const TRIES_MAX = 20
/** The number of events in one page: the rows of a page fit into one transaction. */
const PAGE_EVENTS = 40

const items_refolded = metrics.counter(
  'jetledger_items_refolded_total',
  'Items that were not what the stream says, and were folded again, by projection',
)

const REPLAYED = '"jetledger replay" has made them anew'

/** A refold is not ended early: its writes take this signal, which never aborts. */
const never_aborts = new AbortController().signal

/** Folds the customer from its subject, up to and including `to_seq`. */
const foldFromSubject = async (target: Target, id: AccountId, to_seq: number): Promise<Customer> => {
  const options = { to_seq, events_max: Number.POSITIVE_INFINITY, decode: target.decode }
  return (await run(foldSubject(target, id, { customer: NEW_CUSTOMER, last_seq: 0 }, options))).customer
}

/** Whether a head is what the subject gives at `to_seq`, or at a later event that was written but not acknowledged. */
const isAsInStream = async (
  target: Target,
  id: AccountId,
  head: Customer,
  to_seq: number,
): Promise<boolean> =>
  isSameCustomer(await foldFromSubject(target, id, Math.max(to_seq, positionOf(head))), head)

async function* pagesOf({ nc }: Target, id: AccountId, to_seq: number): AsyncGenerator<Recorded[]> {
  let page: Recorded[] = []
  const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq: 1, to_seq }
  for await (const record of readRange(nc, range)) {
    page.push(record)
    if (page.length < PAGE_EVENTS) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

/** Writes every row of a customer again; a row that exists already gets the same content. */
const writeRows = async (target: Target, id: AccountId, to_seq: number): Promise<void> => {
  const { projection, decode } = target
  const customers = new Map([[id, NEW_CUSTOMER]])
  const { last } = await run(lastProved(target.nc, [eventSubject(id)]))
  const skips = await readSkips(target, id, 1, last.get(eventSubject(id))?.seq ?? 0)
  for await (const page of pagesOf(target, id, to_seq)) {
    const pending = createPending()
    createFold({ projection, decode, skips, whole_transfers: false }, customers, pending).run(page)
    const rows = pending.levels().map(level => level.map(({ inserts }) => ({ ...newPart(0), inserts })))
    await writeParts(target, rows, never_aborts)
  }
}

/**
 * Notes that the table's sums may be wrong: they may have been changed together with the item. Throws `NotOurs` when the
 * table is in another epoch.
 */
const doubtSums = async ({ tables, table, epoch }: Target, id: AccountId): Promise<void> => {
  if (epoch === undefined) return
  try {
    await run(noteSumsDoubt(tables, table, epoch, `the item of ${id} was not what the stream says`))
  } catch (thrown) {
    throw failedWith(thrown, 'ConditionFailed') ? new Failed(notOurs(table)) : thrown
  }
}

const tryRefold = async (target: Target, id: AccountId, to_seq: number): Promise<Customer> => {
  const from = (await readHeadsOf(target, [id])).get(id) ?? NEW_CUSTOMER
  if (from.parked !== undefined || (await isAsInStream(target, id, from, to_seq))) return from
  const to = await foldFromSubject(target, id, to_seq)
  // before the item is corrected: afterwards nothing would show any more that there was something to doubt
  await doubtSums(target, id)
  await writeRows(target, id, to_seq)
  if (to.parked !== undefined) await noteParked(target, [{ id, parked: to.parked }])
  await writeParts(target, [[{ ...newPart(0), heads: new Map([[id, { from, to }]]) }]], never_aborts)
  const { projection, log, table } = target
  items_refolded.inc({ projection: projection.name })
  log.error(
    { client_id: id, table, was: show(from), is: show(to), metric: 'item_refolded' },
    'an item was not what the stream says: it is folded again',
  )
  target.health.report(
    itemsPart(target),
    'degraded',
    `${table}: items were not what the stream says and were folded again, ${id} the last of them; the sums may be wrong until ${REPLAYED}`,
  )
  return to
}

const show = ({ account: { balance, version, seq } }: Customer): string =>
  `balance ${balance}, version ${version}, seq ${seq}`

/**
 * Reports in health that the sums of a table have been in doubt since before this process took it up, and takes an earlier
 * report back when they are not: a replay has made another table.
 */
export const reportSums = (target: Target, { sums_doubt }: Pick<Identity, 'sums_doubt'>): void => {
  const { health, table } = target
  const part = itemsPart(target)
  if (sums_doubt !== undefined)
    health.report(part, 'degraded', `${table}: ${sums_doubt}; the sums may be wrong until ${REPLAYED}`)
  else if (health.read().parts[part] !== undefined) health.report(part, 'ok')
}

/** The part of health that reports items which were wrong. */
const itemsPart = ({ projection }: Pick<Target, 'projection'>): string => `items of ${projection.name}`

/**
 * Corrects a customer's item to what its subject says at `to_seq`, and returns the customer as it is then. The
 * projection has to have handled everything up to `to_seq`. Throws `Failed`.
 */
export const refold = async (target: Target, id: AccountId, to_seq: number): Promise<Customer> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryRefold(target, id, to_seq)
    } catch (thrown) {
      if (!failedWith(thrown, 'ConditionFailed') || attempt === TRIES_MAX) throw thrown
    }
  }
}
