/**
 * Folds events for a table that has no readers yet, and gathers the changes until a checkpoint writes them.
 */

import type { AccountId } from '../../ledger/account-id.js'
import { NEW_CUSTOMER } from '../../ledger/fold.js'
import { NO_SKIPS, type Skips } from '../../ledger/skip.js'
import type { Recorded } from '../../stream/recorded.js'
import { createFold, type RunFindings } from '../fold-run.js'
import { createPending, type Part, type Pending } from '../pending.js'
import type { Target } from '../target.js'
import { countRows, countSums, type TableContent } from './expected.js'

/** The changes since the last checkpoint. */
export type Gathered = { readonly levels: Part[][]; readonly parked: RunFindings['parked'] }

export type FoldGatherer = {
  /** Folds `records`, which are in ascending order of sequence. */
  readonly run: (records: readonly Recorded[]) => void
  /** Takes the parked customers whose decision was found since the last call, with the sequence at which each waits. */
  readonly takeDecided: () => ReadonlyMap<AccountId, number>
  /**
   * Begins to fold a parked customer again from the event at which it waits, with the decisions about it. Returns a
   * function that takes the events of the customer's subject from there on.
   */
  readonly takeUp: (id: AccountId, skips: Skips) => (records: readonly Recorded[]) => void
  /** Takes the gathered changes. After that, `expected` includes them. */
  readonly take: () => Gathered
}

type Shape = Pick<Target, 'projection' | 'decode'>

/** Creates a gatherer. `expected` is the content of the table, and is updated. Rows are held until they are written. */
export const createFoldGatherer = ({ projection, decode }: Shape, expected: TableContent): FoldGatherer => {
  const { customers } = expected
  const foldInto = (pending: Pending, skips: Skips) =>
    createFold({ projection, decode, skips, whole_transfers: false }, customers, pending)
  const begin = () => {
    const pending = countRows(createPending(), expected)
    return { pending, fold: foldInto(pending, NO_SKIPS), parked: [] as RunFindings['parked'] }
  }
  let gathered = begin()
  let decided = new Map<AccountId, number>()

  /**
   * Keeps what a rebuild needs of the findings. It drops the letters at once: a rebuild keeps none, and may meet
   * many.
   */
  const take = (findings: RunFindings): void => {
    gathered.parked.push(...findings.parked)
    for (const { id, parked } of findings.decided) decided.set(id, parked.seq)
  }

  return {
    run: records => {
      gathered.fold.run(records)
      take(gathered.fold.findings())
    },
    takeDecided: () => {
      const found = decided
      decided = new Map()
      return found
    },
    takeUp: (id, skips) => {
      const from = customers.get(id) ?? NEW_CUSTOMER
      const to = { account: from.account }
      gathered.pending.add([{ id, from, to, inserts: [], additions: [], bytes: 0 }])
      customers.set(id, to)
      const fold = foldInto(gathered.pending, skips)
      return records => {
        fold.run(records)
        take(fold.findings())
      }
    },
    take: () => {
      const { pending, parked } = gathered
      gathered = begin()
      const isParked = ({ id }: RunFindings['parked'][number]) => customers.get(id)?.parked !== undefined
      const levels = pending.levels()
      countSums(levels, expected)
      return { levels, parked: parked.filter(isParked) }
    },
  }
}
