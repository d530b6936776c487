/**
 * Verifies a ledger: folds the whole stream anew and compares the table with the fold, beside a service that may be at
 * work.
 *
 * The order makes it exact (docs/adr/0013). It fixes a sequence, and waits until the projection has handled it. It folds up
 * to that sequence, and compares the rows on the way. Then it reads the table. At last it folds further, for the items
 * that are ahead of the fold.
 */

import { pause } from '../back-off.js'
import type { RawItem } from '../tables/batch-get.js'
import { readIdentity } from '../tables/identity.js'
import type { OnProgress, Run, VerifyDeps } from './deps.js'
import { createDifferences, type Difference, TABLE_PLACES } from './difference.js'
import { findTarget } from './find.js'
import { DecisionMet, type Skips } from './fold.js'
import { createHeadsCheck } from './heads-check.js'
import { JournalCheck } from './journal-check.js'
import { kindOf } from './kind.js'
import { createKnownIdsCheck, type KnownIdsCheck, type KnownIdsReport } from './known-ids-check.js'
import { CannotVerify, persist } from './problem.js'
import { withRefusals } from './refused.js'
import { readAll, rowsOf, scanAll } from './scan.js'
import { createStreamChecks } from './stream-checks.js'
import type { Target } from './target.js'
import { TotalsCheck } from './totals-check.js'
import { ackedSeq, lastSeq, waitFor } from './wait.js'
import { createWalk, readSkips, type Step, type Walk } from './walk.js'

export type VerifyOptions = {
  /** The generation whose table is compared; undefined for the active one. */
  readonly generation?: number | undefined
  /** The only customer whose items and rows are compared; undefined for all customers. */
  readonly client_id?: string | undefined
  /** Whether the sums are compared. */
  readonly totals: boolean
  /** The longest wait for the table to be ready, and then for the projection to reach the sequence. */
  readonly timeout_ms: number
  /** The number of differences that are kept; further ones are only counted. */
  readonly differences_max: number
  /** The number of events of a chunk of known ids: that of the program, unless a test has smaller chunks. */
  readonly chunk_events?: number
}

/** The result of verify. */
export type Report = {
  /** The sequence up to which everything is verified. */
  readonly seq: number
  readonly customers: number
  readonly parked: number
  /** The number of events that the fold refuses. */
  readonly rejected: number
  readonly transfers: number
  readonly table: { readonly name: string; readonly generation: number; readonly differences: number }
  readonly heads_compared: number
  readonly rows_compared: number
  /** Which events have rows in the table. */
  readonly journal: 'every-event' | 'savepoints'
  /**
   * Whether the sums of the totals were compared; they are not when one customer is compared, or when they are left
   * out.
   */
  readonly sums_compared: boolean
  /**
   * Why the table says that its sums may be wrong, so that nobody is answered with them; undefined when it does not. They
   * are compared all the same.
   */
  readonly sums_doubt: string | undefined
  /** The checkpoint of transaction ids; undefined when there is none, or it may not be read. */
  readonly known_ids: KnownIdsReport | undefined
  /** The parts that could not be compared; with any of them, verify cannot say that all agree. */
  readonly not_compared: readonly string[]
  readonly differences: readonly Difference[]
  readonly differences_count: number
  /** The number of differences that are in the stream itself. */
  readonly differences_stream: number
}

type Checks = {
  readonly heads: ReturnType<typeof createHeadsCheck>
  readonly journal: JournalCheck
  readonly totals: TotalsCheck | undefined
  readonly stream: ReturnType<typeof createStreamChecks>
  readonly known_ids: KnownIdsCheck
}

/** Gives an item of the table to the check of its kind. */
const takeItem = ({ differences }: Run, { heads, journal, totals }: Checks, item: RawItem): void => {
  const id = item.id?.S ?? ''
  switch (kindOf(id)) {
    case 'head':
      heads.take(item)
      return
    case 'row':
      journal.take(item)
      return
    case 'sum':
      totals?.take(item)
      return
    case undefined: {
      const detail = 'neither a customer, nor a row of an event, nor a sum'
      differences.add({ where: 'balances', kind: 'stray', id, detail })
    }
  }
}

/** Reads one customer's head and rows. */
const readOne = async (run: Run, checks: Checks, { table }: Target, walk: Walk, client_id: string) => {
  const head = (await readAll(run, table, [client_id])).get(client_id)
  if (head !== undefined) checks.heads.take(head)
  else if (walk.customers.has(client_id)) await checks.heads.takeMissing([client_id])
  for await (const items of rowsOf(run, table, client_id)) {
    for (const item of items) {
      // a head or a sum is there only when it got a `client_id` by hand
      const kind = kindOf(item.id?.S ?? '')
      if (kind === 'row' || kind === undefined) takeItem(run, checks, item)
    }
  }
}

/** Reads the whole table, and looks again for the customers whose heads were not in it. */
const readWhole = async (run: Run, checks: Checks, { table }: Target, walk: Walk): Promise<void> => {
  const missing = new Set(walk.customers.keys())
  let items_read = 0
  for await (const items of scanAll(run, table)) {
    for (const item of items) {
      takeItem(run, checks, item)
      missing.delete(item.id?.S ?? '')
    }
    items_read += items.length
    run.onProgress('comparing', items_read, Math.max(items_read, walk.customers.size))
  }
  await checks.heads.takeMissing([...missing])
}

/**
 * Continues the walk, not beyond the stream's end, over the items that are ahead of it and over the rest of a
 * transfer or batch. Then it reports the items and rows whose event never came.
 */
const walkToItemsAhead = async (run: Run, { heads, journal, stream }: Checks, walk: Walk): Promise<void> => {
  const wanted = Math.max(heads.aheadSeq(), journal.aheadSeq(), walk.place() + stream.waitsFor())
  await walk.to(Math.min(wanted, await lastSeq(run)))
  heads.end()
  journal.end()
}

/** The wait for the rest of a batch: replicas store a batch message by message, within milliseconds. */
const STORED_LATER = { first_ms: 1_000, max_ms: 1_000 }

/** Whether no event follows the last one of the walk, now and a second later. */
const isAtRest = async (run: Run, walk: Walk): Promise<boolean> => {
  if ((await lastSeq(run)) !== walk.place()) return false
  await pause(STORED_LATER, 1, run.signal)
  return (await lastSeq(run)) === walk.place()
}

/**
 * The sequence up to which everything is compared: the stream's last one. A generation that was asked for may stand
 * still, and is compared up to the event at which it stands.
 */
const sequenceFor = async (run: Run, target: Target, { generation }: VerifyOptions): Promise<number> => {
  const last_seq = await lastSeq(run)
  return generation === undefined ? last_seq : Math.min(last_seq, await ackedSeq(run, target))
}

/** The outcomes that are no refusal. */
const COUNTED: readonly Step['outcome'][] = ['applied', 'left out', 'decision']

const verifyWith = async (
  deps: VerifyDeps,
  options: VerifyOptions,
  onProgress: OnProgress,
  signal: AbortSignal,
  skips: Skips,
): Promise<Report> => {
  const differences = createDifferences(options.differences_max)
  const run: Run = { ...deps, signal, onProgress, differences, client_id: options.client_id }
  const target = await findTarget(run, options)
  const seq = await sequenceFor(run, target, options)
  const journal = (await persist(readIdentity(run.tables, target.table), signal))?.journal ?? 'every-event'
  await waitFor(run, target, seq, options.timeout_ms)

  const counts = { rejected: 0, is_reading: false }
  const see = (step: Step): void => {
    if (!COUNTED.includes(step.outcome) && !counts.is_reading) counts.rejected += 1
    checks.stream.see(step)
    checks.totals?.see(step)
    if (!counts.is_reading) return
    checks.heads.see(step)
    checks.journal.see(step)
  }
  const walk = createWalk(run, see, skips)
  const { client_id } = run
  const checks: Checks = {
    heads: createHeadsCheck(run, target.table, walk),
    journal: new JournalCheck(run, target.table, seq, journal === 'savepoints'),
    totals: options.totals && client_id === undefined ? new TotalsCheck(run, target) : undefined,
    stream: createStreamChecks(differences, run.client_id),
    known_ids: await createKnownIdsCheck(run, options.chunk_events),
  }

  await walk.to(seq, async steps => {
    await checks.journal.page(steps)
    await checks.known_ids.page(steps)
  })
  const known_ids = checks.known_ids.end()
  const [customers, parked] = countCustomers(walk)
  counts.is_reading = true
  checks.totals?.beginReading()
  if (client_id === undefined) await readWhole(run, checks, target, walk)
  else await readOne(run, checks, target, walk, client_id)
  await walkToItemsAhead(run, checks, walk)
  const verdict = await checks.totals?.compare(walk)
  if (checks.stream.waitsFor() > 0 && (await isAtRest(run, walk))) checks.stream.end()
  refuseUnknownCustomer(run, checks, walk)

  return {
    seq,
    customers,
    parked,
    rejected: counts.rejected,
    transfers: checks.stream.transfers(),
    table: {
      name: target.table,
      generation: target.generation,
      differences: differences.count(...TABLE_PLACES),
    },
    heads_compared: checks.heads.compared(),
    rows_compared: checks.journal.rows,
    journal,
    sums_compared: verdict === 'equal' || verdict === 'differ',
    sums_doubt: (await persist(readIdentity(run.tables, target.table), signal))?.sums_doubt,
    known_ids,
    not_compared: [...(verdict === 'moving' ? [MOVING] : []), ...checks.known_ids.not_compared],
    differences: await withRefusals(run, differences.kept),
    differences_count: differences.countAll(),
    differences_stream: differences.count('stream'),
  }
}

/** Throws `CannotVerify` for a customer that neither the stream nor the table knows: the id is probably misspelt. */
const refuseUnknownCustomer = ({ client_id, differences }: Run, { heads }: Checks, walk: Walk): void => {
  if (client_id === undefined || walk.customers.has(client_id)) return
  if (heads.compared() > 0 || differences.countAll() > 0) return
  throw new CannotVerify(`neither the stream nor the table knows the customer ${client_id}`)
}

const MOVING =
  'the sums of the totals kept moving, and were never seen equal: look again when less is going on (--no-totals leaves them out)'

const countCustomers = ({ customers }: Walk): [customers: number, parked: number] => [
  customers.size,
  [...customers.values()].filter(({ parked_seq }) => parked_seq !== undefined).length,
]

/** The largest number of rounds; a decision about a parked event that is not known yet starts another one. */
const ROUNDS_MAX = 5

/**
 * Compares the table with the stream. Throws `CannotVerify` when nothing can be said; parts that alone could not be
 * compared are named in the report. When the stream holds decisions about parked events, it is read once more to find
 * them, and then verified again with all of them known, since each decision holds from its event on.
 */
export const verify = async (
  deps: VerifyDeps,
  options: VerifyOptions,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Report> => {
  let skips: Skips = new Set()
  for (let round = 1; ; round += 1) {
    try {
      return await verifyWith(deps, options, onProgress, signal, skips)
    } catch (thrown) {
      if (!(thrown instanceof DecisionMet)) throw thrown
      if (round === ROUNDS_MAX) throw new CannotVerify(thrown.message, { cause: thrown })
      skips = await readSkips(deps, await lastSeq({ ...deps, signal }))
    }
  }
}
