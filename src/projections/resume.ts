/**
 * Takes parked customers up again, once this program knows the schema they wait for.
 *
 * The customer's subject is folded from the event it waits at to the stream's end, and the item is written under the
 * condition that no further event was left out meanwhile, so an instance that is still at work loses nothing.
 */

import { type ClientId, eventSubject } from '../ledger/client-id.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import { inParallel } from '../parallel.js'
import { streamInfo } from '../stream/provision.js'
import { type Recorded, readRange } from '../stream/read.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { readCustomers, writeChanges } from '../tables/balances.js'
import { keepLetters } from './balances.js'
import type { ProjectionDeps } from './deps.js'
import { foldBatch } from './fold-batch.js'
import { failedWith, run } from './outcome.js'
import { forgetParked, listParked, noteParked, reportParked } from './parked.js'

const PAGE_EVENTS = 1_000
const TRIES_MAX = 20
/** Customers taken up at once. */
const CUSTOMERS_MAX = 8

/** Folds one customer's subject over `from`, from stream sequence `from_seq` to the stream's end; keeps letters. */
const foldSubject = async (
  deps: ProjectionDeps,
  id: ClientId,
  from: Customer,
  from_seq: number,
): Promise<Customer> => {
  const { state } = await run(streamInfo(deps.nc, LEDGER_STREAM))
  const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq, to_seq: state.last_seq }
  let customer = from
  const foldPage = async (page: readonly Recorded[]): Promise<void> => {
    const folded = foldBatch(new Map([[id, customer]]), page, deps.decode)
    await keepLetters(deps, folded)
    customer = folded.customers.get(id) ?? customer
  }
  let page: Recorded[] = []
  for await (const record of readRange(deps.nc, range)) {
    page.push(record)
    if (page.length < PAGE_EVENTS) continue
    await foldPage(page)
    page = []
  }
  await foldPage(page)
  return customer
}

const tryResume = async (deps: ProjectionDeps, id: ClientId): Promise<void> => {
  const from = (await run(readCustomers(deps.tables, deps.table, [id]))).get(id) ?? NEW_CUSTOMER
  if (from.parked === undefined) return forgetParked(deps, id)
  const to = await foldSubject(deps, id, { account: from.account }, from.parked.seq)
  if (to.parked !== undefined) await noteParked(deps, [{ id, parked: to.parked }])
  await run(writeChanges(deps.tables, deps.table, [{ id, from, to }]))
  if (to.parked !== undefined) return
  deps.log.info({ client_id: id, seq: to.account.seq }, 'a parked customer goes on')
  await forgetParked(deps, id)
}

const resume = async (deps: ProjectionDeps, id: ClientId): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryResume(deps, id)
    } catch (thrown) {
      if (!failedWith(thrown, 'ConditionFailed') || attempt === TRIES_MAX) throw thrown
    }
  }
}

/**
 * Resumes every parked customer whose schema is at most `newest_schema`; ends early, without an error, when `signal`
 * aborts. It may run beside a projector at work.
 */
export const resumeParked = async (
  deps: ProjectionDeps,
  newest_schema: number,
  signal: AbortSignal,
): Promise<void> => {
  const known = (await listParked(deps)).filter(({ schema }) => schema <= newest_schema)
  await inParallel(CUSTOMERS_MAX, known, async ({ client_id }) => {
    if (!signal.aborted) await resume(deps, client_id)
  })
  await reportParked(deps)
}
