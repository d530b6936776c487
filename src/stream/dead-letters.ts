/**
 * Dead letters: events that have no effect, kept whole with the reason.
 *
 * A letter's subject names the event's sequence and is written only while that subject is empty, so an event has one
 * letter for ever, however often it is delivered or folded again (docs/adr/0003).
 */

import type { MsgHdrs, NatsConnection } from 'nats'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { clientIdOf } from '../ledger/client-id.js'
import type { DeadReason } from '../ledger/fold.js'
import { type StreamError, tryStream } from './errors.js'
import { decodeMark, letterOfMark, type Mark, marksFilter, readMark } from './letter-marks.js'
import { manager, streamInfo } from './provision.js'
import { publish } from './publish.js'
import { nextRecorded, readRange } from './read.js'
import type { Recorded } from './recorded.js'
import { DEAD_LETTER_PREFIX, DEAD_LETTER_STREAM } from './settings.js'

/** Which rule the event broke, and the particulars for a person. */
export type Verdict = { readonly reason: DeadReason; readonly detail: string }

/** A letter as it is read back; `letter_seq` is its place among the letters, `seq` the event's in the ledger. */
export type DeadLetter = {
  readonly letter_seq: number
  /** The letter's own subject. */
  readonly letter_subject: string
  readonly state: 'open' | Mark['state']
  /** What was done about it last. */
  readonly mark?: Mark
  readonly seq: number
  readonly subject: string
  readonly reason: string
  readonly detail: string
  readonly at: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The event's own headers ride under this prefix, so that none of them means anything to JetStream again. */
const ORIGINAL = 'Original-'
const PUBLISH_TIMEOUT_MS = 5_000
const DETAIL_CHARS_MAX = 500

const headerSafe = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to go
  text.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, DETAIL_CHARS_MAX)

/** Added by the server to what a pinned consumer gets: no publisher sent it. */
const ADDED_ON_DELIVERY = 'Nats-Pin-Id'

const entries = (headers: MsgHdrs | undefined): [string, string][] =>
  (headers?.keys() ?? [])
    .filter(name => name !== ADDED_ON_DELIVERY)
    .map(name => [name, headers?.values(name).join(', ') ?? ''])

const headersOf = (event: Recorded, { reason, detail }: Verdict): Record<string, string> => ({
  ...Object.fromEntries(entries(event.headers).map(([name, value]) => [ORIGINAL + name, headerSafe(value)])),
  'Ledger-Reason': reason,
  'Ledger-Detail': headerSafe(detail),
  'Ledger-Subject': event.subject,
  'Ledger-Seq': String(event.seq),
  'Ledger-At': event.at.toISOString(),
})

const letterSubject = ({ subject, seq }: Recorded): string => {
  const token = pipe(
    clientIdOf(subject),
    E.getOrElseW(() => '_'),
  )
  return `${DEAD_LETTER_PREFIX}${token}.${seq}`
}

/** Keeps a letter for `event`; does nothing when it has one already. */
export const keepDeadLetter = (
  nc: NatsConnection,
  event: Recorded,
  verdict: Verdict,
): TaskEither<StreamError, void> =>
  pipe(
    publish(
      nc,
      {
        subject: letterSubject(event),
        body: event.body,
        headers: headersOf(event, verdict),
        expected_last_subject_seq: 0,
      },
      PUBLISH_TIMEOUT_MS,
    ),
    TE.matchEW(
      // 10071 alone says that the letter is stored; 10164 says that one is being written, which may still fail
      error => (error.code === 10071 ? TE.right(undefined) : TE.left(error)),
      () => TE.right(undefined),
    ),
  )

const letterOf = ({ seq, subject, headers, body }: Recorded, mark: Mark | undefined): DeadLetter => ({
  letter_seq: seq,
  letter_subject: subject,
  state: mark?.state ?? 'open',
  ...(mark === undefined ? {} : { mark }),
  seq: Number(headers?.get('Ledger-Seq') ?? 0),
  subject: headers?.get('Ledger-Subject') ?? '',
  reason: headers?.get('Ledger-Reason') ?? '',
  detail: headers?.get('Ledger-Detail') ?? '',
  at: headers?.get('Ledger-At') ?? '',
  headers: Object.fromEntries(
    entries(headers)
      .filter(([name]) => name.startsWith(ORIGINAL))
      .map(([name, value]) => [name.slice(ORIGINAL.length), value]),
  ),
  body: new TextDecoder().decode(body),
})

type Marks = { readonly messages: number; readonly last: ReadonlyMap<string, Mark | undefined> }

/** What was done last about each letter, by the letter's subject. Throws as `readRange` does. */
const readMarks = async (nc: NatsConnection, client_id: string, to_seq: number): Promise<Marks> => {
  const last = new Map<string, Mark | undefined>()
  const range = { stream: DEAD_LETTER_STREAM, subject: marksFilter(client_id), from_seq: 1, to_seq }
  let messages = 0
  for await (const found of readRange(nc, range)) {
    const decoded = decodeMark(found)
    if (E.isLeft(decoded)) throw new Error(decoded.left.message)
    last.set(letterOfMark(found.subject), decoded.right.mark)
    messages += 1
  }
  return { messages, last }
}

/** Which letters: of one customer (`_`: of no valid one), and those that are settled too. */
export type LetterFilter = { readonly client_id?: string; readonly settled?: boolean }

const isWanted = ({ state }: DeadLetter, settled: boolean): boolean =>
  settled || state === 'open' || state === 'retrying'

/** The first `limit` letters, oldest first; those that were retried or discarded only when they are asked for. */
export const listDeadLetters = (
  nc: NatsConnection,
  { client_id = '*', settled = false, limit }: LetterFilter & { readonly limit: number },
): TaskEither<StreamError, DeadLetter[]> =>
  pipe(
    streamInfo(nc, DEAD_LETTER_STREAM),
    TE.chain(({ state }) =>
      tryStream('read the dead letters', async () => {
        const letters: DeadLetter[] = []
        const { last } = await readMarks(nc, client_id, state.last_seq)
        const range = { stream: DEAD_LETTER_STREAM, subject: `${DEAD_LETTER_PREFIX}${client_id}.*` }
        for await (const found of readRange(nc, { ...range, from_seq: 1, to_seq: state.last_seq })) {
          const letter = letterOf(found, last.get(found.subject))
          if (isWanted(letter, settled)) letters.push(letter)
          if (letters.length >= limit) break
        }
        return letters
      }),
    ),
  )

/** How many letters there are, and how many of them nobody has settled yet. */
export const countDeadLetters = (
  nc: NatsConnection,
): TaskEither<StreamError, { readonly open: number; readonly total: number }> =>
  pipe(
    streamInfo(nc, DEAD_LETTER_STREAM),
    TE.chain(({ state }) =>
      tryStream('count the dead letters', async () => {
        const { messages, last } = await readMarks(nc, '*', state.last_seq)
        const settled = [...last.values()].filter(mark => mark !== undefined && mark.state !== 'retrying')
        const total = state.messages - messages
        return { open: total - settled.length, total }
      }),
    ),
  )

/** The letter of the event at ledger sequence `seq`, if there is one. */
export const findDeadLetter = (
  nc: NatsConnection,
  seq: number,
): TaskEither<StreamError, DeadLetter | undefined> =>
  pipe(
    manager(nc),
    TE.chain(jsm =>
      pipe(
        nextRecorded(jsm, DEAD_LETTER_STREAM, `${DEAD_LETTER_PREFIX}*.${seq}`, 1),
        TE.chain(found =>
          found === undefined
            ? TE.right(undefined)
            : pipe(
                readMark(jsm, found.subject),
                TE.map(({ mark }) => letterOf(found, mark)),
              ),
        ),
      ),
    ),
  )
