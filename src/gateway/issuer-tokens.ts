/**
 * Tokens of an issuer (OIDC access tokens in the form of JWTs), and the callers that they name.
 *
 * - `sub` is the caller: events name it as `oidc:<sub>`.
 * - `scope` (a text) or `scp` (a text or a list) holds `jetledger:read`, `jetledger:write` and `jetledger:operate`.
 * - `ledger_customers`, a list of beginnings of customers' ids, limits what the caller may ask and write.
 *
 * A token that was verified is known for a minute, so that its signature is not checked with each request.
 */

import { createHash } from 'node:crypto'
import { E, type Either } from '../fp.js'
import { callerFrom } from '../ledger/caller.js'
import { createLru } from '../lru.js'
import type { IssuerKeys } from './issuer-keys.js'
import { isJwt, keysFor, readJwt, type Verified, verifyJwt } from './jwt.js'
import {
  type AuthorizedCaller,
  CustomerPrefixes,
  type Scope,
  type TokenRefusal,
  type Tokens,
  tokenIn,
} from './tokens.js'

const VERIFIED_MAX = 10_000
const VERIFIED_MS = 60_000

const SCOPES: Readonly<Record<string, Scope>> = {
  'jetledger:read': 'read',
  'jetledger:write': 'write',
  'jetledger:operate': 'operate',
}
const CUSTOMERS_CLAIM = 'ledger_customers'

const wordsIn = (claim: unknown): readonly unknown[] => {
  if (typeof claim === 'string') return claim.split(' ')
  return Array.isArray(claim) ? claim : []
}

const scopesIn = ({ scope, scp }: Verified['claims']): readonly Scope[] =>
  [...wordsIn(scope), ...wordsIn(scp)].flatMap(word =>
    typeof word === 'string' && Object.hasOwn(SCOPES, word) ? (SCOPES[word] ?? []) : [],
  )

/** The caller that a verified token names; left when the token asks for what cannot be granted as it is. */
const callerIn = ({ sub, claims }: Verified): Either<string, AuthorizedCaller> => {
  const by = callerFrom('oidc', sub)
  if (by === undefined) return E.left('its subject is too long')
  const caller = { name: sub, by, scopes: scopesIn(claims) }
  const customers = claims[CUSTOMERS_CLAIM]
  if (customers === undefined) return E.right(caller)
  const prefixes = CustomerPrefixes.decode(customers)
  // a limit that cannot be read must not become no limit
  return E.isLeft(prefixes)
    ? E.left(`its claim ${CUSTOMERS_CLAIM} is not right`)
    : E.right({ ...caller, customer_prefixes: prefixes.right })
}

const invalid = (reason: string): Either<TokenRefusal, never> => E.left({ tag: 'INVALID', reason })

const keyOf = (token: string): string => createHash('sha256').update(token).digest('base64')

export type IssuerTokensOptions = {
  readonly issuer: string
  readonly audience: string
  readonly keys: IssuerKeys
  readonly now_ms?: () => number
}

export const createIssuerTokens = ({
  issuer,
  audience,
  keys,
  now_ms = Date.now,
}: IssuerTokensOptions): Tokens => {
  const verified = createLru<string, { readonly caller: AuthorizedCaller; readonly until_ms: number }>(
    VERIFIED_MAX,
  )

  const check = async (token: string): Promise<Either<TokenRefusal, AuthorizedCaller>> => {
    const read = readJwt(token)
    if (E.isLeft(read)) return invalid(read.left)
    const found = await keys.get(known => keysFor(read.right, known).length > 0)
    if (E.isLeft(found)) return E.left({ tag: 'UNAVAILABLE', reason: found.left.message, cause: found.left })
    const now = now_ms()
    const claims = verifyJwt(read.right, found.right, { issuer, audience, now_s: now / 1_000 })
    if (E.isLeft(claims))
      return claims.left === 'EXPIRED'
        ? E.left({ tag: 'EXPIRED', reason: 'the token has expired' })
        : invalid(claims.left)
    const caller = callerIn(claims.right)
    if (E.isLeft(caller)) return invalid(caller.left)
    const until_ms = Math.min(now + VERIFIED_MS, claims.right.exp * 1_000)
    verified.set(keyOf(token), { caller: caller.right, until_ms })
    return caller
  }

  return {
    callerOf: authorization => {
      const token = authorization === undefined ? '' : tokenIn(authorization)
      if (!isJwt(token)) return undefined
      const known = verified.get(keyOf(token))
      return known !== undefined && now_ms() < known.until_ms ? known.caller : undefined
    },
    check: async authorization => {
      const token = authorization === undefined ? '' : tokenIn(authorization)
      return isJwt(token) ? check(token) : invalid('no token of the issuer')
    },
  }
}
