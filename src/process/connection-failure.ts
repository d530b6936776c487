/**
 * Explains why there is no connection to NATS, in a sentence that says what to do: no server answers, its certificate
 * is not trusted, or it refuses the credentials.
 */

import { errors } from 'nats'
import type { Config } from './config.js'

type Addressed = Pick<Config, 'NATS_URL' | 'NATS_CREDENTIALS' | 'NATS_CREDS_FILE'>

/** Matches the error codes with which Node's TLS refuses the server's certificate. */
const OF_CERTIFICATE =
  /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ISSUER|CRL|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_MISMATCH/
const OF_TLS = /^(ERR_SSL|ERR_TLS|EPROTO)/
/** nats.js has no error type for a server that speaks plain text although the client wants TLS. */
const NO_TLS = /does not support 'tls'|'tls' is not available/

const codeOf = (cause: Error): string => ('code' in cause && typeof cause.code === 'string' ? cause.code : '')

/** Whether the server refused the credentials, at the first connection or later: they may expire or be revoked. */
export const isRefusal = (cause: Error): boolean =>
  cause instanceof errors.AuthorizationError || cause instanceof errors.UserAuthenticationExpiredError

/** The addresses of `NATS_URL` without user names, passwords and tokens. */
export const shownAddress = (nats_url: string): string =>
  nats_url
    .split(',')
    .map(part => part.trim().replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1'))
    .join(', ')

const ofCredentials = ({ NATS_CREDENTIALS, NATS_CREDS_FILE }: Addressed): string => {
  if (NATS_CREDENTIALS !== undefined) return 'NATS_CREDENTIALS have to be renewed'
  if (NATS_CREDS_FILE !== undefined) return `those in ${NATS_CREDS_FILE} (NATS_CREDS_FILE) have to be renewed`
  return 'set NATS_CREDS_FILE or NATS_CREDENTIALS'
}

const reasonOf = (cause: Error): string =>
  cause instanceof errors.TimeoutError ? 'no answer in time' : cause.message

/** The sentence for the error with which `connect` rejected. */
export const connectionFailure = (config: Addressed, thrown: unknown): string => {
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  const where = `NATS at ${shownAddress(config.NATS_URL)}`
  if (isRefusal(cause)) return `${where} refuses the credentials (${cause.message}): ${ofCredentials(config)}`
  const code = codeOf(cause)
  if (OF_CERTIFICATE.test(code)) {
    return `the certificate of ${where} is not trusted (${cause.message}): NATS_TLS_CA names the file of the CA that signed it`
  }
  if (OF_TLS.test(code)) return `TLS with ${where} failed (${cause.message})`
  if (NO_TLS.test(cause.message)) return `${where} speaks no TLS, and NATS_TLS_CA or tls:// wants it`
  return `NATS does not answer at ${shownAddress(config.NATS_URL)} (${reasonOf(cause)}): start it with "npm start", or set NATS_URL to where it listens`
}
