/**
 * Client ids and the event subjects made of them: a customer is one exact subject, `customer.balance.<client_id>`.
 */

import { E, type Either, t } from '../fp.js'

interface ClientIdBrand {
  readonly ClientId: unique symbol
}

/** A customer's id: one NATS token, 1 to 64 characters (docs/adr/0001). */
export type ClientId = string & ClientIdBrand

const PATTERN = /^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/

export const CLIENT_ID_RULE =
  'must be 1 to 64 characters of A-Z a-z 0-9 _ : @ - that begin with a letter or a digit'

/** Whether `u` is a client id. */
export const isClientId = (u: unknown): u is ClientId => typeof u === 'string' && PATTERN.test(u)

/** Decodes a client id. The failure's message states the rule. */
export const ClientId = new t.Type<ClientId, string, unknown>(
  'ClientId',
  isClientId,
  (u, context) => (isClientId(u) ? t.success(u) : t.failure(u, context, CLIENT_ID_RULE)),
  String,
)

/** Everything before a client id in an event's subject. */
const EVENT_SUBJECT_PREFIX = 'customer.balance.'

/** The exact subject that carries every event of one customer. */
export const eventSubject = (id: ClientId): string => EVENT_SUBJECT_PREFIX + id

/** The customer whose events are on `subject`; left is a sentence that says why the subject is no customer's. */
export const clientIdOf = (subject: string): Either<string, ClientId> => {
  const id = subject.slice(EVENT_SUBJECT_PREFIX.length)
  return subject.startsWith(EVENT_SUBJECT_PREFIX) && isClientId(id)
    ? E.right(id)
    : E.left(`subject ${subject}: the client id ${CLIENT_ID_RULE}`)
}
