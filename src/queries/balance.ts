/**
 * `customer.balance`: the balance of one customer, from the projection.
 *
 * `{"client_id":"678"}` gives exactly `{"balance":7120}`; a customer without events has `{"balance":0}`. What is new
 * against the predecessor rides in headers: `Ledger-Version`, `Ledger-Seq`, `Ledger-Source`.
 */

import { pipe, TE } from '../fp.js'
import { toJson } from '../ledger/amount.js'
import type { Customer } from '../ledger/fold.js'
import { catalogued } from '../service/catalogue.js'
import type { EndpointConfig, ServiceReply } from '../service/config.js'
import type { ServiceError } from '../service/error.js'
import type { TableError } from '../tables/errors.js'
import { decodeBalanceRequest } from './balance-request.js'
import type { ReadCustomer } from './batcher.js'

export type BalanceLimits = { readonly max_in_flight: number; readonly timeout_ms: number }

const toReply = ({ account }: Customer): ServiceReply => ({
  body: JSON.stringify({ balance: toJson(account.balance) }),
  headers: {
    'Ledger-Version': String(account.version),
    'Ledger-Seq': String(account.seq),
    'Ledger-Source': 'table',
  },
})

const toServiceError = (error: TableError): ServiceError => {
  switch (error.tag) {
    case 'TryAgain':
    case 'NotFound':
    case 'ConditionFailed':
      return catalogued(
        'UNAVAILABLE',
        { message: 'the balances cannot be read at the moment; try again' },
        error.cause,
      )
    case 'Unexpected':
      return catalogued('INTERNAL_ERROR', {}, error)
  }
}

/** The endpoint `balance` of the service `customer`. */
export const balanceEndpoint = (read: ReadCustomer, limits: BalanceLimits): EndpointConfig => ({
  name: 'balance',
  subject: 'customer.balance',
  queue_group: 'q',
  description: 'The balance of one customer',
  metadata: { format: 'application/json' },
  ...limits,
  handle: ({ body }) =>
    pipe(
      TE.fromEither(decodeBalanceRequest(body)),
      TE.chain(id => pipe(read(id), TE.mapLeft(toServiceError))),
      TE.map(toReply),
    ),
})
