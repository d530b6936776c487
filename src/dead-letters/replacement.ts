/**
 * Makes the event that takes a dead letter's place: the same or a corrected event, under a new transaction id.
 */

import { E, type Either, pipe } from '../fp.js'
import { isJsonObject, type JsonObject, readJson, readStrictJson } from '../json.js'
import { CLIENT_ID_RULE, ClientId, clientIdOf, eventSubject } from '../ledger/client-id.js'
import { decodeEvent } from '../ledger/event.js'
import type { DeadLetter } from './letters.js'

/** The parts of the event that the person who retries it replaces. */
export type Correction = {
  /** The whole event as JSON; undefined keeps the letter's. */
  readonly body?: string | undefined
  /** The customer; undefined keeps the letter's. */
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
const letterEventOf = (text: string): Either<string, unknown> => {
  const decoded = decodeEvent(new TextEncoder().encode(text))
  return decoded.tag === 'malformed' ? E.left(again(decoded.reason)) : readJson(text)
}

const write = (fields: JsonObject): Either<string, string> =>
  E.tryCatch(
    () => JSON.stringify(fields),
    () => 'the event is nested too deeply to be written again: give it anew',
  )

const subjectOf = (letter: DeadLetter, client_id: string | undefined): Either<string, string> => {
  if (client_id !== undefined) {
    return pipe(
      ClientId.decode(client_id),
      E.bimap(() => `the customer ${CLIENT_ID_RULE}`, eventSubject),
    )
  }
  return pipe(
    clientIdOf(letter.subject),
    E.bimap(reason => `${reason}: say whose event it is`, eventSubject),
  )
}

const checkEvent = (body: string): Either<string, string> => {
  const decoded = decodeEvent(new TextEncoder().encode(body))
  if (decoded.tag === 'malformed') return E.left(again(decoded.reason))
  if (decoded.tag === 'future') return E.left(`this program does not know schema ${decoded.schema}`)
  if (decoded.tag === 'skip') return E.left('a decision about a parked event is taken by "parked skip"')
  if (decoded.event.transfer !== undefined) {
    return E.left('the event is one side of a transfer: send the transfer anew, and discard this letter')
  }
  return E.right(body)
}

const bodyOf = (event: Either<string, unknown>, transaction_id: string): Either<string, string> =>
  pipe(
    event,
    E.filterOrElse(isJsonObject, () => 'the event is not a JSON object'),
    // `after` is left out: it is the writer's claim about the event that had no effect
    E.chain(({ after: _, ...kept }) => write({ ...kept, transaction_id })),
    E.chain(checkEvent),
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
    E.apS('subject', subjectOf(letter, client_id)),
    E.apS(
      'body',
      bodyOf(body === undefined ? letterEventOf(letter.body) : correctionOf(body), transaction_id),
    ),
    E.map(corrected => ({ ...corrected, headers: headersOf(letter) })),
  )
