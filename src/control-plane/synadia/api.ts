/**
 * Calls the REST API of Synadia Cloud (its control plane, "core/beta"). Its errors have no documented body, so the status is
 * read first, and the body is only a text to show.
 */

import { E, type Either, Failed, pipe, type t } from '../../fp.js'
import { readJson } from '../../json.js'
import { describeErrors } from '../../ledger/codec.js'
import { isSafeUrl } from '../../safe-url.js'
import type { ProviderError } from '../provider.js'

const ANSWER_MS_MAX = 20_000
const BODY_BYTES_MAX = 16 * 1_024 * 1_024
const SHOWN_CHARS_MAX = 300

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

/** Its functions throw `Failed`. Each part of a path is one segment. */
export type Api = {
  readonly json: <A>(
    method: Method,
    path: readonly string[],
    codec: t.Type<A, unknown, unknown>,
    body?: object,
  ) => Promise<A>
  /** The answer as it is, which may be a secret. */
  readonly text: (method: Method, path: readonly string[], body?: object) => Promise<string>
}

export type ApiOptions = {
  readonly base_url: string
  /** A personal access token. */
  readonly token: () => string
}

const fail = (error: ProviderError): never => {
  throw new Failed(error)
}

const why = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  // fetch says only that it failed, and has the reason as its cause
  return cause.cause instanceof Error ? cause.cause.message : cause.message
}

const readBody = async ({ body }: Response): Promise<string> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new Error(`it answers with more than ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The error for a status that is no success. */
const refusal = (what: string, method: Method, status: number, text: string): ProviderError => {
  const said = text.trim().slice(0, SHOWN_CHARS_MAX)
  const message = `${what} answers ${status}${said === '' ? '' : `: ${said}`}`
  if (status === 401 || status === 403)
    return { tag: 'Denied', message: `the token is not accepted: ${message}` }
  if (status === 404) return { tag: 'NotFound', message }
  if (status < 500) return { tag: 'Refused', message }
  return { tag: method === 'GET' ? 'Unreachable' : 'Unclear', message }
}

/** Opens the API; left when the token would go to an unsafe address. */
export const openApi = ({ base_url, token }: ApiOptions): Either<ProviderError, Api> => {
  if (!isSafeUrl(base_url))
    return E.left({ tag: 'Refused', message: `${base_url}: the token is sent by https only` })
  const root = `${base_url.replace(/\/+$/, '')}/api/core/beta`
  const call: Api['text'] = async (method, path, body) => {
    const place = path.map(encodeURIComponent).join('/')
    const what = `${method} ${root}/${place}`
    let answer: { readonly status: number; readonly text: string }
    try {
      const response = await fetch(`${root}/${place}`, {
        method,
        redirect: 'error',
        headers: {
          authorization: `Bearer ${token()}`,
          accept: 'application/json, text/plain',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      })
      answer = { status: response.status, text: await readBody(response) }
    } catch (cause) {
      const tag = method === 'GET' ? 'Unreachable' : 'Unclear'
      return fail({ tag, message: `${what}: ${why(cause)}`, cause })
    }
    const { status, text } = answer
    return status >= 200 && status < 300 ? text : fail(refusal(what, method, status, text))
  }
  return E.right({
    text: call,
    json: async (method, path, codec, body) => {
      const decoded = pipe(
        readJson(await call(method, path, body)),
        E.chain(json => pipe(codec.decode(json), E.mapLeft(describeErrors))),
      )
      return E.isRight(decoded)
        ? decoded.right
        : fail({ tag: 'BadAnswer', message: `${method} ${root}/${path.join('/')}: ${decoded.left}` })
    },
  })
}
