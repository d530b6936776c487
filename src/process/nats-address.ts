/**
 * Reads `NATS_URL`: the addresses of the servers, whether they are reached by TLS, and the login that an address may hold
 * (`nats://ann:secret@host:4222`, `nats://token@host:4222`).
 *
 * The addresses that this file returns hold no login any more, so the rest of the program can show them. The client
 * ignores schemes, because TLS is one of its options (docs/adr/0040).
 */

import { E, type Either } from '../fp.js'
import { type Secret, secret } from './secret.js'

/** A login that is a part of an address. Without a password the text before the `@` is a token, as for every NATS client. */
export type UrlLogin =
  | { readonly tag: 'user'; readonly user: Secret; readonly password: Secret }
  | { readonly tag: 'token'; readonly token: Secret }

export type Addresses = {
  /** The addresses with scheme, host and port, and without a login. */
  readonly urls: readonly string[]
  /** Whether the addresses begin with `tls://`, so that no byte may go out in the clear. */
  readonly is_tls: boolean
  readonly login: UrlLogin | undefined
}

export const DEFAULT_URL = 'nats://127.0.0.1:4222'
const PLAIN = 'nats:'
const TLS = 'tls:'
const WEB_SOCKETS: readonly string[] = ['ws:', 'wss:']

const RULE = 'must be a URL that begins with nats:// or tls://, or several with commas between them'
const NO_WEB_SOCKETS = 'ws:// and wss:// are not spoken here: name the port for nats:// or tls://'
const MIXED =
  'nats:// and tls:// are mixed, and what goes to one server in the clear is not protected: begin all with tls://'
const SEVERAL_LOGINS = 'the addresses hold different logins, and one connection has only one'
const NOT_DECODABLE = 'a % in a login must be written as %25'

/** The decoded text; undefined when a `%` in it begins no escape. */
const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

type Part = {
  readonly url: string
  readonly protocol: string
  readonly user: string
  readonly password: string
}

const partOf = (text: string): Either<string, Part> => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) return E.left(RULE)
  if (WEB_SOCKETS.includes(url.protocol)) return E.left(NO_WEB_SOCKETS)
  if ((url.protocol !== PLAIN && url.protocol !== TLS) || url.hostname === '') return E.left(RULE)
  const user = decoded(url.username)
  const password = decoded(url.password)
  if (user === undefined || password === undefined) return E.left(NOT_DECODABLE)
  return E.right({ url: `${url.protocol}//${url.host}`, protocol: url.protocol, user, password })
}

const loginOf = ({ user, password }: Part): UrlLogin =>
  password === ''
    ? { tag: 'token', token: secret(user) }
    : { tag: 'user', user: secret(user), password: secret(password) }

/** Reads the text of `NATS_URL`; left is one sentence that says what is wrong and shows nothing of the text. */
export const readAddresses = (text: string): Either<string, Addresses> => {
  const parts: Part[] = []
  for (const piece of text.split(',')) {
    const part = partOf(piece.trim())
    if (E.isLeft(part)) return part
    parts.push(part.right)
  }
  const is_tls = parts.some(({ protocol }) => protocol === TLS)
  if (is_tls && parts.some(({ protocol }) => protocol === PLAIN)) return E.left(MIXED)
  const [first, ...others] = parts.filter(({ user, password }) => user !== '' || password !== '')
  if (others.some(({ user, password }) => user !== first?.user || password !== first.password))
    return E.left(SEVERAL_LOGINS)
  const login = first === undefined ? undefined : loginOf(first)
  return E.right({ urls: parts.map(({ url }) => url), is_tls, login })
}
