/**
 * Answers with CSV for `Accept: text/csv`: one page where the caller asks for a page, else all rows.
 *
 * All rows are asked for page by page, each page when the caller has taken the one before, so that an answer of any length
 * takes the memory of a page. An answer that cannot be finished is broken off: its connection ends before the answer does,
 * which every client notices, so that half a file is never taken for a whole one.
 */

import { once } from 'node:events'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type CsvValue, csvHeader, csvLine } from '../csv-write.js'
import { E, type Either } from '../fp.js'
import { isJsonObject } from '../json.js'
import { PAGE_ENTRIES_MAX } from '../page.js'
import { wantsCsv } from './accept.js'
import { type Problem, problem } from './problem.js'
import type { Fields, Given, RouteCsv, RouteReply } from './route.js'

/** The answer to one request of the service, and the headers that came with it. */
export type AnswerPage = { readonly answer: Fields; readonly headers: RouteReply['headers'] }

/** CSV that a caller has asked for. */
export type CsvRequest = RouteCsv & {
  /** The query for the first page. */
  readonly query: Fields
  readonly name: string
  /** Whether the caller has asked for one page. */
  readonly is_page: boolean
}

/** A caller that reads more slowly than this is broken off: it holds a place among the requests in flight. */
const ALL_ROWS_MS_MAX = 300_000

/** The CSV that a request asks for; undefined when it asks for JSON. */
export const csvRequest = (
  csv: RouteCsv | undefined,
  { headers, method }: Pick<FastifyRequest, 'headers' | 'method'>,
  given: Given,
): Either<Problem, CsvRequest | undefined> => {
  if (csv === undefined || !wantsCsv(headers.accept)) return E.right(undefined)
  const { query } = given
  if (query.proof !== undefined)
    return E.left(problem('INVALID_REQUEST', 'proof: must not be there with Accept: text/csv'))
  // the answer to HEAD has no rows, so it needs no second page
  const is_page = query.limit !== undefined || query.cursor !== undefined || method === 'HEAD'
  const own = is_page ? query : { ...query, limit: PAGE_ENTRIES_MAX }
  return E.right({ ...csv, query: own, name: csv.file_name(given), is_page })
}

const cellValue = (value: unknown): CsvValue => {
  if (typeof value === 'string' || typeof value === 'number' || value === undefined) return value
  return JSON.stringify(value)
}

const linesOf = ({ rows, columns }: CsvRequest, answer: Fields): string => {
  const found: readonly unknown[] = Array.isArray(answer[rows]) ? answer[rows] : []
  return found
    .map(row => {
      const fields = isJsonObject(row) ? row : {}
      return csvLine(
        columns,
        columns.map(({ name }) => cellValue(fields[name])),
      )
    })
    .join('')
}

type AskFor = (query: Fields) => Promise<Either<Problem, AnswerPage>>

/** The text, a page at a time. Throws when a page cannot be had, or when the caller takes too long. */
async function* textOf(csv: CsvRequest, first: AnswerPage, askFor: AskFor): AsyncGenerator<string> {
  const until_ms = performance.now() + ALL_ROWS_MS_MAX
  yield csvHeader(csv.columns)
  for (let page = first; ; ) {
    const text = linesOf(csv, page.answer)
    if (text !== '') yield text
    const { cursor } = page.answer
    if (cursor === undefined) return
    if (performance.now() > until_ms)
      throw new Error(`the caller has not taken all rows within ${ALL_ROWS_MS_MAX} ms`)
    const next = await askFor({ ...csv.query, cursor })
    if (E.isLeft(next)) throw new Error(`the rows end early: ${next.left.code}`, { cause: next.left.cause })
    page = next.right
  }
}

/** The link to the page after this one. */
const nextLink = (url: string, cursor: unknown): string => {
  const next = new URL(url, 'http://localhost')
  next.searchParams.set('cursor', String(cursor))
  return `<${next.pathname}${next.search}>; rel="next"`
}

/** Answers with CSV, whose first page is there already. Resolves when the answer is sent, or broken off. */
export const sendCsv = async (
  request: FastifyRequest,
  reply: FastifyReply,
  csv: CsvRequest,
  first: AnswerPage,
  askFor: AskFor,
): Promise<FastifyReply> => {
  reply.header('content-type', 'text/csv; charset=utf-8; header=present')
  reply.header('content-disposition', `attachment; filename="${csv.name}"`)
  const { cursor } = first.answer
  if (csv.is_page || cursor === undefined) {
    if (cursor !== undefined) reply.header('link', nextLink(request.url, cursor))
    return reply.send(csvHeader(csv.columns) + linesOf(csv, first.answer))
  }
  const text = Readable.from(textOf(csv, first, askFor), { objectMode: false, highWaterMark: 1 })
  const sent = once(text, 'close').catch(() => undefined)
  reply.send(text)
  await sent
  return reply
}
