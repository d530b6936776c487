/**
 * What a request to `customer.event.<client_id>` asks for: the one event that a publisher may store there.
 *
 * The body is that of an event of schema 1 within the bounds of commands, and the header `Nats-Msg-Id` is its
 * transaction id, as in a publish to the stream itself. Every other header that JetStream would obey is refused by its
 * name: one of them can stop a replicated stream (docs/adr/0023), and none of them may be passed over in silence.
 */

import type { MsgHdrs } from 'nats'
import { E, type Either } from '../../fp.js'
import { type JsonObject, shownName } from '../../json.js'
import { type AccountId, isAccountId, isOfAsset, namesOf } from '../../ledger/account-id.js'
import type { Movement } from '../../ledger/command.js'
import type { ServiceRequest } from '../../service/config.js'
import { EVENT_REQUEST_PREFIX } from '../../service/endpoints.js'
import type { ServiceError } from '../../service/error.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import type { Submitted } from '../group-commit/ports.js'
import { commandFrom, invalid, parseBody } from './command-body.js'

/** The header that holds the transaction id. */
const ID_HEADER = 'Nats-Msg-Id'
/** Names the stream that a publisher means; clients of JetStream may send it, and it is harmless when it is right. */
const STREAM_HEADER = 'Nats-Expected-Stream'
/** What nats-server adds to a request that comes from another account. */
const ADDED_BY_SERVER = 'Nats-Request-Info'
const FOR_JETSTREAM = /^nats-/i

/** An event as the command that it is like. */
export type SubmittedEvent = Submitted & { readonly command: Movement }

/** The schema in which an event is stored there. */
const schemaOn = (id: AccountId): number => (isOfAsset(id) ? 2 : 1)
/** An event within the bounds of commands is far smaller. */
const BODY_BYTES_MAX = 16_384

type Headers = Pick<MsgHdrs, 'keys' | 'values'>

const headerProblem = (name: string, values: readonly string[]): string | undefined => {
  if (name === ID_HEADER) return values.length === 1 ? undefined : `the header ${name} stands there twice`
  if (name === STREAM_HEADER && values.every(value => value === LEDGER_STREAM)) return undefined
  if (name === ADDED_BY_SERVER || !FOR_JETSTREAM.test(name)) return undefined
  return `the header ${shownName(name)} is not taken here: ${ID_HEADER} is the only one that means anything`
}

/** The transaction id that the headers name, if they name one; left says which header is refused. */
const idFrom = (headers: Headers | undefined): Either<string, string | undefined> => {
  let id: string | undefined
  for (const name of headers?.keys() ?? []) {
    const values = headers?.values(name) ?? []
    const problem = headerProblem(name, values)
    if (problem !== undefined) return E.left(problem)
    if (name === ID_HEADER) [id] = values
  }
  return E.right(id)
}

const withId = (fields: JsonObject, id: string | undefined): Either<string, JsonObject> => {
  if (id === undefined) return E.right(fields)
  return fields.transaction_id === undefined || fields.transaction_id === id
    ? E.right({ ...fields, transaction_id: id })
    : E.left(`transaction_id: is not what the header ${ID_HEADER} says`)
}

const commandOf = (
  id: AccountId,
  fields: JsonObject,
  transaction_id: string | undefined,
  by: string | undefined,
): Either<string, SubmittedEvent> => {
  const { schema = schemaOn(id), type, ...content } = fields
  if (schema !== schemaOn(id))
    return E.left(`schema: must be ${schemaOn(id)}, the only one that is published here`)
  if (type !== 'credit' && type !== 'debit') return E.left('type: must be "credit" or "debit"')
  if (content.client_id !== undefined || content.asset !== undefined)
    return E.left('client_id, asset: the subject says whose event it is')
  const named = withId(content, transaction_id)
  if (E.isLeft(named)) return named
  const submitted = commandFrom(type, { ...named.right, ...namesOf(id) }, by)
  return E.isLeft(submitted) ? submitted : E.right(submitted.right as SubmittedEvent)
}

/**
 * The event that a request of the caller `by` asks for, as the command that it is like; left names the field or header that
 * is wrong.
 */
export const decodeEventRequest = (
  { subject, headers, body }: ServiceRequest,
  by: string | undefined,
): Either<ServiceError, SubmittedEvent> => {
  const id = subject.slice(EVENT_REQUEST_PREFIX.length)
  if (!isAccountId(id)) return E.left(invalid('the last token of the subject is no client id'))
  const transaction_id = idFrom(headers)
  if (E.isLeft(transaction_id)) return E.left(invalid(transaction_id.left))
  if (body.length > BODY_BYTES_MAX) return E.left(invalid(`the body is larger than ${BODY_BYTES_MAX} bytes`))
  const fields = parseBody(body)
  if (E.isLeft(fields)) return fields
  const command = commandOf(id, fields.right, transaction_id.right, by)
  return E.isLeft(command) ? E.left(invalid(command.left)) : command
}
