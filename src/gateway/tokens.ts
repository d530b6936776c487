/**
 * Bearer tokens: each names a caller and what it may do. Their file holds the SHA-256 of each token and never a token.
 */

import { createHash, timingSafeEqual } from 'node:crypto'
import { E, type Either, pipe, t } from '../fp.js'
import { Instant } from '../instant.js'
import { readStrictJson } from '../json.js'
import { callerFrom } from '../ledger/caller.js'
import { describeErrors, exactFieldsOf, UNKNOWN_FIELD } from '../ledger/codec.js'

const TOKENS_MAX = 1_000
const PREFIXES_MAX = 100
const REQUESTS_PER_SECOND_MAX = 1_000_000
const REQUESTS_PER_DAY_MAX = 1_000_000_000_000
const NS_PER_MS = 1_000_000n

const Hash = new t.Type<Buffer, string, unknown>(
  'Hash',
  (u): u is Buffer => Buffer.isBuffer(u),
  (u, context) =>
    typeof u === 'string' && /^[0-9a-fA-F]{64}$/.test(u)
      ? t.success(Buffer.from(u, 'hex'))
      : t.failure(u, context, 'must be the SHA-256 of a token in 64 hexadecimal digits'),
  hash => hash.toString('hex'),
)

const Name = new t.Type<string, string, unknown>(
  'Name',
  t.string.is,
  (u, context) =>
    typeof u === 'string' && /^[\w.@-]{1,64}$/.test(u)
      ? t.success(u)
      : t.failure(u, context, 'must be 1 to 64 letters, digits, or . _ @ -'),
  String,
)

const Scope = t.keyof({ read: null, write: null, operate: null })

/** Every scope that a token may have. */
export const SCOPES: readonly Scope[] = ['read', 'write', 'operate']

const PREFIX = /^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/
const PREFIXES_RULE = `must be a list of 1 to ${PREFIXES_MAX} beginnings of customers' ids`

/** Beginnings of the ids of customers: what a caller may ask and write is limited to these customers. */
export const CustomerPrefixes = new t.Type<readonly string[], readonly string[], unknown>(
  'CustomerPrefixes',
  (u): u is readonly string[] => Array.isArray(u),
  (u, context) => {
    const list: unknown[] = Array.isArray(u) ? u : []
    const prefixes = list.filter(one => typeof one === 'string' && PREFIX.test(one)) as string[]
    return prefixes.length >= 1 && prefixes.length === list.length && list.length <= PREFIXES_MAX
      ? t.success(prefixes)
      : t.failure(u, context, PREFIXES_RULE)
  },
  t.identity,
)

const wholeUpTo = (max: number) =>
  new t.Type<number, number, unknown>(
    'number',
    t.number.is,
    (u, context) =>
      typeof u === 'number' && Number.isSafeInteger(u) && u >= 1 && u <= max
        ? t.success(u)
        : t.failure(u, context, `must be a whole number from 1 to ${max}`),
    Number,
  )

const File = exactFieldsOf({
  tokens: t.array(
    exactFieldsOf(
      { sha256: Hash, name: Name, scopes: t.array(Scope) },
      {
        expires_at: Instant,
        customer_prefixes: CustomerPrefixes,
        requests_per_second: wholeUpTo(REQUESTS_PER_SECOND_MAX),
        requests_per_day: wholeUpTo(REQUESTS_PER_DAY_MAX),
      },
    ),
  ),
})
type Entry = t.TypeOf<typeof File>['tokens'][number]

export type Scope = t.TypeOf<typeof Scope>

/** A caller and what it may do; what is undefined is not limited beyond what counts for all callers. */
export type AuthorizedCaller = {
  readonly name: string
  /** The caller as events name it (ledger/caller.ts). It is also the key of its limits. */
  readonly by: string
  readonly scopes: readonly Scope[]
  readonly customer_prefixes?: readonly string[] | undefined
  readonly requests_per_second?: number | undefined
  readonly requests_per_day?: number | undefined
}

/** Why a token does not count. `UNAVAILABLE`: whether it counts cannot be told at the moment. */
export type TokenRefusal = {
  readonly tag: 'EXPIRED' | 'INVALID' | 'UNAVAILABLE'
  readonly reason: string
  readonly cause?: unknown
}

export type Tokens = {
  /** The caller that an `Authorization` header belongs to; undefined when no token in it is known to be valid now. */
  readonly callerOf: (authorization: string | undefined) => AuthorizedCaller | undefined
  /** Checks a header in which `callerOf` knows no token. */
  readonly check: (authorization: string | undefined) => Promise<Either<TokenRefusal, AuthorizedCaller>>
}

/** `Bearer <token>`, or the bare token, as the predecessor's clients send it. */
export const tokenIn = (authorization: string): string => authorization.replace(/^bearer +/i, '').trim()

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

type Token = { readonly sha256: Buffer; readonly expires_ms: number; readonly caller: AuthorizedCaller }

const tokenFrom = ({ sha256: hash, name, scopes, expires_at, ...limits }: Entry): Token => ({
  sha256: hash,
  expires_ms: expires_at === undefined ? Number.POSITIVE_INFINITY : Number(expires_at / NS_PER_MS),
  caller: { name, by: callerFrom('token', name) ?? '', scopes, ...limits },
})

const UNKNOWN: TokenRefusal = { tag: 'INVALID', reason: 'no known token' }

const createTokens = (known: readonly Token[], now_ms: () => number): Tokens => {
  const find = (authorization: string | undefined): Token | undefined => {
    if (authorization === undefined) return undefined
    const presented = sha256(tokenIn(authorization))
    // every entry is compared, in constant time each: the time it takes says nothing about the known tokens
    const matches = known.filter(({ sha256: hash }) => timingSafeEqual(hash, presented))
    return matches[0]
  }
  return {
    callerOf: authorization => {
      const token = find(authorization)
      return token !== undefined && now_ms() < token.expires_ms ? token.caller : undefined
    },
    check: async authorization =>
      E.left(
        find(authorization) === undefined ? UNKNOWN : { tag: 'EXPIRED', reason: 'the token has expired' },
      ),
  }
}

const duplicateName = (tokens: readonly Entry[]): string | undefined =>
  tokens.find(({ name }, i) => tokens.findIndex(other => other.name === name) !== i)?.name

/** Reads the tokens of a file's text; left is one sentence that names every problem, and no hash. */
export const readTokens = (text: string, now_ms: () => number = Date.now): Either<string, Tokens> =>
  pipe(
    readStrictJson(text),
    // the parser's text may show a part of the file
    E.mapLeft(({ tag, message }) => (tag === 'NotJson' ? 'it is not JSON' : message)),
    E.chain(json =>
      pipe(
        File.decode(json),
        E.mapLeft(errors => describeErrors(errors).replaceAll(UNKNOWN_FIELD, 'is no field of this file')),
      ),
    ),
    E.filterOrElse(
      ({ tokens }) => tokens.length >= 1 && tokens.length <= TOKENS_MAX,
      () => `tokens: must be 1 to ${TOKENS_MAX}`,
    ),
    E.filterOrElse(
      ({ tokens }) => duplicateName(tokens) === undefined,
      ({ tokens }) => `tokens: the name ${duplicateName(tokens)} is there twice`,
    ),
    E.map(({ tokens }) => createTokens(tokens.map(tokenFrom), now_ms)),
  )

/** Tokens of several sources: a token counts if one of them knows it. */
export const anyOfTokens = (sources: readonly Tokens[]): Tokens => ({
  callerOf: authorization => {
    for (const source of sources) {
      const caller = source.callerOf(authorization)
      if (caller !== undefined) return caller
    }
    return undefined
  },
  check: async authorization => {
    let refusal = UNKNOWN
    for (const source of sources) {
      const found = await source.check(authorization)
      if (E.isRight(found)) return found
      // that a token has expired, or cannot be checked, says more than that another source does not know it
      if (refusal.tag === 'INVALID') refusal = found.left
    }
    return E.left(refusal)
  },
})
