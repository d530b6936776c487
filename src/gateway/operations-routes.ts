/**
 * The REST routes for operators, as rows of the same table: the scope `operate`, and the subjects of the role `operations`.
 */

import { listOfOperations, PROJECTION_STATUS, REPLAY_STATE } from './operations-answers.js'
import type { Given, Route } from './route.js'
import {
  ASSET,
  CLIENT_ID,
  COUNT,
  exactObject,
  limit,
  object,
  oneOf,
  type Properties,
  type Schema,
  SEQ,
} from './schema.js'

const TEXT: Schema = { type: 'string' }
const REASON: Schema = {
  type: 'string',
  maxLength: 500,
  description: 'must be a text of at most 500 characters: why',
  examples: ['the order was cancelled'],
}
const EVENT_SEQ: Schema = {
  type: 'string',
  pattern: '^[1-9][0-9]{0,14}$',
  description: "must be a whole number: the event's sequence in the stream",
  examples: ['1005'],
}
const PROJECTION: Schema = { ...oneOf('ledger'), examples: ['ledger'] }

const OF_LETTER: Properties = { seq: EVENT_SEQ }
const OF_PROJECTION: Properties = { projection: PROJECTION }

const LETTER = object(
  { seq: SEQ, subject: TEXT, reason: TEXT, detail: TEXT, at: TEXT, state: TEXT, body: TEXT },
  { mark: { type: 'object' }, headers: { type: 'object' } },
)

const STATUS_REPLY = object({
  at: TEXT,
  health: object({ state: oneOf('ok', 'degraded', 'down'), parts: { type: 'object' } }),
  stream: object({ messages: COUNT, last_seq: SEQ, bytes: COUNT, replicas: COUNT }),
  servers: object({ seen: listOfOperations('name', 'version'), unseen: { type: 'array', items: TEXT } }),
  projections: { type: 'array', items: PROJECTION_STATUS },
  dead_letters: object({ open: COUNT, total: COUNT }),
  parked: COUNT,
  instances: { type: 'array', items: object({ id: TEXT, version: TEXT }) },
  replays: { type: 'array', items: REPLAY_STATE },
})

type Row = Pick<Route, 'operation' | 'path' | 'summary' | 'ask' | 'reply'> & Partial<Route>

/** Nothing that is told or done here is about one customer alone, so a token that is limited to some has no use for it. */
const read = (name: string, row: Row): Route => ({
  method: 'GET',
  effect: 'read',
  scope: 'operate',
  success: 200,
  codes: ['TIMEOUT'],
  subject: `customer.operations.${name}`,
  ...row,
})

const write = (name: string, row: Row): Route => ({
  ...read(name, row),
  method: 'POST',
  effect: 'write',
  body_bytes_max: 100_000,
  codes: ['REFUSED', 'OUTCOME_UNKNOWN', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'],
})

const seqOf = ({ params }: Given): number => Number(params.seq)

export const OPERATIONS_ROUTES: readonly Route[] = [
  read('status', {
    operation: 'operationsStatus',
    path: '/v1/operations/status',
    summary: 'The state of the stream, the servers, the projections, dead letters and instances',
    ask: () => ({}),
    reply: STATUS_REPLY,
  }),
  read('letters', {
    operation: 'deadLetters',
    path: '/v1/operations/dead-letters',
    summary: 'Events that had no effect, with the reason, oldest first',
    query: { limit: limit(50), client_id: CLIENT_ID, asset: ASSET, settled: oneOf('true') },
    ask: ({ query: { settled, ...query } }) => ({
      ...query,
      ...(settled === undefined ? {} : { settled: true }),
    }),
    reply: object({ letters: { type: 'array', items: LETTER } }),
  }),
  write('retry', {
    operation: 'retryDeadLetter',
    path: '/v1/operations/dead-letters/{seq}/retry',
    summary: 'Publishes the event of a dead letter anew, once, and tells what became of it',
    params: OF_LETTER,
    body: exactObject(
      {},
      {
        reason: REASON,
        body: { type: 'string', description: 'must be a text: the corrected event as JSON' },
      },
    ),
    ask: given => ({ ...given.body, seq: seqOf(given) }),
    reply: object(
      { transaction_id: TEXT, seq: SEQ, became: oneOf('applied', 'refused', 'unknown') },
      { reason: TEXT },
    ),
  }),
  write('discard', {
    operation: 'discardDeadLetter',
    path: '/v1/operations/dead-letters/{seq}/discard',
    summary: 'Marks a dead letter as dealt with; nothing is deleted',
    params: OF_LETTER,
    body: exactObject({ reason: REASON }),
    ask: given => ({ ...given.body, seq: seqOf(given) }),
    reply: object({ seq: SEQ, state: TEXT, by: TEXT, reason: TEXT }),
  }),
  read('parked', {
    operation: 'parkedCustomers',
    path: '/v1/operations/parked',
    summary: 'Customers that wait at an event of a schema which no running program knows',
    ask: () => ({}),
    reply: object({
      parked: {
        type: 'array',
        items: object({ client_id: CLIENT_ID, seq: SEQ, schema: COUNT }, { asset: ASSET }),
      },
    }),
  }),
  write('replay', {
    operation: 'replayProjection',
    path: '/v1/operations/projections/{projection}/replay',
    summary:
      'Begins to rebuild a projection from the first event, beside the one that serves; the status tells how far it is',
    params: OF_PROJECTION,
    ask: ({ params }) => ({ projection: params.projection }),
    reply: REPLAY_STATE,
  }),
  write('cancel', {
    operation: 'cancelReplay',
    path: '/v1/operations/projections/{projection}/cancel',
    summary: 'Ends the replay of a projection and drops what it has built',
    params: OF_PROJECTION,
    ask: ({ params }) => ({ projection: params.projection }),
    reply: object({ projection: TEXT, dropped: { type: 'boolean' } }),
  }),
]
