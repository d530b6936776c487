/**
 * Makes the event that takes a dead letter's place: the same or a corrected event, under a new transaction id.
 */

import { E, type Either, pipe } from '../fp.js'
import { isJsonObject, type JsonObject, readJson, readStrictJson } from '../json.js'
import { AccountId, accountOn, eventSubject } from '../ledger/account-id.js'
import { CLIENT_ID_RULE } from '../ledger/client-id.js'
import { decodeBody, decodeEvent } from '../ledger/event.js'
import type { DeadLetter } from './letters.js'

/** The parts of the event that the person who retries it replaces. */
export type Correction = {
  /** The whole event as JSON; undefined keeps the letter's. */
  readonly body?: string | undefined
  /** The account, `<client_id>` or `<client_id>/<ASSET>`; undefined keeps the letter's. */
  readonly client_id?: string | undefined
}

export type Corrected = {
  readonly subject: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** Reads a correction strictly: it is new and not published yet, so text with more than one reading can be refused. */
const correctionOf = (text: string): Either<string, unknown> =>
  pipe(
    readStrictJson(text),
    E.mapLeft(({ tag, message }) =>
      tag === 'NotJson' ? `the event is not JSON (${message})` : `the event: ${message}`,
    ),
  )

const again = (reason: string): string => `the event would be a dead letter again: ${reason}`

/** Reads the letter's own event. Refuses a malformed one: writing it anew must not turn it into a valid event. */
const letterEventOf = ({ subject, body }: DeadLetter): Either<string, unknown> => {
  const [bytes, id] = [new TextEncoder().encode(body), accountOn(subject)]
  const decoded = E.isRight(id) ? decodeEvent(bytes, id.right) : decodeBody(bytes)
  return decoded.tag === 'malformed' ? E.left(again(decoded.reason)) : readJson(body)
}

const write = (fields: JsonObject): Either<string, string> =>
  E.tryCatch(
    () => JSON.stringify(fields),
    () => 'the event is nested too deeply to be written again: give it anew',
  )

const accountOf = (letter: DeadLetter, client_id: string | undefined): Either<string, AccountId> => {
  if (client_id !== undefined) {
    return pipe(
      AccountId.decode(client_id),
      E.mapLeft(() => `the customer ${CLIENT_ID_RULE}`),
    )
  }
  return pipe(
    accountOn(letter.subject),
    E.mapLeft(reason => `${reason}: say whose event it is`),
  )
}

const checkEvent = (body: string, id: AccountId): Either<string, string> => {
  const decoded = decodeEvent(new TextEncoder().encode(body), id)
  if (decoded.tag === 'malformed') return E.left(again(decoded.reason))
  if (decoded.tag === 'future') return E.left(`this program does not know schema ${decoded.schema}`)
  if (decoded.tag === 'skip') return E.left('a decision about a parked event is taken by "parked skip"')
  if (decoded.event.transfer !== undefined) {
    return E.left('the event is one side of a transfer: send the transfer anew, and discard this letter')
  }
  return E.right(body)
}

const bodyOf = (
  event: Either<string, unknown>,
  transaction_id: string,
  id: AccountId,
): Either<string, string> =>
  pipe(
    event,
    E.filterOrElse(isJsonObject, () => 'the event is not a JSON object'),
    // `after` is left out: it is the writer's claim about the event that had no effect
    E.chain(({ after: _, ...kept }) => write({ ...kept, transaction_id })),
    E.chain(body => checkEvent(body, id)),
  )

/** Headers with a meaning for the server or for this program belong to the first event only, and are not copied. */
const MEANINGFUL = /^(?:(?:nats|ledger)-|traceparent$)/i
const headersOf = ({ headers, seq }: DeadLetter): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(headers).filter(([name]) => !MEANINGFUL.test(name))),
  'Ledger-Retry-Of': String(seq),
})

/** Only an event that had no effect may be published anew: any other event would count twice. */
const hadNoEffect = ({ reason, projection }: DeadLetter) =>
  reason === 'UNSTORABLE'
    ? E.left(`the event counts; only projection ${projection} could not store it: "replay" tries that again`)
    : E.Do

/** The replacement of `letter`; left says why there can be none. Parts that are not corrected are kept. */
export const correct = (
  letter: DeadLetter,
  { body, client_id }: Correction,
  transaction_id: string,
): Either<string, Corrected> =>
  pipe(
    hadNoEffect(letter),
    E.apS('id', accountOf(letter, client_id)),
    E.bind('text', ({ id }) =>
      bodyOf(body === undefined ? letterEventOf(letter) : correctionOf(body), transaction_id, id),
    ),
    E.map(({ id, text }) => ({ subject: eventSubject(id), body: text, headers: headersOf(letter) })),
  )
