/**
 * What the environment says about access to NATS: which login a connection uses, and the files of TLS.
 *
 * The variables have the names of the stock `nats` command where it has some. One connection has one login: two kinds at
 * once are refused by their names, because nobody could tell which of them counts. A client certificate may come with a
 * login or alone.
 */

import { E, type Either } from '../fp.js'
import type { Addresses, UrlLogin } from './nats-address.js'
import { type Secret, secret } from './secret.js'

/** The login of a connection. `variable` names where it comes from, for messages. */
export type LoginSource =
  | { readonly tag: 'none' }
  /** A .creds file, which is read again at each connect. */
  | { readonly tag: 'creds file'; readonly variable: string; readonly path: string }
  | { readonly tag: 'creds'; readonly variable: string; readonly text: Secret }
  /** A file with the seed of a user's nkey, which is read again at each connect. */
  | { readonly tag: 'nkey file'; readonly variable: string; readonly path: string }
  | ({ readonly variable: string } & UrlLogin)

/** The paths of the files of TLS (PEM), which are read again at each connect. */
type TlsFiles = {
  readonly ca: string | undefined
  /** The client's certificate and its key. */
  readonly pair: { readonly cert: string; readonly key: string } | undefined
  /** Whether TLS begins before the server's first line, for servers with `handshake_first`. */
  readonly is_first: boolean
}

export type NatsAccess = Omit<Addresses, 'login'> & {
  readonly login: LoginSource
  readonly tls: TlsFiles
}

/** The variables with a login or a path. */
type Variable =
  | 'NATS_CREDENTIALS'
  | 'NATS_CREDS_FILE'
  | 'NATS_CREDS'
  | 'NATS_NKEY'
  | 'NATS_USER'
  | 'NATS_PASSWORD'
  | 'NATS_TOKEN'
  | 'NATS_TLS_CA'
  | 'NATS_CA'
  | 'NATS_TLS_CERT'
  | 'NATS_CERT'
  | 'NATS_TLS_KEY'
  | 'NATS_KEY'

type AccessVariables = Readonly<Record<Variable, string | undefined>> & {
  readonly NATS_URL: Addresses
  readonly NATS_TLS_FIRST: boolean
}

/** The variables of `names` that are set, each with its value. */
const setOf = (
  variables: AccessVariables,
  names: readonly Variable[],
): readonly (readonly [Variable, string])[] =>
  names.flatMap(name => {
    const value = variables[name]
    return value === undefined ? [] : [[name, value] as const]
  })

/** Every login that the variables hold; more than one is a mistake. */
const loginsOf = (variables: AccessVariables, url_login: UrlLogin | undefined): readonly Named[] => {
  const { NATS_CREDENTIALS, NATS_NKEY, NATS_USER, NATS_PASSWORD, NATS_TOKEN } = variables
  const logins: Named[] = setOf(variables, ['NATS_CREDS_FILE', 'NATS_CREDS']).map(([variable, path]) => ({
    tag: 'creds file',
    variable,
    path,
  }))
  if (NATS_CREDENTIALS !== undefined)
    logins.push({ tag: 'creds', variable: 'NATS_CREDENTIALS', text: secret(NATS_CREDENTIALS) })
  if (NATS_NKEY !== undefined) logins.push({ tag: 'nkey file', variable: 'NATS_NKEY', path: NATS_NKEY })
  if (NATS_USER !== undefined && NATS_PASSWORD !== undefined) {
    const variable = 'NATS_USER and NATS_PASSWORD'
    logins.push({ tag: 'user', variable, user: secret(NATS_USER), password: secret(NATS_PASSWORD) })
  }
  // the stock command takes a user without a password for a token, too
  if (NATS_USER !== undefined && NATS_PASSWORD === undefined)
    logins.push({ tag: 'token', variable: 'NATS_USER', token: secret(NATS_USER) })
  if (NATS_TOKEN !== undefined)
    logins.push({ tag: 'token', variable: 'NATS_TOKEN', token: secret(NATS_TOKEN) })
  if (url_login !== undefined) logins.push({ ...url_login, variable: 'NATS_URL' })
  return logins
}

type Named = Exclude<LoginSource, { tag: 'none' }>

/** The value of a variable that has two names; left when both are set. */
const oneOf = (
  variables: AccessVariables,
  ours: Variable,
  stock: Variable,
): Either<string, readonly [Variable, string] | undefined> => {
  const found = setOf(variables, [ours, stock])
  return found.length > 1 ? E.left(`${ours}, ${stock}: only one of them may be set`) : E.right(found[0])
}

const tlsOf = (variables: AccessVariables): Either<string, TlsFiles> => {
  const ca = oneOf(variables, 'NATS_TLS_CA', 'NATS_CA')
  const cert = oneOf(variables, 'NATS_TLS_CERT', 'NATS_CERT')
  const key = oneOf(variables, 'NATS_TLS_KEY', 'NATS_KEY')
  if (E.isLeft(ca)) return ca
  if (E.isLeft(cert)) return cert
  if (E.isLeft(key)) return key
  const [, cert_path] = cert.right ?? []
  const [, key_path] = key.right ?? []
  if ((cert_path === undefined) !== (key_path === undefined))
    return E.left('NATS_TLS_CERT, NATS_TLS_KEY: both of them must be set, or none')
  const pair =
    cert_path === undefined || key_path === undefined ? undefined : { cert: cert_path, key: key_path }
  return E.right({ ca: ca.right?.[1], pair, is_first: variables.NATS_TLS_FIRST })
}

/** The access that the variables describe; left is one sentence that names the variables and shows none of their values. */
export const readAccess = (variables: AccessVariables): Either<string, NatsAccess> => {
  const { NATS_URL, NATS_USER, NATS_PASSWORD } = variables
  const { urls, is_tls, login: url_login } = NATS_URL
  if (NATS_PASSWORD !== undefined && NATS_USER === undefined)
    return E.left('NATS_PASSWORD: it needs NATS_USER')
  const [first, ...others] = loginsOf(variables, url_login)
  if (first !== undefined && others.length > 0) {
    const names = [first, ...others].map(({ variable }) => variable)
    return E.left(`${names.join(', ')}: only one of them may be set, because a connection has one login`)
  }
  const tls = tlsOf(variables)
  if (E.isLeft(tls)) return tls
  return E.right({ urls, is_tls, login: first ?? { tag: 'none' }, tls: tls.right })
}
