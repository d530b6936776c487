/**
 * The type of a REST route, which is one row of the table in routes.ts.
 */

import type { CsvColumn } from '../csv-write.js'
import type { Either } from '../fp.js'
import type { ErrorCode } from '../service/catalogue.js'
import type { Effect } from '../service/error.js'
import type { Problem } from './problem.js'
import type { Properties, Schema } from './schema.js'
import type { Scope } from './tokens.js'

export type Fields = Readonly<Record<string, unknown>>

/** A request that fits its route's schemas. `transaction_id` is the caller's, or one that the gateway made. */
export type Given = {
  readonly params: Readonly<Record<string, string>>
  readonly query: Fields
  readonly body: Fields
  readonly transaction_id: string
}

/** A reply of the service that fits its schema. */
export type RouteReply = { readonly body: Fields; readonly headers: Readonly<Record<string, string>> }

/** The rows of an answer as CSV. A page that others follow has a `cursor`. */
export type RouteCsv = {
  /** The field of the answer with the rows. */
  readonly rows: string
  /** The fields of a row. */
  readonly columns: readonly CsvColumn[]
  /** The name under which a browser keeps the file. */
  readonly file_name: (given: Given) => string
}

/** The whole of an answer as a PDF. */
export type RoutePdf = Pick<RouteCsv, 'file_name'>

export type Route = {
  readonly operation: string
  readonly method: 'GET' | 'POST' | 'PUT'
  /** The path, with `{name}` for each parameter. */
  readonly path: string
  readonly summary: string
  readonly subject: string
  /** Whether the route reads or writes; also the scope that a token needs, unless `scope` names another. */
  readonly effect: Effect
  readonly scope?: Scope
  readonly params?: Properties
  readonly query?: Properties
  readonly body?: Schema
  /**
   * The customers that a request is about. Absent or undefined: it may be about any, or only the answer tells
   * (`customers_answered`).
   */
  readonly customers?: (given: Given) => readonly string[] | undefined
  /** The customers that an answer is about. */
  readonly customers_answered?: (answer: Fields) => readonly string[]
  /** The field of the request to the subject that has the idempotency key, unless it is `transaction_id`. */
  readonly id_field?: string
  /** Makes the request to the subject. */
  readonly ask: (given: Given) => Fields
  /** The number of characters by which the longest id that `ask` makes of the idempotency key is longer than the key. */
  readonly key_chars_added?: (body: Fields) => number
  /** The schema of the service's reply. */
  readonly reply: Schema
  /** The schema of the gateway's answer, when it differs from the reply. */
  readonly answer?: Schema
  readonly toAnswer?: (reply: RouteReply, given: Given) => Either<Problem, Fields>
  /** How a page is written for `Accept: text/csv`. */
  readonly csv?: RouteCsv
  /** How the whole statement is written for `Accept: application/pdf`. */
  readonly pdf?: RoutePdf
  readonly success: 200 | 201
  readonly codes: readonly ErrorCode[]
  /** Whether the route also gives its answer as server-sent events (event-stream.ts). */
  readonly may_stream?: true
  readonly body_bytes_max?: number
}

/** The error codes that every route may answer with. */
export const COMMON_CODES: readonly ErrorCode[] = [
  'INVALID_REQUEST',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'BUSY',
  'HEADERS_TOO_LARGE',
  'INTERNAL_ERROR',
  'UNAVAILABLE',
]
