/**
 * Writes the parts that a run gathered: level by level, and the transactions of a level side by side in a few lanes.
 */

import { type BackOff, pause } from '../back-off.js'
import { Failed, run } from '../fp.js'
import type { Customer } from '../ledger/fold.js'
import { inParallel } from '../parallel.js'
import { readHeads } from '../tables/heads.js'
import { noteMark } from '../tables/identity.js'
import { SUM_LANES } from '../tables/totals.js'
import { type Transaction, writeTransaction } from '../tables/transact.js'
import type { Part } from './pending.js'
import { failedWith } from './persist.js'
import { withoutRefused } from './refused.js'
import type { Target } from './target.js'
import { pack, transactionOf } from './transactions.js'

/** The number of tries of a transaction, and the pauses between them. */
export type Patience = BackOff & { readonly tries_max: number }

/**
 * For a projector at work. Throttling and collisions usually end at once; in an outage the caller waits and tries
 * again.
 */
const IMPATIENT: Patience = { tries_max: 6, first_ms: 10, max_ms: 300 }
/** For a rebuild, whose caller does not try again and which would lose much work: about a minute. */
export const PATIENT: Patience = { tries_max: 35, first_ms: 10, max_ms: 3_000 }

/** Whether a head has come to `to` or beyond it; false when that is not certain. */
const hasReached = (found: Customer | undefined, to: Customer): boolean => {
  if (found === undefined) return false
  const { seq, version, balance } = found.account
  // a parked customer has come no further than the last event that was left out
  if (seq > to.account.seq)
    return to.parked === undefined || (found.parked?.last_seq ?? seq) >= to.parked.last_seq
  const is_same = seq === to.account.seq && version === to.account.version && balance === to.account.balance
  if (to.parked === undefined || found.parked === undefined) return is_same && found.parked === to.parked
  return is_same && found.parked.seq === to.parked.seq && found.parked.last_seq >= to.parked.last_seq
}

/**
 * Whether a transaction is in the table already. A write whose answer was lost is made again, and then fails on the
 * heads that it has written itself. Everything in a transaction is written together, so its heads stand for all of
 * it.
 */
const isWritten = async (target: Target, { heads }: Transaction): Promise<boolean> => {
  const { tables, table } = target
  const ids = heads.map(({ id }) => id)
  const found = await run(readHeads(tables, table, ids))
  return heads.every(({ id, to }) => hasReached(found.get(id), to))
}

const writeOnce = async (target: Target, transaction: Transaction): Promise<void> => {
  const { tables, table } = target
  try {
    await run(writeTransaction(tables, table, transaction))
  } catch (thrown) {
    if (!failedWith(thrown, 'ConditionFailed') || !(await isWritten(target, transaction))) throw thrown
    // another instance may have written the heads in a transaction of its own, which did not note the table's position
    if (transaction.mark !== undefined) await run(noteMark(tables, table, transaction.mark))
  }
}

/** Writes a part, and returns the number of rows that the table refused. */
const write = async (
  target: Target,
  part: Part,
  lane: number,
  signal: AbortSignal,
  patience: Patience,
): Promise<number> => {
  let transaction = transactionOf(part, lane)
  for (let attempt = 1; ; attempt += 1) {
    try {
      await writeOnce(target, transaction)
      return part.inserts.length - transaction.inserts.length
    } catch (thrown) {
      if (thrown instanceof Failed && thrown.error.tag === 'Refused') {
        transaction = await withoutRefused(target, transaction, thrown)
        continue
      }
      if (!failedWith(thrown, 'TryAgain') || attempt >= patience.tries_max || signal.aborted) throw thrown
      await pause(patience, attempt, signal)
    }
  }
}

/**
 * Writes the parts of one level side by side, and the part that notes the table's position after the others: the
 * position never covers an event whose item is not written.
 */
const writeLevel = async (
  target: Target,
  parts: readonly Part[],
  signal: AbortSignal,
  patience: Patience,
): Promise<number> => {
  const packed = pack(parts)
  let refused = 0
  for (const has_mark of [false, true]) {
    const some = packed.filter(({ mark }) => (mark !== undefined) === has_mark)
    const counts = await inParallel(SUM_LANES, some, (part, lane) =>
      write(target, part, lane, signal, patience),
    )
    refused += counts.reduce((sum, count) => sum + count, 0)
  }
  return refused
}

/**
 * Writes all parts. Rows that the table refuses for good become letters instead; returns the number of them. Throws
 * `Failed` or `HeadsRefused`. The transactions that were written until then stay; the same events, folded again from
 * the heads as they are then, write the rest.
 */
export const writeParts = async (
  target: Target,
  levels: readonly (readonly Part[])[],
  signal: AbortSignal,
  patience = IMPATIENT,
): Promise<number> => {
  let refused = 0
  for (const parts of levels) refused += await writeLevel(target, parts, signal, patience)
  return refused
}
