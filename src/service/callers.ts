/**
 * Tells who sent a request, and says so only where somebody vouches for it.
 *
 * A client of NATS can write any header, so what a header says counts only by the configuration:
 *
 * - `gateway`: the gateway's own header counts, on every request. That is right where no other user may send writes.
 * - `request-info`: nats-server itself says who sent a request that came from another account. It replaces what the client
 *   wrote there, and it lets no client use a reply subject of the kind that such a request has; so that subject is the
 *   proof. From the account of the gateway, the gateway's header counts.
 *
 * A gateway in the process of the commands asks them without NATS, so its header counts in both cases.
 *
 * Not configured, nobody is known, and no header is read.
 */

import { E, pipe, t } from '../fp.js'
import { readJson } from '../json.js'
import { callerFrom, isCaller } from '../ledger/caller.js'
import { fieldsOf } from '../ledger/codec.js'
import type { ServiceRequest } from './config.js'

/** The caller as the gateway knows it, on each write that it sends. */
export const GATEWAY_CALLER_HEADER = 'Ledger-Caller'
/** The id by which the gateway's log and its answer know the request. */
export const REQUEST_ID_HEADER = 'Ledger-Request-Id'

/** What nats-server adds to a request that comes from another account. */
const REQUEST_INFO_HEADER = 'Nats-Request-Info'
/** The reply subject of such a request, also when it comes from another cluster. No client may use one. */
const IMPORTED = /^(?:_GR_\.[^.]+\.[^.]+\.)?_R_\./
const REQUEST_ID = /^[\w-]{1,64}$/

/** `by` is the caller, in the form of `ledger/caller.ts`. */
export type Caller = { readonly by?: string | undefined; readonly request_id?: string | undefined }

export type CallerOf = (request: Pick<ServiceRequest, 'headers' | 'reply' | 'is_local'>) => Caller

/** How callers are known. `gateway_account` is the account that the gateway's user belongs to, if it has one of its own. */
export type CallerOptions =
  | { readonly vouched_by: 'gateway' }
  | { readonly vouched_by: 'request-info'; readonly gateway_account?: string | undefined }

const NOBODY: Caller = Object.freeze({})

const RequestInfo = fieldsOf({ acc: t.string }, { user: t.string })

/** The only value of a header; undefined when it is absent or there twice. */
const onlyValue = ({ headers }: Pick<ServiceRequest, 'headers'>, name: string): string | undefined => {
  const values = headers?.values(name) ?? []
  return values.length === 1 ? values[0] : undefined
}

const fromGateway: CallerOf = request => {
  const said = onlyValue(request, GATEWAY_CALLER_HEADER)
  const id = onlyValue(request, REQUEST_ID_HEADER)
  return {
    by: isCaller(said, ['token', 'oidc']) ? said : undefined,
    request_id: id !== undefined && REQUEST_ID.test(id) ? id : undefined,
  }
}

const fromServer =
  (gateway_account: string | undefined): CallerOf =>
  request => {
    if (request.is_local === true) return fromGateway(request)
    if (!IMPORTED.test(request.reply ?? '')) return NOBODY
    // the server writes its header after those of the client
    const text = request.headers?.values(REQUEST_INFO_HEADER).at(-1) ?? ''
    const decoded = pipe(readJson(text), E.chainW(RequestInfo.decode))
    if (E.isLeft(decoded)) return NOBODY
    const { acc, user = '' } = decoded.right
    const own = { by: callerFrom('nats', user === '' ? acc : `${acc}/${user}`) }
    return acc === gateway_account ? { ...own, ...definedOf(fromGateway(request)) } : own
  }

const definedOf = ({ by, request_id }: Caller): Caller => ({
  ...(by === undefined ? {} : { by }),
  ...(request_id === undefined ? {} : { request_id }),
})

/** Makes the function that tells the caller of a request. Without options it knows nobody. */
export const createCallerOf = (options: CallerOptions | undefined): CallerOf => {
  if (options === undefined) return () => NOBODY
  const known = options.vouched_by === 'gateway' ? fromGateway : fromServer(options.gateway_account)
  // most requests come from programs that send no header
  return request => (request.headers === undefined ? NOBODY : known(request))
}
