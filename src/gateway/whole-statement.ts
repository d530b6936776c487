/**
 * Reads all pages of a statement, for the PDF of it.
 *
 * The pages come newest first, and a cursor goes on where its page ended (`queries/endpoints/statement.ts`). So all of them
 * together are the events up to the newest one of the first page, whatever is written meanwhile, and the first page has the
 * closing balance. That the entries follow each other is checked once more here, because this is what a customer is sent.
 */

import { E, type Either } from '../fp.js'
import { instantOf, parseInstant } from '../instant.js'
import { isJsonObject } from '../json.js'
import type { Paper } from '../statement/paper.js'
import { assetWords, changeOf, periodWords, plainText, type StatementRow } from '../statement/words.js'
import { type Problem, problem } from './problem.js'
import type { Fields } from './route.js'

/** The most entries of a statement as PDF: some 150 sheets of paper. */
export const PDF_ENTRIES_MAX = 5_000
/** Others are answered between two pages, so a page is small. */
const PAGE_ENTRIES = 250

/** Asks for one page of the statement. */
type AskForPage = (query: Fields) => Promise<Either<Problem, Fields>>

/** An entry, and the balance after it as a number that is there for certain. */
type Entry = { readonly row: StatementRow; readonly balance: bigint; readonly seq: unknown }

const amountOf = (value: unknown): bigint => BigInt(String(value))

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** The reference, no longer than what is shown of it: an event may have 64 KB, and there are many entries. */
const referenceOf = ({ reference, omitted }: Fields): string | undefined => {
  if (Array.isArray(omitted) && omitted.includes('reference')) return '(a reference that is too long to show)'
  const text = textOf(reference)
  return text === undefined ? undefined : plainText(text)
}

/** What the words need of the fields that only some entries have, by their names in the event. */
const detailsOf = ({
  code,
  command,
  hold,
  reverses,
  expired,
  expires_at,
  limit,
  state,
  reason,
}: Fields): object => ({
  ...{ hold, reverses, expired, expires_at, limit, state, reason },
  ...(code === undefined ? {} : { declined: { command, code } }),
})

const entryOf = (fields: Fields): Entry => {
  const balance = amountOf(fields.balance)
  const row = {
    at: String(fields.at),
    type: textOf(fields.type),
    amount: fields.amount === undefined ? undefined : amountOf(fields.amount),
    balance,
    transaction_id: textOf(fields.transaction_id),
    reference: referenceOf(fields),
    counterparty: textOf(fields.counterparty),
    details: detailsOf(fields),
  }
  return { row, balance, seq: fields.seq }
}

const entriesIn = ({ entries }: Fields): readonly Entry[] =>
  Array.isArray(entries) ? entries.filter(isJsonObject).map(entryOf) : []

/** The balance before an entry. */
const before = ({ row, balance }: Entry): bigint => balance - (changeOf(row) ?? 0n)

/** The entry whose balance is not the one before the next newer entry; undefined when all of them follow each other. */
const strangerIn = (entries: readonly Entry[]): Entry | undefined =>
  entries.find(({ balance }, i) => {
    const newer = entries[i - 1]
    return newer !== undefined && before(newer) !== balance
  })

const TOO_LONG = problem(
  'STATEMENT_TOO_LONG',
  `the period has more than ${PDF_ENTRIES_MAX} entries: choose a shorter period, or use "jetledger export statement"`,
)

/** All entries, newest first, and the first page. `whyNot` is asked between pages. */
const readEntries = async (
  askFor: AskForPage,
  query: Fields,
  whyNot: () => Problem | undefined,
): Promise<Either<Problem, { readonly entries: readonly Entry[]; readonly first: Fields }>> => {
  const entries: Entry[] = []
  let first: Fields | undefined
  let asked: Fields = { ...query, asset_facts: true }
  for (;;) {
    const limit = Math.min(PAGE_ENTRIES, PDF_ENTRIES_MAX - entries.length)
    const page = await askFor({ ...asked, limit })
    const why = whyNot()
    if (why !== undefined) return E.left(why)
    if (E.isLeft(page)) return page
    first ??= page.right
    entries.push(...entriesIn(page.right))
    const { cursor } = page.right
    if (cursor === undefined) return E.right({ entries, first })
    if (entries.length >= PDF_ENTRIES_MAX) return E.left(TOO_LONG)
    asked = { ...query, cursor }
  }
}

const NO_EVENTS = problem(
  'NOT_FOUND',
  // a mistyped id would look like a customer who never paid
  'the customer has no events up to then',
)

/** The balance of a period without entries; left is 404 for a customer who had no event before it. */
const balanceBefore = async (
  askFor: AskForPage,
  { from, to: _, ...query }: Fields,
): Promise<Either<Problem, bigint>> => {
  if (from === undefined) return E.left(NO_EVENTS)
  const page = await askFor({ ...query, to: from, limit: 1 })
  if (E.isLeft(page)) return page
  const [last] = entriesIn(page.right)
  return last === undefined ? E.left(NO_EVENTS) : E.right(last.balance)
}

const timeIn = (value: unknown): bigint | undefined =>
  typeof value === 'string' ? parseInstant(value) : undefined

const headOf = (first: Fields, query: Fields, now: bigint): Paper['head'] => {
  const facts: Fields = isJsonObject(first.asset_facts) ? first.asset_facts : {}
  return {
    customer: String(first.client_id),
    asset: assetWords(textOf(query.asset), textOf(facts.name)),
    scale: typeof facts.scale === 'number' ? facts.scale : 0,
    period: periodWords(timeIn(query.from), timeIn(query.to), now),
  }
}

/**
 * Reads the statement of `query`, which has the period and the asset. Left is the problem of a page, that of `whyNot`,
 * 404 for a customer without events, or 422 for more than `PDF_ENTRIES_MAX` entries.
 */
export const readWholeStatement = async (
  askFor: AskForPage,
  query: Fields,
  whyNot: () => Problem | undefined,
): Promise<Either<Problem, Paper>> => {
  // what is stored after this moment may be missing, so nothing later is promised
  const now = instantOf(new Date())
  const read = await readEntries(askFor, query, whyNot)
  if (E.isLeft(read)) return read
  const { entries, first } = read.right
  const head = headOf(first, query, now)
  const [newest, oldest] = [entries[0], entries.at(-1)]
  if (newest === undefined || oldest === undefined) {
    const balance = await balanceBefore(askFor, query)
    return E.isLeft(balance)
      ? balance
      : E.right({ head, opening: balance.right, closing: balance.right, rows: [] })
  }
  const stranger = strangerIn(entries)
  if (stranger !== undefined) {
    const cause = new Error(`the entry at sequence ${stranger.seq} is not the one before the next entry`)
    return E.left(problem('INTERNAL_ERROR', undefined, { cause }))
  }
  const rows = entries.map(({ row }) => row).toReversed()
  return E.right({ head, opening: before(oldest), closing: newest.balance, rows })
}
