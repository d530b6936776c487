/**
 * Bearer tokens: each names a caller and what it may do. Their file holds the SHA-256 of each token and never a token.
 */

import { createHash, timingSafeEqual } from 'node:crypto'
import { E, type Either, pipe, t } from '../fp.js'
import { readStrictJson } from '../json.js'
import { describeErrors, exactFieldsOf, UNKNOWN_FIELD } from '../ledger/codec.js'

const TOKENS_MAX = 1_000

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

const Scope = t.keyof({ read: null, write: null })

const File = exactFieldsOf({
  tokens: t.array(exactFieldsOf({ sha256: Hash, name: Name, scopes: t.array(Scope) })),
})

export type Scope = t.TypeOf<typeof Scope>
export type Caller = { readonly name: string; readonly scopes: readonly Scope[] }
type Token = Caller & { readonly sha256: Buffer }

export type Tokens = {
  /** The caller that an `Authorization` header belongs to; undefined when no known token is in it. */
  readonly callerOf: (authorization: string | undefined) => Caller | undefined
}

/** `Bearer <token>`, or the bare token, as the predecessor's clients send it. */
const tokenIn = (authorization: string): string => authorization.replace(/^bearer +/i, '').trim()

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

const createTokens = (known: readonly Token[]): Tokens => ({
  callerOf: authorization => {
    if (authorization === undefined) return undefined
    const presented = sha256(tokenIn(authorization))
    // every entry is compared, in constant time each: the time it takes says nothing about the known tokens
    const matches = known.filter(({ sha256: hash }) => timingSafeEqual(hash, presented))
    return matches[0]
  },
})

const duplicateName = (tokens: readonly Token[]): string | undefined =>
  tokens.find(({ name }, i) => tokens.findIndex(other => other.name === name) !== i)?.name

/** Reads the tokens of a file's text; left is one sentence that names every problem, and no hash. */
export const readTokens = (text: string): Either<string, Tokens> =>
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
    E.map(({ tokens }) => createTokens(tokens)),
  )
