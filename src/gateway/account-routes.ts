/**
 * The REST routes of what an account can do beyond a plain balance: holds, limits, restrictions and reversals
 * (docs/accounts.md).
 */

import { ACCOUNT_STATES } from '../ledger/event-body-2.js'
import type { ErrorCode } from '../service/catalogue.js'
import { MOVEMENT_REPLY, TRANSFER_REPLY } from './answers.js'
import type { Given, Route } from './route.js'
import {
  AMOUNT,
  ASSET,
  CLIENT_ID,
  exactObject,
  oneOf,
  type Properties,
  type Schema,
  TIME,
  TRANSACTION_ID,
} from './schema.js'
import { OPTIONAL, WRITE_CODES, write } from './write-route.js'

const OF_CUSTOMER: Properties = { client_id: CLIENT_ID }
const OF_HOLD: Properties = { hold: { ...TRANSACTION_ID, description: 'must be the id of a hold' } }

const SECONDS: Schema = {
  type: 'integer',
  minimum: 1,
  maximum: 31_622_400,
  description: 'must be a whole number of seconds of at most 366 days: the time for which the money is held',
  examples: [3_600],
}
const LIMIT: Schema = {
  anyOf: [
    { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    { type: 'string', pattern: '^(0|[1-9][0-9]{0,18})$' },
  ],
  description: 'must be a whole number of the minor unit from 0 on: how far below 0 the balance may fall',
  examples: [500],
}
const REASON: Schema = {
  type: 'string',
  maxLength: 256,
  description: 'must be a text of 1 to 256 characters: why',
  examples: ['chargeback 81'],
}

const codes = (...more: readonly ErrorCode[]): readonly ErrorCode[] => [...WRITE_CODES, ...more]
const HOLD_CODES = codes('HOLD_NOT_OPEN', 'HOLD_EXCEEDED')

const ofCustomer = ({ params }: Given): readonly string[] =>
  typeof params.client_id === 'string' ? [params.client_id] : []
const ofBody = ({ body }: Given): readonly string[] =>
  [body.client_id, body.to].filter(id => typeof id === 'string')

const askCustomer = ({ params, body, transaction_id }: Given) => ({
  ...body,
  client_id: params.client_id,
  transaction_id,
})
const askHold = ({ params, body, transaction_id }: Given) => ({ ...body, hold: params.hold, transaction_id })

const HOLD_FIELDS = { expires_in: SECONDS, expires_at: TIME }
const CAPTURE_FIELDS = { amount: AMOUNT, final: { type: 'boolean' }, to: CLIENT_ID } as const
const STATE: Schema = oneOf(...ACCOUNT_STATES)

/** The commands of a batch that the routes of this file send one by one. */
export const ACCOUNT_COMMANDS: readonly Schema[] = [
  ['hold', { amount: AMOUNT }, HOLD_FIELDS] as const,
  ['capture', OF_HOLD, CAPTURE_FIELDS] as const,
  ['release', OF_HOLD, { amount: AMOUNT }] as const,
  ['limit', { limit: LIMIT }, {}] as const,
  ['restrict', { state: STATE, reason: REASON }, { until: TIME }] as const,
].map(([type, required, optional]) =>
  exactObject(
    { type: { type: 'string', const: type }, ...OF_CUSTOMER, ...required },
    { ...OPTIONAL, asset: ASSET, transaction_id: TRANSACTION_ID, ...optional },
  ),
)

/** The same for a reversal, which names a transaction instead of a customer. */
export const REVERSE_COMMAND: Schema = exactObject(
  { type: { type: 'string', const: 'reverse' }, transaction_id: TRANSACTION_ID },
  { ...OPTIONAL, amount: AMOUNT, reversal_id: TRANSACTION_ID },
)

export const ACCOUNT_ROUTES: readonly Route[] = [
  write({
    operation: 'hold',
    path: '/v1/customers/{client_id}/holds',
    summary:
      'Sets an amount aside until it is captured or released, or expires; its id is the idempotency key',
    subject: 'customer.hold',
    params: OF_CUSTOMER,
    customers: ofCustomer,
    body: exactObject({ amount: AMOUNT }, { ...OPTIONAL, asset: ASSET, ...HOLD_FIELDS }),
    ask: askCustomer,
    reply: MOVEMENT_REPLY,
    codes: codes('HOLD_EXISTS', 'HOLD_NOT_OPEN', 'LIMIT_REACHED'),
  }),
  write({
    operation: 'capture',
    path: '/v1/holds/{hold}/captures',
    summary: 'Takes the money of a hold, or a part of it; with `to` it goes to another customer',
    subject: 'customer.capture',
    params: OF_HOLD,
    customers: ofBody,
    body: exactObject(OF_CUSTOMER, {
      ...OPTIONAL,
      asset: ASSET,
      amount: AMOUNT,
      final: { type: 'boolean' },
      to: CLIENT_ID,
    }),
    ask: askHold,
    reply: { anyOf: [MOVEMENT_REPLY, TRANSFER_REPLY] },
    codes: HOLD_CODES,
  }),
  write({
    operation: 'release',
    path: '/v1/holds/{hold}/releases',
    summary: 'Gives a hold, or a part of it, back to its customer',
    subject: 'customer.release',
    params: OF_HOLD,
    customers: ofBody,
    body: exactObject(OF_CUSTOMER, { ...OPTIONAL, asset: ASSET, amount: AMOUNT }),
    ask: askHold,
    reply: MOVEMENT_REPLY,
    codes: HOLD_CODES,
  }),
  write({
    operation: 'limit',
    method: 'PUT',
    path: '/v1/customers/{client_id}/limit',
    summary: 'Sets how far below 0 the balance of a customer may fall',
    subject: 'customer.limit',
    params: OF_CUSTOMER,
    customers: ofCustomer,
    body: exactObject({ limit: LIMIT }, { ...OPTIONAL, asset: ASSET }),
    ask: askCustomer,
    reply: MOVEMENT_REPLY,
    success: 200,
  }),
  write({
    operation: 'restrict',
    method: 'PUT',
    path: '/v1/customers/{client_id}/state',
    summary: 'Restricts what a customer may do, or makes it active again',
    subject: 'customer.restrict',
    params: OF_CUSTOMER,
    customers: ofCustomer,
    body: exactObject({ state: STATE, reason: REASON }, { ...OPTIONAL, asset: ASSET, until: TIME }),
    ask: askCustomer,
    reply: MOVEMENT_REPLY,
    success: 200,
    codes: codes('NOT_EMPTY'),
  }),
  write({
    operation: 'reverse',
    path: '/v1/transactions/{transaction_id}/reversals',
    summary: 'Takes a transaction back, or an amount of it; the idempotency key is the id of the reversal',
    subject: 'customer.reverse',
    params: { transaction_id: TRANSACTION_ID },
    body: exactObject({}, { ...OPTIONAL, amount: AMOUNT }),
    id_field: 'reversal_id',
    ask: ({ params, body, transaction_id }) => ({
      ...body,
      transaction_id: params.transaction_id,
      reversal_id: transaction_id,
    }),
    reply: { anyOf: [MOVEMENT_REPLY, TRANSFER_REPLY] },
    codes: codes('NOT_FOUND', 'NOT_REVERSIBLE', 'ALREADY_REVERSED', 'REVERSAL_EXCEEDED', 'LIMIT_REACHED'),
  }),
]
