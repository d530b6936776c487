/**
 * Asks the gateway. Every answer that is no success becomes a `Refused` with the gateway's own sentence.
 */

import { authorization } from './session.js'

/** An amount as the API writes it: a number, or a decimal text beyond 2^53. */
export type Amount = number | string

/** The gateway's answer to a request that was not carried out, or of which nobody knows whether it was. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, detail: string) {
    super(detail)
    this.status = status
    this.code = code
  }
}

/** Whether a write may have been carried out although no answer says so. The same key finds out. */
export const isOpen = (error: unknown): boolean =>
  !(error instanceof Refused) || error.code === 'OUTCOME_UNKNOWN' || error.code === 'TIMEOUT'

export type Query = Readonly<Record<string, string | number | undefined>>

export const pathOf = (path: string, query: Query = {}): string => {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)] as const],
  )
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given.map(pair => [...pair]))}`
}

const refusalOf = async (answer: Response): Promise<Refused> => {
  const body: unknown = await answer.json().catch(() => undefined)
  const { code, detail } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  return new Refused(
    answer.status,
    typeof code === 'string' ? code : 'UNKNOWN',
    typeof detail === 'string' ? detail : `the gateway answered ${answer.status}`,
  )
}

/** A connection that was lost on the way may never say so; then the page says that no answer came. */
const ANSWER_MS_MAX = 30_000

const send = async (path: string, init: RequestInit): Promise<Response> => {
  const late = AbortSignal.timeout(ANSWER_MS_MAX)
  const signal = init.signal ? AbortSignal.any([init.signal, late]) : late
  const answer = await fetch(path, { ...init, signal })
  if (!answer.ok) throw await refusalOf(answer)
  return answer
}

const request = async <A>(path: string, init: RequestInit): Promise<A> =>
  (await (await send(path, init)).json()) as A

/** Reads. Rejects with `Refused`, or with the browser's error when no answer came. */
export const get = <A>(path: string, query: Query = {}, signal?: AbortSignal): Promise<A> =>
  request<A>(pathOf(path, query), { headers: authorization(), ...(signal === undefined ? {} : { signal }) })

/** Reads a file of the media type `accept`. Rejects as `get` does. */
export const getFile = async (path: string, query: Query, accept: string): Promise<Blob> =>
  (await send(pathOf(path, query), { headers: { ...authorization(), accept } })).blob()

/** Writes, under an idempotency key if one is given. */
export const write = <A>(method: 'POST' | 'PUT', path: string, body: object, key?: string): Promise<A> =>
  request<A>(path, {
    method,
    headers: {
      ...authorization(),
      'content-type': 'application/json',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: JSON.stringify(body),
  })

export const post = <A>(path: string, body: object): Promise<A> => write<A>('POST', path, body)

/** A key that no other form has. `randomUUID` exists on secure origins only. */
export const newKey = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return `console-${[...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('')}`
}
