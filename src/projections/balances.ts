/**
 * The balances projection: one run of the stream into the balances table.
 *
 * The order is what makes it exact under any crash: first the letters and the parking notes (each can be repeated
 * without harm), then the items under their conditions, and only then may the caller acknowledge (docs/adr/0003).
 */

import type { ClientId } from '../ledger/client-id.js'
import type { Customer } from '../ledger/fold.js'
import { chunksOf, inParallel } from '../parallel.js'
import { keepDeadLetter } from '../stream/dead-letters.js'
import type { Recorded } from '../stream/read.js'
import {
  type Change,
  READ_KEYS_MAX,
  readCustomers,
  WRITE_ITEMS_MAX,
  writeChanges,
} from '../tables/balances.js'
import type { ProjectionDeps } from './deps.js'
import { customersOf, type Folded, foldBatch } from './fold-batch.js'
import { run } from './outcome.js'
import { noteParked } from './parked.js'

const REQUESTS_MAX = 4
const LETTERS_IN_FLIGHT_MAX = 64

/** Reads any number of customers, 100 a request. */
export const readAll = async (
  { tables, table }: ProjectionDeps,
  ids: readonly ClientId[],
): Promise<Map<ClientId, Customer>> => {
  const pages = await inParallel(REQUESTS_MAX, chunksOf(READ_KEYS_MAX, ids), page =>
    run(readCustomers(tables, table, page)),
  )
  return new Map(pages.flatMap(page => [...page]))
}

/** The customers that a fold changed, as they were read and as they shall be. */
export const changesOf = (read: ReadonlyMap<ClientId, Customer>, folded: Folded): Change[] =>
  [...read].flatMap(([id, from]) => {
    const to = folded.customers.get(id) ?? from
    return to === from ? [] : [{ id, from, to }]
  })

/** Keeps the letters of a fold and says so in the log. */
export const keepLetters = async ({ nc, log }: ProjectionDeps, { letters }: Folded): Promise<void> => {
  await inParallel(LETTERS_IN_FLIGHT_MAX, letters, ({ event, verdict }) =>
    run(keepDeadLetter(nc, event, verdict)),
  )
  for (const { event, verdict } of letters) {
    const { reason, detail } = verdict
    log.warn({ seq: event.seq, subject: event.subject, reason, detail }, 'an event is a dead letter')
  }
}

const noteMismatches = ({ log }: ProjectionDeps, { mismatches }: Folded): void => {
  for (const { seq, subject } of mismatches) {
    log.error({ seq, subject, metric: 'fold_mismatch' }, 'an event claims another result than the fold gives')
  }
}

/**
 * Folds `records` (ascending, without a gap) into the table. Throws `ProjectionFailure`: after `ConditionFailed` (a
 * second instance was faster) and `TryAgain` the same records can be given again, and count once.
 */
export const projectBalances = async (deps: ProjectionDeps, records: readonly Recorded[]): Promise<void> => {
  const read = await readAll(deps, customersOf(records))
  const folded = foldBatch(read, records, deps.decode)
  await keepLetters(deps, folded)
  await noteParked(deps, folded.parked)
  await inParallel(REQUESTS_MAX, chunksOf(WRITE_ITEMS_MAX, changesOf(read, folded)), changes =>
    run(writeChanges(deps.tables, deps.table, changes)),
  )
  noteMismatches(deps, folded)
}
