/**
 * The error catalogue: every error code that a caller can get, with its statuses and its text. A test keeps
 * `docs/errors.md` equal to it.
 */

import { toJson } from '../ledger/amount.js'
import type { Effect, ServiceError } from './error.js'

export type CatalogueEntry = {
  /** The status of the NATS service error. */
  readonly status: number
  readonly http_status: number
  readonly message: string
  /** Whether sending the same request again, with the same transaction id, can help. */
  readonly retry: boolean
}

export const CATALOGUE = {
  BAD_REQUEST: {
    status: 403,
    http_status: 400,
    message: 'the body of customer.balance is not JSON (a status of its predecessor)',
    retry: false,
  },
  INVALID_REQUEST: {
    status: 400,
    http_status: 400,
    message: 'the request is not valid; the text names each wrong field',
    retry: false,
  },
  TRANSACTION_ID_REUSED: {
    status: 409,
    http_status: 409,
    message: 'the transaction id was used for another command; `field` differs',
    retry: false,
  },
  CONFLICT: {
    status: 409,
    http_status: 409,
    message: 'others kept writing to the same customer; nothing was stored',
    retry: true,
  },
  NOT_REACHED: {
    status: 409,
    http_status: 409,
    message: 'the version, sequence or time that was asked for is not reached yet',
    retry: true,
  },
  REFUSED: {
    status: 409,
    http_status: 409,
    message: 'the operation must not be done, or was done before; the text says why',
    retry: false,
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    http_status: 413,
    message: 'the body, or the event that it becomes, is too large',
    retry: false,
  },
  INSUFFICIENT_FUNDS: {
    status: 422,
    http_status: 422,
    message: 'the balance does not cover the amount',
    retry: false,
  },
  BALANCE_LIMIT: {
    status: 422,
    http_status: 422,
    message: 'the balance would leave the range of a signed 64-bit integer',
    retry: false,
  },
  ACCOUNT_RESTRICTED: {
    status: 422,
    http_status: 422,
    message: 'the account is restricted; `state` and `reason` say how and why',
    retry: false,
  },
  UNKNOWN_ASSET: {
    status: 422,
    http_status: 422,
    message: 'the asset is not declared; "jetledger assets add" declares it',
    retry: false,
  },
  HOLD_EXISTS: {
    status: 409,
    http_status: 409,
    message: 'a hold with this id is open already',
    retry: false,
  },
  HOLD_NOT_OPEN: {
    status: 422,
    http_status: 422,
    message:
      'the hold was captured, released or has expired, or was never made; `hold_was` says which, where that can be told',
    retry: false,
  },
  HOLD_EXCEEDED: {
    status: 422,
    http_status: 422,
    message: 'the hold has less left than the amount; `remaining` says how much',
    retry: false,
  },
  NOT_EXPIRED: { status: 422, http_status: 422, message: 'the hold has not expired yet', retry: false },
  NOT_EMPTY: {
    status: 422,
    http_status: 422,
    message: 'only an account without balance and holds can be closed',
    retry: false,
  },
  LIMIT_REACHED: {
    status: 422,
    http_status: 422,
    message: 'there are as many as there may be: open holds of an account, or reversals of a transaction',
    retry: false,
  },
  STATEMENT_TOO_LONG: {
    status: 422,
    http_status: 422,
    message:
      'the statement has more entries than a PDF may have: choose a shorter period, or use "jetledger export statement"',
    retry: false,
  },
  NOT_REVERSIBLE: {
    status: 422,
    http_status: 422,
    message: 'the transaction cannot be reversed; the text says why',
    retry: false,
  },
  ALREADY_REVERSED: {
    status: 422,
    http_status: 422,
    message: 'nothing is left of the transaction to reverse',
    retry: false,
  },
  REVERSAL_EXCEEDED: {
    status: 422,
    http_status: 422,
    message: 'less is left of the transaction than the amount; `remaining` says how much',
    retry: false,
  },
  BUSY: {
    status: 429,
    http_status: 429,
    message:
      'there is no place for it at the moment: too many requests are in flight, or the projections are behind; nothing was stored',
    retry: true,
  },
  INTERNAL_ERROR: {
    status: 500,
    http_status: 500,
    message: 'the service failed on this request; its log says why',
    retry: false,
  },
  UNAVAILABLE: {
    status: 503,
    http_status: 503,
    message: 'it cannot be decided at the moment; nothing was stored',
    retry: true,
  },
  TIMEOUT: { status: 504, http_status: 504, message: 'no answer to a read within its deadline', retry: true },
  OUTCOME_UNKNOWN: {
    status: 504,
    http_status: 504,
    message:
      'whether it was stored is not known; ask customer.transaction, or send it again with the same id',
    retry: true,
  },
  STREAM_FULL: {
    status: 507,
    http_status: 507,
    message: 'the byte limit of the ledger is reached; nothing was stored',
    retry: false,
  },
  UNAUTHORIZED: {
    status: 401,
    http_status: 401,
    message: 'the request carries no token that is known here',
    retry: false,
  },
  FORBIDDEN: {
    status: 403,
    http_status: 403,
    message: 'the token does not allow this, or the request comes from a page of another origin',
    retry: false,
  },
  NOT_FOUND: { status: 404, http_status: 404, message: 'there is no such thing here', retry: false },
  METHOD_NOT_ALLOWED: {
    status: 405,
    http_status: 405,
    message: 'the path knows other methods; `Allow` names them',
    retry: false,
  },
  REQUEST_TIMEOUT: {
    status: 408,
    http_status: 408,
    message: 'the request did not arrive whole in time',
    retry: true,
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    http_status: 415,
    message: 'the body must be application/json',
    retry: false,
  },
  RATE_LIMITED: {
    status: 429,
    http_status: 429,
    message: 'too many requests of this caller; `Retry-After` says when',
    retry: true,
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    http_status: 431,
    message: 'the headers or the URL are too large',
    retry: false,
  },
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof CATALOGUE

/** The catalogue as the page `docs/errors.md` shows it. */
export const catalogueTable = (): string =>
  [
    '| code | service status | HTTP status | send it again? | what it says |',
    '|---|---|---|---|---|',
    ...Object.entries(CATALOGUE).map(
      ([code, { status, http_status, retry, message }]) =>
        `| \`${code}\` | ${status} | ${http_status} | ${retry ? 'yes' : 'no'} | ${message} |`,
    ),
  ].join('\n')

/**
 * Makes a service error of the catalogue. `details` go into the body beside `code` and `message`, with amounts in their
 * JSON forms; `cause` is for the log.
 */
export const catalogued = (
  code: ErrorCode,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): ServiceError => {
  const { status, message } = CATALOGUE[code]
  return {
    status,
    code,
    message: typeof details.message === 'string' ? details.message : message,
    body: JSON.stringify({ error: { code, message, ...details } }, (_, value) =>
      typeof value === 'bigint' ? toJson(value) : value,
    ),
    ...(cause === undefined ? {} : { cause }),
  }
}

/** The error when the endpoint has `max_in_flight` requests at work; another instance, or the next try, may succeed. */
export const busy = (max_in_flight: number): ServiceError =>
  catalogued('BUSY', { message: `${max_in_flight} requests are in flight, which is the limit; try again` })

const outcomeUnknown = (why: string): ServiceError =>
  catalogued('OUTCOME_UNKNOWN', { message: `${why}; whether it was stored is not known` })

/** The error when the handler had no result within its deadline. */
export const timedOut = (timeout_ms: number, effect: Effect): ServiceError =>
  effect === 'write'
    ? outcomeUnknown(`no result within ${timeout_ms} ms`)
    : catalogued('TIMEOUT', { message: `no result within ${timeout_ms} ms` })

/** The error when the service stopped before the handler had a result. */
export const stopped = (effect: Effect): ServiceError =>
  effect === 'write'
    ? outcomeUnknown('the service is stopping')
    : catalogued('UNAVAILABLE', { message: 'the service is stopping' })

/** The error for a bug of this program. The caller learns no details; `cause` is for the log. */
export const internalError = (cause: unknown): ServiceError =>
  catalogued('INTERNAL_ERROR', {}, cause ?? new Error('the handler threw nothing'))
