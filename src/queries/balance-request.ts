/**
 * The request of `customer.balance`, the predecessor's wire contract: `{"client_id":"678"}`, or `customer_id` for it.
 */

import { E, type Either, pipe, t } from '../fp.js'
import { ClientId } from '../ledger/client-id.js'
import { describeErrors } from '../ledger/codec.js'
import { catalogued } from '../service/catalogue.js'
import type { ServiceError } from '../service/error.js'

const Request = t.type({ client_id: ClientId })

const invalid = (message: string): ServiceError => catalogued('INVALID_REQUEST', { message })

/** 403 with the parser's own text is the predecessor's answer to a body that is not JSON; its callers know it. */
const notJson = (cause: unknown): ServiceError => ({
  ...catalogued('BAD_REQUEST'),
  body: cause instanceof Error ? cause.message : String(cause),
})

const utf8 = new TextDecoder('utf-8', { fatal: true })

const isObject = (u: unknown): u is Record<string, unknown> =>
  typeof u === 'object' && u !== null && !Array.isArray(u)

/** Whose balance is asked for; left is 403 `BAD_REQUEST` or 400 `INVALID_REQUEST` naming the field. */
export const decodeBalanceRequest = (body: Uint8Array): Either<ServiceError, ClientId> =>
  pipe(
    E.tryCatch(() => JSON.parse(utf8.decode(body)) as unknown, notJson),
    E.filterOrElse(isObject, () => invalid('the body must be a JSON object with the field client_id')),
    E.map(fields => ({ client_id: fields.client_id ?? fields.customer_id })),
    E.chain(fields =>
      pipe(
        Request.decode(fields),
        E.mapLeft(errors => invalid(describeErrors(errors))),
      ),
    ),
    E.map(({ client_id }) => client_id),
  )
