/**
 * What a REST route is made of.
 */

import type { Either } from '../fp.js'
import type { ErrorCode } from '../service/catalogue.js'
import type { Problem } from './problem.js'
import type { Properties, Schema } from './schema.js'

export type Fields = Readonly<Record<string, unknown>>

/** A request that fits its route's schemas. `transaction_id` is the caller's, else one of the gateway's own. */
export type Given = {
  readonly params: Readonly<Record<string, string>>
  readonly query: Fields
  readonly body: Fields
  readonly transaction_id: string
}

/** A reply of the service that fits its schema. */
export type Reply = { readonly body: Fields; readonly headers: Readonly<Record<string, string>> }

export type Effect = 'read' | 'write'

export type Route = {
  readonly operation: string
  readonly method: 'GET' | 'POST'
  /** With `{name}` for each parameter. */
  readonly path: string
  readonly summary: string
  readonly subject: string
  /** What it does; also the scope that a token needs. */
  readonly effect: Effect
  readonly params?: Properties
  readonly query?: Properties
  readonly body?: Schema
  /** The request of the subject. */
  readonly ask: (given: Given) => Fields
  /** By how many characters the ids that `ask` makes of the idempotency key are longer than it. */
  readonly key_chars_added?: (body: Fields) => number
  /** What the service replies. */
  readonly reply: Schema
  /** What the gateway answers, where that differs from the reply. */
  readonly answer?: Schema
  readonly toAnswer?: (reply: Reply, given: Given) => Either<Problem, Fields>
  readonly success: 200 | 201
  readonly codes: readonly ErrorCode[]
  readonly body_bytes_max?: number
}

/** What any route may answer. */
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
