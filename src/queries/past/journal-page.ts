/**
 * Reads a customer's events between two sequences, newest first: the journal's rows, and before them the events that
 * the stream has and the journal has not yet.
 *
 * Rows count only when they prove that none is missing, because the index may be a moment behind: each row names the
 * sequence of the row before it. Without that proof, or when the journal cannot be read, the subject is folded. Where the table
 * has rows of savepoints only, it is folded from the last one before the page.
 */

import { E, type Either } from '../../fp.js'
import type { AccountId } from '../../ledger/account-id.js'
import { NEW_CUSTOMER } from '../../ledger/fold.js'
import type { ServiceError } from '../../service/error.js'
import { type Folded, fromHead } from '../../stream/fold-subject.js'
import { readTrustedHeads } from '../../tables/heads.js'
import { readRows } from '../../tables/journal-pages.js'
import type { LinkedRow } from '../../tables/journal-row.js'
import { journalOf, lastSavepoint } from '../../tables/savepoints.js'
import { type QueryDeps, readActive } from '../deps.js'
import { BEGINNING, type FoldPast, nextRow, rowOf, unreadable } from './past.js'

export type PageRange = {
  /** Both ends belong to the range. */
  readonly from_seq: number
  readonly to_seq: number
  readonly rows_max: number
  /** The sequence of the newest event in the range, when an earlier page gave it. */
  readonly newest_seq?: number | undefined
}

export type ReadPage = (
  id: AccountId,
  range: PageRange,
) => Promise<Either<ServiceError, readonly LinkedRow[]>>

/** The amount by which a row changes the balance. */
const movedBy = ({ type, amount = 0n }: LinkedRow): bigint =>
  type === 'credit' ? amount : type === 'debit' ? -amount : 0n

/** Whether each row follows the next older one, in sequence and in balance; a customer's first row begins with 0. */
const isChain = (rows: readonly LinkedRow[]): boolean =>
  rows.every((row, i) => {
    const older = rows[i + 1]
    const before = row.balance - movedBy(row)
    if (older === undefined) return row.previous_seq !== 0 || before === 0n
    return row.previous_seq === older.seq && before === older.balance
  })

/** Folds the subject on and gives its newest rows, newest first. */
const collectRows = async (
  fold: FoldPast,
  id: AccountId,
  from: Folded,
  { from_seq, to_seq, rows_max }: PageRange,
): Promise<Either<unknown, LinkedRow[]>> => {
  const rows: LinkedRow[] = []
  let last_seq = from.customer.account.seq
  const folded = await fold(id, from, to_seq, (record, event, after) => {
    const previous_seq = last_seq
    last_seq = record.seq
    if (record.seq < from_seq) return
    rows.push(rowOf(id, record, event, after, previous_seq))
    if (rows.length > rows_max) rows.shift()
  })
  return E.isLeft(folded) ? folded : E.right(rows.reverse())
}

export const createReadPage = (deps: QueryDeps, fold: FoldPast): ReadPage => {
  const { tables } = deps

  const fromSubject = async (id: AccountId, range: PageRange, from = BEGINNING) => {
    const rows = await collectRows(fold, id, from, range)
    return E.isLeft(rows) ? unreadable(rows.left) : rows
  }

  const fromSavepoint = async (table: string, id: AccountId, range: PageRange) => {
    const account = await lastSavepoint(tables, table, id, range.to_seq, range.rows_max)
    return fromSubject(id, range, { customer: { account }, last_seq: account.seq })
  }

  /** The sequence of the newest event up to `to_seq`; undefined when neither the head nor a row tells it. */
  const newestSeq = async (
    table: string,
    id: AccountId,
    { to_seq, newest_seq }: PageRange,
    { customer }: Folded,
  ): Promise<number | undefined> => {
    if (newest_seq !== undefined) return newest_seq
    if (to_seq >= customer.account.seq) return customer.account.seq
    return (await nextRow(deps, table, id, to_seq))?.previous_seq
  }

  const isWhole = async (
    table: string,
    id: AccountId,
    range: PageRange,
    head: Folded,
    rows: readonly LinkedRow[],
  ): Promise<boolean> => {
    const newest_seq = await newestSeq(table, id, range, head)
    if (newest_seq === undefined) return false
    // 0 stands for no event
    const isBefore = (seq: number): boolean => seq === 0 || seq < range.from_seq
    const [newest, oldest] = [rows[0], rows.at(-1)]
    if (newest === undefined || oldest === undefined) return isBefore(newest_seq)
    if (newest.seq !== newest_seq || !isChain(rows)) return false
    const { account } = head.customer
    if (newest.seq === account.seq && newest.balance !== account.balance) return false
    return rows.length === range.rows_max || isBefore(oldest.previous_seq)
  }

  /** The page's rows from the journal; undefined when they do not prove that none is missing. */
  const fromJournal = async (
    table: string,
    id: AccountId,
    range: PageRange,
    head: Folded,
  ): Promise<readonly LinkedRow[] | undefined> => {
    const rows = await readRows(tables, table, id, { ...range, newest_first: true })()
    return E.isRight(rows) && (await isWhole(table, id, range, head, rows.right)) ? rows.right : undefined
  }

  return async (id, range) => {
    const read = await readActive(deps.active, ({ table, trust }) =>
      readTrustedHeads(tables, table, [id], trust),
    )()
    if (E.isLeft(read)) return fromSubject(id, range)
    const { table, found } = read.right
    if (journalOf(found.identity) === 'savepoints') return fromSavepoint(table, id, range)
    const head = fromHead(found.heads.get(id) ?? NEW_CUSTOMER)
    const tail = range.to_seq > head.last_seq ? await collectRows(fold, id, head, range) : E.right([])
    if (E.isLeft(tail)) return unreadable(tail.left)
    const rows_max = range.rows_max - tail.right.length
    if (rows_max === 0) return tail
    const rows = await fromJournal(
      table,
      id,
      {
        from_seq: range.from_seq,
        to_seq: Math.min(range.to_seq, head.last_seq),
        rows_max,
        // the newest event of the range is among these rows only when the tail has none
        newest_seq: tail.right.length === 0 ? range.newest_seq : undefined,
      },
      head,
    )
    return rows === undefined ? fromSubject(id, range) : E.right([...tail.right, ...rows])
  }
}
