/**
 * The errors of DynamoDB as one tagged union. They are told apart by the SDK error's name, because its message can be
 * 32 KB long.
 */

import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import { type TaskEither, TE } from '../fp.js'

export type TableError = {
  readonly tag: /** A condition was not true: another writer was first. Read again. */
    | 'ConditionFailed'
    /** DynamoDB throttles, is busy with another transaction, cannot be reached, or is too slow. Try the same again later. */
    | 'TryAgain'
    | 'NotFound'
    /** The table will never take these items as they are. */
    | 'Refused'
    /** The table is not known to hold this ledger's projection: it was emptied, restored, or begun again. */
    | 'NotOurs'
    | 'Unexpected'
  readonly message: string
  readonly cause?: unknown
}

const MESSAGE_CHARS_MAX = 300

const TRY_AGAIN: ReadonlySet<string> = new Set([
  'InternalServerError',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ResourceInUseException',
  'ServiceUnavailable',
  'ThrottlingException',
  'TimeoutError',
  'TransactionConflictException',
  'TransactionInProgressException',
])

/** Names of errors that say that the items themselves are wrong. */
const REFUSED: ReadonlySet<string> = new Set([
  'ItemCollectionSizeLimitExceededException',
  'RequestEntityTooLarge',
  'SerializationException',
  'ValidationException',
])
/** Reasons of a cancelled transaction that say that an item itself is wrong. */
const REFUSED_ITEM: readonly string[] = ['ItemCollectionSizeLimitExceeded', 'ValidationError']

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
])

const codeOf = (cause: unknown): string =>
  typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''

/**
 * Whether the answer itself was damaged. The empty answer of a server that is just being killed becomes a parse error. An
 * error that DynamoDB itself sent has a `$fault`, and its name says what it is.
 */
const isBrokenAnswer = (cause: Error): boolean =>
  cause instanceof SyntaxError || ('$response' in cause && !('$fault' in cause))

const isServersFault = (cause: Error): boolean => '$fault' in cause && cause.$fault === 'server'

const tagOf = (cause: unknown): TableError['tag'] => {
  if (cause instanceof TransactionCanceledException) {
    const codes = (cause.CancellationReasons ?? []).map(({ Code }) => Code)
    if (codes.includes('ConditionalCheckFailed')) return 'ConditionFailed'
    return codes.some(code => REFUSED_ITEM.includes(code ?? '')) ? 'Refused' : 'TryAgain'
  }
  if (!(cause instanceof Error)) return 'Unexpected'
  if (cause.name === 'ConditionalCheckFailedException') return 'ConditionFailed'
  if (cause.name === 'ResourceNotFoundException') return 'NotFound'
  if (REFUSED.has(cause.name)) return 'Refused'
  if (TRY_AGAIN.has(cause.name) || NETWORK.has(codeOf(cause))) return 'TryAgain'
  if (isBrokenAnswer(cause) || isServersFault(cause)) return 'TryAgain'
  return 'Unexpected'
}

/** Turns an exception of the AWS SDK into a `TableError`, which keeps it as its cause. `what` names the operation. */
const toTableError = (what: string, cause: unknown): TableError => {
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
  return { tag: tagOf(cause), message: `${what}: ${text}`.slice(0, MESSAGE_CHARS_MAX), cause }
}

/** Runs a call of the AWS SDK and turns its exception into a `TableError`. Every SDK call of this folder uses it. */
export const tryTable = <A>(what: string, run: () => Promise<A>): TaskEither<TableError, A> =>
  TE.tryCatch(run, cause => toTableError(what, cause))
