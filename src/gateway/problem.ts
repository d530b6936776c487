/**
 * Problems: every error leaves the gateway as problem+json (RFC 9457), made from the error catalogue.
 */

import { CATALOGUE, type ErrorCode } from '../service/catalogue.js'
import {
  AMOUNT,
  ASSET,
  BALANCE,
  CLIENT_ID,
  COUNT,
  object,
  type Schema,
  STORED_TRANSACTION_ID,
  TIME,
  TRANSACTION_ID,
} from './schema.js'

/** Why a request failed; `cause` is for the log and never leaves the gateway. */
export type Problem = {
  readonly code: ErrorCode
  /** The text about this very request; the catalogue's sentence when absent. */
  readonly detail?: string
  /** Further members beside code and detail: amounts, the transaction's id, the field. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** Headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

const RETRY_AFTER_S = '1'

export const problem = (code: ErrorCode, detail?: string, more: Partial<Problem> = {}): Problem => ({
  code,
  ...(detail === undefined ? {} : { detail }),
  ...more,
})

/** The HTTP status of a problem. */
export const statusOf = ({ code }: Problem): number => CATALOGUE[code].http_status

/** The body of a problem. Fields that a service put beside its error cannot replace the standard members. */
export const problemBody = ({ code, detail, fields }: Problem): Readonly<Record<string, unknown>> => ({
  type: `/docs#${code}`,
  title: CATALOGUE[code].message,
  status: CATALOGUE[code].http_status,
  detail: detail ?? CATALOGUE[code].message,
  code,
  ...Object.fromEntries(Object.entries(fields ?? {}).filter(([name]) => !STANDARD.has(name))),
})

const STANDARD: ReadonlySet<string> = new Set(['type', 'title', 'status', 'detail', 'code', 'message'])

/** The headers of a problem, with the time to try again when that helps. */
export const problemHeaders = ({ code, headers }: Problem): Readonly<Record<string, string>> => ({
  ...(CATALOGUE[code].retry ? { 'retry-after': RETRY_AFTER_S } : {}),
  ...headers,
})

/** What a refusal says of a hold that is not open any more. */
const HOLD_END = {
  hold_was: { type: 'string', enum: ['captured', 'released', 'expired', 'never_made'] },
  ended_by: { ...STORED_TRANSACTION_ID, description: 'the transaction that ended the hold' },
  ended_at: { ...TIME, description: 'when the hold ended' },
} as const satisfies Readonly<Record<string, Schema>>

export const PROBLEM_SCHEMA: Schema = object(
  {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string', description: "the code's sentence in the catalogue" },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string', description: 'what is wrong with this very request' },
    code: { type: 'string', enum: Object.keys(CATALOGUE) },
  },
  {
    transaction_id: STORED_TRANSACTION_ID,
    reversal_id: TRANSACTION_ID,
    reverses: TRANSACTION_ID,
    remaining: AMOUNT,
    ...HOLD_END,
    client_id: CLIENT_ID,
    asset: ASSET,
    balance: BALANCE,
    amount: AMOUNT,
    field: { type: 'string' },
    index: { ...COUNT, description: 'the command of a batch that was refused' },
    replayed: { type: 'boolean', description: 'the answer to a repetition' },
    dry_run: { type: 'boolean', description: 'it is what would happen: nothing was stored' },
  },
)
