/**
 * Explains why there is no connection to NATS, in a sentence that says what to do: no server answers, its certificate
 * is not trusted, it wants another certificate of the client, or it refuses the login.
 */

import { errors } from 'nats'
import type { NatsAccess } from './nats-access.js'
import type { Login } from './nats-login.js'

/** What the sentences are about: where the connection leads, and with which login and files. */
export type Attempt = {
  readonly access: Pick<NatsAccess, 'urls' | 'is_tls' | 'tls'>
  readonly login: Pick<Login, 'explain' | 'problem'>
  /** The sentences about files of TLS that could not be read again. */
  readonly tlsProblems: () => readonly string[]
}

/** Matches the error codes with which Node's TLS reports what the server says about the client's certificate. */
const OF_CLIENT_CERTIFICATE = /^ERR_SSL_.*ALERT_.*(CERTIFICATE|UNKNOWN_CA)/
/** Matches the error codes with which Node's TLS refuses the server's certificate. */
const OF_CERTIFICATE =
  /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ISSUER|CRL|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_MISMATCH/
const OF_OPENSSL = /^ERR_SSL/
const OF_TLS = /^(ERR_SSL|ERR_TLS|EPROTO)/
/** nats.js has no error type for a server that speaks plain text although the client wants TLS. */
const NO_TLS = /does not support 'tls'|'tls' is not available/
/** The words of nats-server when it ends a connection whose user was revoked; nats.js has no type for them. */
const REVOKED = /authentication revoked/i
/** Node's codes for a connection that the other side ended; the alert of TLS that says why may be lost on the way. */
const ENDED = /^(ECONNRESET|EPIPE)$/
/** The client's own error when a server ends the connection before its first line. */
const NOTHING_SAID = /provided an undefined error/

const codeOf = (cause: Error): string => ('code' in cause && typeof cause.code === 'string' ? cause.code : '')

/** Whether the server refused the login, at the first connection or later: it may expire or be revoked. */
export const isRefusal = (cause: Error): boolean =>
  cause instanceof errors.AuthorizationError ||
  cause instanceof errors.UserAuthenticationExpiredError ||
  (cause instanceof errors.ProtocolError && REVOKED.test(cause.message))

const reasonOf = (cause: Error): string => {
  // the message of an error of OpenSSL names addresses and source files, too
  if (OF_OPENSSL.test(codeOf(cause)) && 'reason' in cause && typeof cause.reason === 'string')
    return cause.reason
  if (cause instanceof errors.TimeoutError) return 'no answer in time'
  if (NOTHING_SAID.test(cause.message))
    return 'it ends the connection without a word; a server may want NATS_TLS_FIRST'
  return cause.message || cause.name
}

const certificateAdvice = ({ tls }: Attempt['access']): string =>
  tls.ca === undefined
    ? 'NATS_TLS_CA names the file of the CA that signed it'
    : `it was not signed by the CA in ${tls.ca} (NATS_TLS_CA), or not for this name`

const pairAdvice = ({ tls }: Attempt['access']): string =>
  tls.pair === undefined
    ? 'NATS_TLS_CERT and NATS_TLS_KEY name one and its key'
    : `that in ${tls.pair.cert} (NATS_TLS_CERT) is not signed by a CA that the server trusts, or expired`

const usesTls = ({ is_tls, tls }: Attempt['access']): boolean =>
  is_tls || tls.is_first || tls.ca !== undefined || tls.pair !== undefined

const sentence = ({ access, login }: Attempt, cause: Error, now_ms: number): string => {
  const address = access.urls.join(', ')
  const where = `NATS at ${address}`
  const reason = reasonOf(cause)
  if (isRefusal(cause)) return `${where} refuses the credentials (${reason}): ${login.explain(now_ms)}`
  const code = codeOf(cause)
  if (OF_CLIENT_CERTIFICATE.test(code))
    return `${where} wants another certificate of its client (${reason}): ${pairAdvice(access)}`
  if (OF_CERTIFICATE.test(code))
    return `the certificate of ${where} is not trusted (${reason}): ${certificateAdvice(access)}`
  if (OF_TLS.test(code)) return `TLS with ${where} failed (${reason})`
  if (ENDED.test(code) && usesTls(access))
    return `${where} ended the connection (${reason}); it may want another certificate of its client: ${pairAdvice(access)}`
  if (NO_TLS.test(cause.message)) return `${where} speaks no TLS, and tls:// or a file of TLS wants it`
  return `NATS does not answer at ${address} (${reason}): start it with "npm start", or set NATS_URL to where it listens`
}

/** The sentence for the error with which a connection failed or ended. */
export const connectionFailure = (attempt: Attempt, thrown: unknown, now_ms: number): string => {
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  const of_files = [attempt.login.problem(), ...attempt.tlsProblems()].filter(
    problem => problem !== undefined,
  )
  const kept = of_files.map(problem => `; ${problem}, so its content from before is used`)
  return `${sentence(attempt, cause, now_ms)}${kept.join('')}`
}
