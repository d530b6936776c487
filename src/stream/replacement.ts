/**
 * The event that takes a dead letter's place: the same one, or a corrected one, under a new transaction id.
 */

import { E, type Either, pipe } from '../fp.js'
import { CLIENT_ID_RULE, ClientId, clientIdOf, eventSubject } from '../ledger/client-id.js'
import { decodeEvent } from '../ledger/event.js'
import type { DeadLetter } from './dead-letters.js'

/** What the person who retries gives anew. */
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

const parse = (text: string): Either<string, Record<string, unknown>> =>
  pipe(
    E.tryCatch(
      () => JSON.parse(text) as unknown,
      cause => `the event is not JSON (${cause instanceof Error ? cause.message : cause})`,
    ),
    E.filterOrElse(
      (value): value is Record<string, unknown> =>
        typeof value === 'object' && value !== null && !Array.isArray(value),
      () => 'the event is not a JSON object',
    ),
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

const bodyOf = (fields: Record<string, unknown>, transaction_id: string): Either<string, string> => {
  // what its writer claimed is about the event that had no effect
  const { after: _, ...kept } = fields
  const body = JSON.stringify({ ...kept, transaction_id })
  const decoded = decodeEvent(new TextEncoder().encode(body))
  if (decoded.tag === 'malformed') return E.left(`the event would be a dead letter again: ${decoded.reason}`)
  if (decoded.tag === 'future') return E.left(`this program does not know schema ${decoded.schema}`)
  if (decoded.event.transfer !== undefined) {
    return E.left('the event is one side of a transfer: send the transfer anew, and discard this letter')
  }
  return E.right(body)
}

/** Headers that mean something to JetStream belong to the event that was published then. */
const headersOf = ({ headers, seq }: DeadLetter): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(?:nats|ledger)-/i.test(name))),
  'Ledger-Retry-Of': String(seq),
})

/** Only an event without effect may be published anew: a second one would count twice. */
const hadNoEffect = ({ reason, projection }: DeadLetter) =>
  reason === 'UNSTORABLE'
    ? E.left(`the event counts; only projection ${projection} could not store it: "replay" tries that again`)
    : E.Do

/** The replacement of `letter`; left says why there can be none. Everything that is not corrected is kept. */
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
      pipe(
        parse(body ?? letter.body),
        E.chain(fields => bodyOf(fields, transaction_id)),
      ),
    ),
    E.map(corrected => ({ ...corrected, headers: headersOf(letter) })),
  )
