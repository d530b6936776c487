/**
 * A customer's events between two sequences, newest first: the journal's rows, and before them what the stream has and
 * the journal has not yet.
 *
 * Rows count only when they prove that none is missing, by their versions: the index may be a moment behind. Else, and
 * when the journal cannot be read, the subject is folded.
 */

import { E, type Either } from '../fp.js'
import type { ClientId } from '../ledger/client-id.js'
import type { ServiceError } from '../service/error.js'
import type { Folded } from '../stream/fold-subject.js'
import { type JournalRow, readJournalHead, readRows, versionBefore } from '../tables/journal-pages.js'
import { type QueryDeps, readActive } from './deps.js'
import { BEGINNING, type FoldPast, fromHead, lastRow, nextRow, rowOf, unreadable } from './past.js'

export type PageRange = {
  /** Both ends count. */
  readonly from_seq: number
  readonly to_seq: number
  readonly rows_max: number
  /** Of the newest row, where an earlier page told. */
  readonly version?: number | undefined
}

export type ReadPage = (
  id: ClientId,
  range: PageRange,
) => Promise<Either<ServiceError, readonly JournalRow[]>>

/** Whether each row begins where the next older one ends. */
const isChain = (rows: readonly JournalRow[]): boolean =>
  rows.every((row, i) => {
    const older = rows[i + 1]
    return older === undefined || versionBefore(row) === older.version
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
    const folded = await fold(id, from, to_seq, (record, event, after) => {
      if (record.seq < from_seq) return
      rows.push(rowOf(id, record, event, after))
      if (rows.length > rows_max) rows.shift()
    })
    return E.isLeft(folded) ? folded : E.right(rows.reverse())
  }

  const fromSubject = async (id: ClientId, range: PageRange) => {
    const rows = await collected(id, BEGINNING, range)
    return E.isLeft(rows) ? unreadable(rows.left) : rows
  }

  /** The version that the newest row must have, where something tells; undefined when nothing does. */
  const topVersion = async (
    table: string,
    id: ClientId,
    { to_seq, version }: PageRange,
    head: Folded,
  ): Promise<number | undefined> => {
    if (version !== undefined) return version
    if (to_seq >= head.customer.account.seq) return head.customer.account.version
    const after = await nextRow(deps, table, id, to_seq)
    return after === undefined ? undefined : versionBefore(after)
  }

  /** The version before the oldest row, when the rows end before the page is full. */
  const bottomVersion = async (table: string, id: ClientId, from_seq: number): Promise<number> =>
    from_seq <= 1 ? 0 : ((await lastRow(deps, table, id, from_seq - 1))?.version ?? 0)

  const isWhole = async (
    table: string,
    id: ClientId,
    range: PageRange,
    head: Folded,
    rows: readonly JournalRow[],
  ): Promise<boolean> => {
    const top = await topVersion(table, id, range, head)
    const [newest, oldest] = [rows[0], rows.at(-1)]
    const { seq } = head.customer.account
    const has_head = seq === 0 || seq < range.from_seq || seq > range.to_seq || newest?.seq === seq
    if (!has_head || !isChain(rows)) return false
    if (rows.length === range.rows_max) return newest?.version === top
    const bottom = await bottomVersion(table, id, range.from_seq)
    return (newest?.version ?? bottom) === top && (oldest === undefined || versionBefore(oldest) === bottom)
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
    const read = await readActive(deps.active('journal'), table => readJournalHead(tables, table, id))()
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
        // it is the version of the whole page's newest row, which is the tail's when there is one
        version: tail.right.length === 0 ? range.version : undefined,
      },
      head,
    )
    return rows === undefined ? fromSubject(id, range) : E.right([...tail.right, ...rows])
  }
}
