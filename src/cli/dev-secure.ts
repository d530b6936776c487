/**
 * `jetledger dev --secure`: a login for each kind of NATS user, tokens for the gateway, and TLS for both. Everything lies in
 * the folder `secure` of the data folder, and is used again at the next start.
 */

import { createHash, randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { openSecured, requireKind, type Secured } from '../embedded/secure/index.js'
import { closedFolder, replaceSecret, secretOf } from '../embedded/secure/secret-files.js'
import { claimsOfDev, DEV_USER } from '../permissions/dev.js'
import { inboxPrefixOf } from '../permissions/users.js'
import type { Config } from '../process/config.js'
import type { Logins } from '../process/environment.js'
import { Failure } from '../process/failure.js'
import { loginsOf } from './dev-logins.js'

const TOKEN_BYTES = 24

/** The callers of the gateway, named like the NATS users that may do the same. */
const SCOPES = {
  reader: ['read'],
  client: ['read', 'write'],
  operator: ['read', 'write', 'operate'],
} as const
export type HttpCaller = keyof typeof SCOPES

export type Security = {
  readonly servers: Secured
  readonly logins: Logins
  /** A file with the line `Authorization: Bearer <token>`, as `curl -H @<file>` takes it. */
  readonly headerFileOf: (caller: HttpCaller) => string
  /** The configuration of the gateway that takes these tokens, over HTTPS. */
  readonly http: Pick<Config, 'HTTP_TOKENS_FILE' | 'HTTP_TLS_CERT' | 'HTTP_TLS_KEY'>
}

const newHeader = (): string => `Authorization: Bearer ${randomBytes(TOKEN_BYTES).toString('base64url')}\n`

const tokenIn = (header: string): string => header.trim().split(' ').at(-1) ?? ''

/** Makes the header files that are missing, and the file of the gateway, which has the sums of their tokens. */
const openTokens = (folder: string, headerFileOf: Security['headerFileOf']): string => {
  const tokens = Object.entries(SCOPES).map(([name, scopes]) => {
    const token = tokenIn(secretOf(headerFileOf(name as HttpCaller), newHeader))
    return { name, sha256: createHash('sha256').update(token).digest('hex'), scopes }
  })
  const file = join(folder, 'tokens.json')
  replaceSecret(file, `${JSON.stringify({ tokens }, undefined, 2)}\n`)
  return file
}

const orSentence = <A>(make: () => A): A => {
  try {
    return make()
  } catch (cause) {
    throw new Failure(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

const open = (data_dir: string): Security => {
  const servers = openSecured(data_dir, loginsOf(claimsOfDev()), {
    user: DEV_USER,
    inbox_prefix: inboxPrefixOf(DEV_USER),
  })
  const { folder, ca_file, cert_file, key_file, dynamodb_key } = servers
  const http_folder = closedFolder(join(folder, 'http'))
  const headerFileOf = (caller: HttpCaller): string => join(http_folder, `${caller}.header`)
  return {
    servers,
    logins: { users: join(folder, 'users'), ca: ca_file, dynamodb_key },
    headerFileOf,
    http: {
      HTTP_TOKENS_FILE: openTokens(http_folder, headerFileOf),
      HTTP_TLS_CERT: cert_file,
      HTTP_TLS_KEY: key_file,
    },
  }
}

/**
 * What secures the ledger of a data folder; undefined for a ledger that is not to be secured. Throws `Failure` where the
 * folder holds a ledger of the other kind.
 */
export const openSecurity = (data_dir: string, is_secure: boolean): Security | undefined =>
  orSentence(() => {
    const folder = resolve(data_dir)
    requireKind(folder, is_secure)
    return is_secure ? open(folder) : undefined
  })
