/**
 * Rebuilds the balances table from the stream's first event, in place, beside a projector that may be at work.
 *
 * Everything is folded in memory up to the stream's end, then every item is compared with the fold and written only
 * where it differs, under the same conditions as the projector's writes: neither can undo the other. No dead letter
 * is written; a customer whose item is ahead of the fold is folded up to exactly that item and compared there.
 */

import { type ClientId, EVENT_SUBJECT_PREFIX, eventSubject } from '../ledger/client-id.js'
import { decodeEvent } from '../ledger/event.js'
import { type Customer, NEW_CUSTOMER, step } from '../ledger/fold.js'
import { chunksOf, inParallel } from '../parallel.js'
import { dropConsumer } from '../stream/consumer.js'
import { streamInfo } from '../stream/provision.js'
import { nextRecorded, type Recorded, readRange } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { type Change, READ_KEYS_MAX, readCustomers, writeChanges } from '../tables/balances.js'
import { createBalancesTable, tableExists } from '../tables/provision.js'
import { removeItem, scanItems } from '../tables/scan.js'
import type { ProjectionDeps } from './deps.js'
import { customersOf, foldBatch } from './fold-batch.js'
import { BALANCES } from './names.js'
import { failedWith, run } from './outcome.js'
import { noteParked } from './parked.js'

export type Replayed = {
  readonly events: number
  readonly customers: number
  /** Items that were missing or differed from the fold. */
  readonly written: number
  /** Items of customers that have no events. */
  readonly removed: number
}

/** `folding` counts events, `writing` counts customers. */
export type OnProgress = (stage: 'folding' | 'writing', done: number, total: number) => void

type Customers = Map<ClientId, Customer>

const PAGE_EVENTS = 1_000
const REQUESTS_MAX = 4
const TRIES_MAX = 20

/** The table, if it is missing; its projector then has to start from sequence 1 as well. */
const ensureTable = async ({ nc, tables, table }: ProjectionDeps): Promise<void> => {
  if (await run(tableExists(tables, table))) return
  await run(dropConsumer(nc, BALANCES))
  await run(createBalancesTable(tables, table))
}

const foldPage = (customers: Customers, page: readonly Recorded[], { decode }: ProjectionDeps): void => {
  const before = new Map(customersOf(page).map(id => [id, customers.get(id) ?? NEW_CUSTOMER]))
  for (const [id, customer] of foldBatch(before, page, decode).customers) customers.set(id, customer)
}

const foldAll = async (
  deps: ProjectionDeps,
  last_seq: number,
  onProgress: OnProgress,
): Promise<Customers> => {
  const customers: Customers = new Map()
  const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: 1, to_seq: last_seq }
  let page: Recorded[] = []
  for await (const record of readRange(deps.nc, range)) {
    page.push(record)
    if (page.length < PAGE_EVENTS) continue
    foldPage(customers, page, deps)
    onProgress('folding', record.seq, last_seq)
    page = []
  }
  foldPage(customers, page, deps)
  onProgress('folding', last_seq, last_seq)
  return customers
}

const isSame = (a: Customer, b: Customer): boolean =>
  a.account.balance === b.account.balance &&
  a.account.version === b.account.version &&
  a.account.seq === b.account.seq &&
  a.parked?.seq === b.parked?.seq

/** The fold of one subject up to the event that `item` has applied last, or to the stream's end where it has none such. */
const foldUpTo = async (
  deps: ProjectionDeps,
  id: ClientId,
  from: Customer,
  item: Customer,
): Promise<Customer> => {
  const { state } = await run(streamInfo(deps.nc, LEDGER_STREAM))
  const range = { stream: LEDGER_STREAM, subject: eventSubject(id), to_seq: state.last_seq }
  let customer = from
  for await (const { seq, body } of readRange(deps.nc, { ...range, from_seq: from.account.seq + 1 })) {
    if (item.parked === undefined && customer.account.seq >= item.account.seq) break
    const next = step(customer, seq, (deps.decode ?? decodeEvent)(body))
    if (next.tag === 'applied' || next.tag === 'parked') customer = next.customer
  }
  return customer
}

/** Makes one customer's item right while others may write it; whether it had to be written. */
const heal = async (deps: ProjectionDeps, id: ClientId, folded: Customer): Promise<boolean> => {
  for (let attempt = 1; ; attempt += 1) {
    const item = (await run(readCustomers(deps.tables, deps.table, [id]))).get(id) ?? NEW_CUSTOMER
    const to = await foldUpTo(deps, id, folded, item)
    if (isSame(item, to)) return false
    try {
      await run(writeChanges(deps.tables, deps.table, [{ id, from: item, to }]))
      return true
    } catch (thrown) {
      if (!failedWith(thrown, 'ConditionFailed') || attempt === TRIES_MAX) throw thrown
    }
  }
}

/** Compares up to 100 items with the fold and writes those that differ; the number written. */
const writeChunk = async (deps: ProjectionDeps, chunk: readonly [ClientId, Customer][]): Promise<number> => {
  const items = await run(
    readCustomers(
      deps.tables,
      deps.table,
      chunk.map(([id]) => id),
    ),
  )
  const changes: Change[] = []
  const contended: [ClientId, Customer][] = []
  for (const [id, folded] of chunk) {
    const item = items.get(id) ?? NEW_CUSTOMER
    if (item.account.seq > folded.account.seq) contended.push([id, folded])
    else if (!isSame(item, folded)) changes.push({ id, from: item, to: folded })
  }
  let written = changes.length
  try {
    if (changes.length > 0) await run(writeChanges(deps.tables, deps.table, changes))
  } catch (thrown) {
    if (!failedWith(thrown, 'ConditionFailed')) throw thrown
    written = 0
    contended.push(...changes.map(({ id, to }): [ClientId, Customer] => [id, to]))
  }
  for (const [id, folded] of contended) if (await heal(deps, id, folded)) written += 1
  return written
}

/** Removes the items of customers that have no event at all. */
const removeStrangers = async (
  deps: ProjectionDeps,
  customers: ReadonlyMap<string, Customer>,
  last_seq: number,
): Promise<number> => {
  let removed = 0
  for await (const items of scanItems(deps.tables, deps.table)) {
    for (const item of items.filter(({ id }) => !customers.has(id))) {
      const subject = EVENT_SUBJECT_PREFIX + item.id
      // an event newer than the fold makes it a customer of the projector's, not a stranger
      if ((await run(nextRecorded(deps.jsm, LEDGER_STREAM, subject, last_seq + 1))) !== undefined) continue
      await run(removeItem(deps.tables, deps.table, item))
      removed += 1
    }
  }
  return removed
}

/** Rebuilds the balances. Throws `ProjectionFailure`; what was written until then is right and stays. */
export const replayBalances = async (deps: ProjectionDeps, onProgress: OnProgress): Promise<Replayed> => {
  await ensureTable(deps)
  const { state } = await run(streamInfo(deps.nc, LEDGER_STREAM))
  const customers = await foldAll(deps, state.last_seq, onProgress)
  const changed = [...customers].filter(([, customer]) => !isSame(customer, NEW_CUSTOMER))
  const parked = changed.flatMap(([id, { parked }]) => (parked === undefined ? [] : [{ id, parked }]))
  await noteParked(deps, parked)
  let done = 0
  const counts = await inParallel(REQUESTS_MAX, chunksOf(READ_KEYS_MAX, changed), async chunk => {
    const written = await writeChunk(deps, chunk)
    done += chunk.length
    onProgress('writing', done, changed.length)
    return written
  })
  return {
    events: state.messages,
    customers: changed.length,
    written: counts.reduce((sum, n) => sum + n, 0),
    removed: await removeStrangers(deps, new Map(changed), state.last_seq),
  }
}
