/**
 * The public keys of an issuer of tokens (OpenID Connect Discovery): fetched with bounds, kept, and fetched again when they
 * are old or a token names a key that is not among them, because issuers change their keys.
 *
 * While the issuer does not answer, the keys that are there go on counting, for a day at most: after that a key that the
 * issuer has withdrawn could still count.
 */

import { E, type Either, pipe, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { isSafeUrl } from '../safe-url.js'
import { type IssuerKey, keysFrom } from './jwt.js'

export type IssuerKeys = {
  /** The keys; they hold one of which `isWanted` is true, if the issuer has one. Left: there are none. */
  readonly get: (
    isWanted: (keys: readonly IssuerKey[]) => boolean,
  ) => Promise<Either<Error, readonly IssuerKey[]>>
}

export type IssuerKeysOptions = {
  readonly issuer: string
  /** Is told of each fetch: without an error when it has succeeded. */
  readonly onFetched: (error: Error | undefined) => void
  /** The time since the start of the process. */
  readonly now_ms?: () => number
}

const FETCH_MS_MAX = 5_000
const BODY_BYTES_MAX = 256 * 1_024
/** Keys of this age are fetched again, by the next token. */
const REFRESH_MS = 600_000
/** The least time between two fetches: who makes up names of keys must not make us ask the issuer all the time. */
const BETWEEN_FETCHES_MS = 10_000
const KEYS_AGE_MS_MAX = 86_400_000

const fetchJson = async (url: string): Promise<unknown> => {
  if (!isSafeUrl(url)) throw new Error(`${url} is not https`)
  const answer = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(FETCH_MS_MAX),
  })
  if (answer.status !== 200 || answer.body === null) throw new Error(`${url} answers ${answer.status}`)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of answer.body) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new Error(`${url} answers with more than ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  const json = readJson(Buffer.concat(chunks))
  if (E.isLeft(json)) throw new Error(`${url} does not answer with JSON`)
  return json.right
}

const Discovery = fieldsOf({ issuer: t.string, jwks_uri: t.string })

const fetchKeys = async (issuer: string): Promise<readonly IssuerKey[]> => {
  const about = Discovery.decode(
    await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
  )
  if (E.isLeft(about) || about.right.issuer !== issuer)
    throw new Error(`${issuer} says that it is another issuer`)
  const { jwks_uri } = about.right
  const keys = keysFrom(await fetchJson(jwks_uri))
  if (E.isLeft(keys)) throw new Error(`${jwks_uri}: ${keys.left}`)
  return keys.right
}

export const createIssuerKeys = ({
  issuer,
  onFetched,
  now_ms = () => performance.now(),
}: IssuerKeysOptions): IssuerKeys => {
  let kept: { readonly keys: readonly IssuerKey[]; readonly at_ms: number } | undefined
  let begun_ms = Number.NEGATIVE_INFINITY
  let last_error = new Error(`${issuer} was not asked yet`)
  let fetching: Promise<void> | undefined

  const fetchNow = async (): Promise<void> => {
    begun_ms = now_ms()
    try {
      kept = { keys: await fetchKeys(issuer), at_ms: now_ms() }
      onFetched(undefined)
    } catch (thrown) {
      last_error = new Error(`the keys of ${issuer} cannot be fetched: ${reasonOf(thrown)}`, {
        cause: thrown,
      })
      onFetched(last_error)
    }
  }

  /** Fetches unless that was done a moment ago; all that need it wait for one fetch. */
  const refresh = (): Promise<void> => {
    if (fetching === undefined && now_ms() - begun_ms < BETWEEN_FETCHES_MS) return Promise.resolve()
    fetching ??= fetchNow().finally(() => {
      fetching = undefined
    })
    return fetching
  }

  const current = (): readonly IssuerKey[] | undefined =>
    kept !== undefined && now_ms() - kept.at_ms < KEYS_AGE_MS_MAX ? kept.keys : undefined

  return {
    get: async isWanted => {
      const found = current()
      if (found === undefined || !isWanted(found)) await refresh()
      else if (kept !== undefined && now_ms() - kept.at_ms > REFRESH_MS) void refresh()
      return pipe(current(), E.fromNullable(last_error))
    },
  }
}

/** The reason of a failed fetch: the client's own message does not say it, its cause does. */
const reasonOf = (thrown: unknown): string => {
  if (!(thrown instanceof Error)) return String(thrown)
  return thrown.cause instanceof Error && thrown.cause.message !== '' ? thrown.cause.message : thrown.message
}
