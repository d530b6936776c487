/**
 * A customer's events between two sequences, newest first: the journal's rows, and before them what the stream has and
 * the journal has not yet.
 *
 * Rows count only when they prove that none is missing: each says which one was before it, and the index may be a moment
 * behind. Else, and when the journal cannot be read, the subject is folded.
 */

import { E, type Either } from '../../fp.js'
import type { ClientId } from '../../ledger/client-id.js'
import type { ServiceError } from '../../service/error.js'
import { type Folded, fromHead } from '../../stream/fold-subject.js'
import { type JournalRow, readJournalHead, readRows } from '../../tables/journal-pages.js'
import { type QueryDeps, readActive } from '../deps.js'
import { BEGINNING, type FoldPast, nextRow, rowOf, unreadable } from './past.js'

export type PageRange = {
  /** Both ends count. */
  readonly from_seq: number
  readonly to_seq: number
  readonly rows_max: number
  /** Of the newest event, where an earlier page told. */
  readonly newest_seq?: number | undefined
}

export type ReadPage = (
  id: ClientId,
  range: PageRange,
) => Promise<Either<ServiceError, readonly JournalRow[]>>

/** What a row moves the balance by. */
const movedBy = ({ type, amount }: JournalRow): bigint =>
  type === 'credit' ? amount : type === 'debit' ? -amount : 0n

/** Whether each row begins where the next older one ends, and with its balance; the first of all with none. */
const isChain = (rows: readonly JournalRow[]): boolean =>
  rows.every((row, i) => {
    const older = rows[i + 1]
    const before = row.balance - movedBy(row)
    if (older === undefined) return row.previous_seq !== 0 || before === 0n
    return row.previous_seq === older.seq && before === older.balance
  })

export const createReadPage = (deps: QueryDeps, fold: FoldPast): ReadPage => {
  const { tables } = deps

  /** The newest rows that a fold gives, newest first. */
  const collected = async (
    id: ClientId,
    from: Folded,
    { from_seq, to_seq, rows_max }: PageRange,
  ): Promise<Either<unknown, JournalRow[]>> => {
    const rows: JournalRow[] = []
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

  const fromSubject = async (id: ClientId, range: PageRange) => {
    const rows = await collected(id, BEGINNING, range)
    return E.isLeft(rows) ? unreadable(rows.left) : rows
  }

  /** Of the newest event up to `to_seq`, where something tells; undefined when nothing does. */
  const newestSeq = async (
    table: string,
    id: ClientId,
    { to_seq, newest_seq }: PageRange,
    { customer }: Folded,
  ): Promise<number | undefined> => {
    if (newest_seq !== undefined) return newest_seq
    if (to_seq >= customer.account.seq) return customer.account.seq
    return (await nextRow(deps, table, id, to_seq))?.previous_seq
  }

  const isWhole = async (
    table: string,
    id: ClientId,
    range: PageRange,
    head: Folded,
    rows: readonly JournalRow[],
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

  /** The page's rows that the journal has; undefined when they do not prove to be all. */
  const fromJournal = async (
    table: string,
    id: ClientId,
    range: PageRange,
    head: Folded,
  ): Promise<readonly JournalRow[] | undefined> => {
    const rows = await readRows(tables, table, id, { ...range, newest_first: true })()
    return E.isRight(rows) && (await isWhole(table, id, range, head, rows.right)) ? rows.right : undefined
  }

  return async (id, range) => {
    const read = await readActive(deps.active('journal'), ({ table, trust }) =>
      readJournalHead(tables, table, id, trust),
    )()
    if (E.isLeft(read)) return fromSubject(id, range)
    const { table } = read.right
    const head = fromHead(read.right.found)
    const tail = range.to_seq > head.last_seq ? await collected(id, head, range) : E.right([])
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
        // it is the whole page's newest event, which is the tail's when there is one
        newest_seq: tail.right.length === 0 ? range.newest_seq : undefined,
      },
      head,
    )
    return rows === undefined ? fromSubject(id, range) : E.right([...tail.right, ...rows])
  }
}
