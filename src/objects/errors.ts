/**
 * The errors of a store of objects as one tagged union, each with one sentence. They are told apart by the SDK error's name,
 * which is the code of S3's answer.
 */

import { type TaskEither, TE } from '../fp.js'
import { type ObjectAddress, objectUrl } from './address.js'

export type ObjectError = {
  readonly tag: /** No such bucket or object, another region, or no credentials: the same call never succeeds. */
    | 'Misaddressed'
    /** The store refuses the credentials, or a right is missing. */
    | 'Denied'
    /** The store cannot be reached, is too slow, or asks to be asked later. */
    | 'Unavailable'
    /** Another object took the place of the one that is being read. */
    | 'Changed'
    | 'Unexpected'
  /** The code of S3, for callers to whom an absent object is no error. */
  readonly code: string
  readonly message: string
  readonly cause?: unknown
}

const MESSAGE_CHARS_MAX = 300

const OTHER_REGION: ReadonlySet<string> = new Set([
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'PermanentRedirect',
  'TemporaryRedirect',
])
const REFUSED_CREDENTIALS: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
])
const DENIED: ReadonlySet<string> = new Set(['AccessDenied', 'AllAccessDisabled', 'AccountProblem'])
const TRY_LATER: ReadonlySet<string> = new Set([
  'InternalError',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'TimeoutError',
])
/** The SDK's own words for a time-out name its packages and options. */
const OF_THE_HANDLER = /^@smithy\//
const OF_THE_NETWORK: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
])

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined

const codeOf = (cause: unknown): string =>
  cause instanceof Error && cause.name !== 'Error' ? cause.name : String(fieldOf(cause, 'code') ?? '')

const statusOf = (cause: unknown): number => Number(fieldOf(fieldOf(cause, '$metadata'), 'httpStatusCode'))

/** The region that S3 names in its answer to a request for a bucket of another one. */
const regionIn = (cause: unknown): string => {
  const region =
    fieldOf(fieldOf(fieldOf(cause, '$response'), 'headers'), 'x-amz-bucket-region') ??
    fieldOf(cause, 'Region')
  return typeof region === 'string' ? ` (${region})` : ''
}

const textOf = (cause: unknown): string => {
  const text = cause instanceof Error ? cause.message : String(cause)
  if (OF_THE_HANDLER.test(text)) return 'no answer in time'
  // a name that resolves to several addresses fails with one error for each of them, and without a text
  return text === '' ? codeOf(cause) || String(cause) : text
}

type Told = Pick<ObjectError, 'tag' | 'message'>

/** What the SDK calls an error whose answer says nothing. */
const NO_CODE: ReadonlySet<string> = new Set(['NotFound', 'Unknown'])

const OF_CODE: Readonly<Record<string, Told>> = {
  NoSuchBucket: { tag: 'Misaddressed', message: 'there is no such bucket' },
  NoSuchKey: { tag: 'Misaddressed', message: 'there is no such object' },
  PreconditionFailed: {
    tag: 'Changed',
    message: 'the object was replaced while it was read, so nothing of it counts',
  },
  InvalidObjectState: { tag: 'Unexpected', message: 'the object is archived: restore it first' },
  CredentialsProviderError: {
    tag: 'Misaddressed',
    message:
      'there are no credentials for the store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
  },
}

const toldOf = (cause: unknown, code: string): Told => {
  const known = OF_CODE[code]
  if (known !== undefined) return known
  if (OTHER_REGION.has(code))
    return {
      tag: 'Misaddressed',
      message: `the bucket is in another region${regionIn(cause)}: set AWS_REGION`,
    }
  if (REFUSED_CREDENTIALS.has(code))
    return { tag: 'Denied', message: `the store refuses the credentials (${code})` }
  if (DENIED.has(code))
    return {
      tag: 'Denied',
      message:
        'access denied: a right on the bucket or the object is missing, or there is no such object, which S3 tells only to somebody who may list the bucket',
    }
  if (TRY_LATER.has(code) || OF_THE_NETWORK.has(codeOfNetwork(cause)) || statusOf(cause) >= 500)
    return { tag: 'Unavailable', message: `the store of objects does not answer (${textOf(cause)})` }
  // an answer without a code of S3
  if (NO_CODE.has(code))
    return {
      tag: 'Misaddressed',
      message: `the answer has the status ${statusOf(cause)} and is none of S3: see AWS_ENDPOINT_URL_S3`,
    }
  return { tag: 'Unexpected', message: `${code === '' ? '' : `${code}: `}${textOf(cause)}` }
}

/** The code of a socket's error, or of the first one where a name has several addresses. */
const codeOfNetwork = (cause: unknown): string =>
  String(fieldOf(cause, 'code') ?? (cause instanceof AggregateError ? fieldOf(cause.errors[0], 'code') : ''))

/** Turns an exception of the SDK, or of a stream that it gave, into an `ObjectError` about the object at `address`. */
const toObjectError = (address: ObjectAddress, cause: unknown): ObjectError => {
  const code = codeOf(cause)
  const { tag, message } = toldOf(cause, code)
  return { tag, code, message: `${objectUrl(address)}: ${message.slice(0, MESSAGE_CHARS_MAX)}`, cause }
}

/** Runs a call of the SDK and turns its exception into an `ObjectError`. Every SDK call of this folder uses it. */
export const tryObject = <A>(address: ObjectAddress, run: () => Promise<A>): TaskEither<ObjectError, A> =>
  TE.tryCatch(run, cause => toObjectError(address, cause))
