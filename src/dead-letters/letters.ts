/**
 * Writes, lists and counts dead letters: events that have no effect, and items that a table refuses, with the reason.
 *
 * A letter's subject names the event's sequence, so an event has one letter for ever, however often it is delivered or
 * folded again (docs/adr/0003). A foreign message on that subject is never taken for the letter: a message is a letter
 * only if it is about the very event that the ledger holds at that sequence (`form.ts`).
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { E, pipe, run, type TaskEither, TE } from '../fp.js'
import { chunksOf, inParallel } from '../parallel.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { manager, streamInfo } from '../stream/provision.js'
import { publish } from '../stream/publish.js'
import { nextProved, nextRecorded, type Reader, readPages, readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import {
  DEAD_LETTER_PREFIX,
  DEAD_LETTER_STREAM,
  LEDGER_SUBJECTS,
  LETTER_BYTES_MAX,
} from '../stream/settings.js'
import { type Claims, isAbout, letterMessage, letterSubject, readClaims, type Verdict } from './form.js'
import { decodeMark, isMarkSubject, letterOfMark, type Mark, marksFilter, readMark } from './marks.js'

export type { Verdict } from './form.js'

/**
 * A letter as it is read back. `letter_seq` is its sequence in the stream of dead letters, `seq` the event's sequence
 * in the ledger.
 */
export type DeadLetter = {
  readonly letter_seq: number
  /** The letter's own subject. */
  readonly letter_subject: string
  /** `unreadable`: a newer program wrote a mark that this one cannot read. */
  readonly state: 'open' | 'unreadable' | Mark['state']
  /** The newest decision about it. */
  readonly mark?: Mark
  readonly seq: number
  readonly subject: string
  readonly reason: string
  readonly detail: string
  readonly at: string
  /** The projection that could not store the event, and the table that refused it; only for `UNSTORABLE`. */
  readonly projection?: string
  readonly table?: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const PUBLISH_TIMEOUT_MS = 5_000
/** The number of tries for one letter: a foreign message, or another process with the same letter, makes a try fail. */
const TRIES_MAX = 10
const BACK_OFF: BackOff = { first_ms: 5, max_ms: 200 }
const never = new AbortController().signal
/** nats-server's code for a message that is larger than the stream takes. */
const TOO_LARGE = 10_054

/** The event that the ledger holds at `seq`; undefined when it holds none. */
const eventAt = (reader: Reader, seq: number): TaskEither<StreamError, Recorded | undefined> =>
  pipe(
    nextProved(reader, LEDGER_SUBJECTS, seq),
    TE.map(found => (found?.seq === seq ? found : undefined)),
    TE.orElse(error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error))),
  )

/** The state of a letter's subject: whether the letter is there, and the sequence of the last message (0: none). */
type Found = { readonly letter: boolean; readonly last_seq: number }

const search = (nc: NatsConnection, event: Recorded, verdict: Verdict): TaskEither<StreamError, Found> =>
  pipe(
    streamInfo(nc, DEAD_LETTER_STREAM),
    TE.chain(({ state }) =>
      tryStream('read the dead letters', async () => {
        const subject = letterSubject(event, verdict)
        let found: Found = { letter: false, last_seq: 0 }
        const range = { stream: DEAD_LETTER_STREAM, subject, from_seq: 1, to_seq: state.last_seq }
        for await (const message of readRange(nc, range)) {
          const claims = readClaims(message)
          const is_ours = claims?.reason === verdict.reason && isAbout(claims, message.body, event)
          found = { letter: found.letter || is_ours, last_seq: message.seq }
        }
        return found
      }),
    ),
  )

/** How a letter is published next: after this last message of its subject, with the event's body or without. */
type Attempt = { readonly last_seq: number; readonly by_reference: boolean }

/** Tries once to store a letter. Gives undefined when the letter is stored, else the next attempt to make. */
const tryToKeep = (
  nc: NatsConnection,
  event: Recorded,
  verdict: Verdict,
  { last_seq, by_reference }: Attempt,
): TaskEither<StreamError, Attempt | undefined> => {
  const bytes_max = Math.min(LETTER_BYTES_MAX, nc.info?.max_payload ?? LETTER_BYTES_MAX)
  const message = letterMessage(event, verdict, bytes_max, by_reference)
  return pipe(
    publish(nc, { ...message, expected_last_subject_seq: last_seq }, PUBLISH_TIMEOUT_MS),
    TE.matchEW(
      error => {
        // the stream's size limit was lowered by hand: the body stays in the ledger only
        if (error.code === TOO_LARGE && !by_reference) return TE.right({ last_seq, by_reference: true })
        if (error.tag !== 'Conflict') return TE.left(error)
        // only reading back shows whether the letter is stored: the conflict may be with a foreign message, or with a
        // write that is still under way and may fail
        return pipe(
          search(nc, event, verdict),
          TE.map(found => (found.letter ? undefined : { last_seq: found.last_seq, by_reference })),
        )
      },
      () => TE.right(undefined),
    ),
  )
}

/**
 * Stores a letter for `event`; does nothing when the event has one already. The caller has to count `StreamFull` and
 * the other errors that another try does not mend.
 */
export const keepDeadLetter =
  (nc: NatsConnection, event: Recorded, verdict: Verdict): TaskEither<StreamError, void> =>
  async () => {
    let next: Attempt | undefined = { last_seq: 0, by_reference: false }
    for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
      const tried = await tryToKeep(nc, event, verdict, next)()
      if (E.isLeft(tried)) return tried
      if (tried.right === undefined) return E.right(undefined)
      next = tried.right
      if (attempt > 1) await pause(BACK_OFF, attempt, never)
    }
    return E.left({ tag: 'Conflict', message: `somebody keeps writing to ${letterSubject(event, verdict)}` })
  }

type State = Pick<DeadLetter, 'state' | 'mark'>

const stateOf = (mark: Mark | undefined, is_newer: boolean): State =>
  mark === undefined ? { state: is_newer ? 'unreadable' : 'open' } : { state: mark.state, mark }

const letterOf = (
  { seq: letter_seq, subject: letter_subject }: Recorded,
  { is_body_elsewhere: _, ...claims }: Claims,
  event: Recorded,
  state: State,
): DeadLetter => ({
  letter_seq,
  letter_subject,
  ...state,
  ...claims,
  body: new TextDecoder().decode(event.body),
})

/** The newest decision about each letter, by the letter's subject. Throws as `readRange` does. */
const readMarks = async (
  nc: NatsConnection,
  subject: string,
  to_seq: number,
): Promise<ReadonlyMap<string, State>> => {
  const last = new Map<string, State>()
  const range = { stream: DEAD_LETTER_STREAM, subject, from_seq: 1, to_seq }
  for await (const found of readRange(nc, range)) {
    if (!isMarkSubject(found.subject)) continue
    const read = decodeMark(found)
    if (read.tag === 'mark') last.set(letterOfMark(found.subject), stateOf(read.mark, false))
    if (read.tag === 'newer') last.set(letterOfMark(found.subject), stateOf(undefined, true))
  }
  return last
}

/**
 * The letters to give: those of one customer (`_`: letters without a valid customer), and settled letters too if
 * `settled` is true.
 */
export type LetterFilter = { readonly client_id?: string; readonly settled?: boolean }

const isWanted = ({ state }: Pick<DeadLetter, 'state'>, settled: boolean): boolean =>
  settled || (state !== 'retried' && state !== 'discarded')

const LOOKS_MAX = 64

/** Compares a message with the ledger. Gives the letter; undefined when the message is no letter of this ledger. */
const checkLetter = async (
  reader: Reader,
  message: Recorded,
  states: ReadonlyMap<string, State>,
): Promise<DeadLetter | undefined> => {
  const claims = readClaims(message)
  if (claims === undefined) return undefined
  const event = await run(eventAt(reader, claims.seq))
  if (event === undefined || !isAbout(claims, message.body, event)) return undefined
  return letterOf(message, claims, event, states.get(message.subject) ?? { state: 'open' })
}

/** Filters for the subjects of some letters, and for the subjects of their marks. */
type Subjects = { readonly letters: string; readonly marks: string }

/** The filters for the letters of one customer (`*`: of all customers). */
const subjectsOf = (client_id: string): Subjects => {
  const both = `${DEAD_LETTER_PREFIX}${client_id === '*' ? '>' : `${client_id}.>`}`
  return { letters: both, marks: both }
}

/** Letters, oldest first, in pages. A message that is no letter is skipped, and its sequence is given to `onJunk`. */
async function* lettersOf(
  nc: NatsConnection,
  { letters: subject, marks }: Subjects,
  onJunk: (letter_seq: number) => void,
): AsyncGenerator<readonly DeadLetter[]> {
  const { state } = await run(streamInfo(nc, DEAD_LETTER_STREAM))
  const jsm = await run(manager(nc))
  const to_seq = state.last_seq
  const states = await readMarks(nc, marks, to_seq)
  const seen = new Set<string>()
  const range = { stream: DEAD_LETTER_STREAM, subject }
  for await (const page of readPages(nc, { ...range, from_seq: 1, to_seq })) {
    const messages = page.filter(({ subject }) => !isMarkSubject(subject))
    for (const chunk of chunksOf(LOOKS_MAX, messages)) {
      const letters = await inParallel(LOOKS_MAX, chunk, message => checkLetter({ nc, jsm }, message, states))
      const first = letters.filter((letter, at) => {
        if (letter === undefined) onJunk(chunk[at]?.seq ?? 0)
        if (letter === undefined || seen.has(letter.letter_subject)) return false
        seen.add(letter.letter_subject)
        return true
      })
      yield first.filter(letter => letter !== undefined)
    }
  }
}

/**
 * The first `limit` letters, oldest first; letters that were retried or discarded only if `settled` is true. `onJunk`
 * gets the sequence of each message that is no letter of this ledger.
 */
export const listDeadLetters = (
  nc: NatsConnection,
  { client_id = '*', settled = false, limit }: LetterFilter & { readonly limit: number },
  onJunk: (letter_seq: number) => void = () => undefined,
): TaskEither<StreamError, DeadLetter[]> =>
  tryStream('read the dead letters', async () => {
    const letters: DeadLetter[] = []
    for await (const page of lettersOf(nc, subjectsOf(client_id), onJunk)) {
      letters.push(...page.filter(letter => isWanted(letter, settled)))
      if (letters.length >= limit) break
    }
    return letters.slice(0, limit)
  })

export type LetterCount = {
  readonly open: number
  readonly total: number
  /** The number of open letters for items that a table refused, by projection. */
  readonly unstorable: Readonly<Record<string, number>>
  /** The number of messages that are no letters of this ledger. */
  readonly junk: number
}

/** Counts all letters, and the open ones, which are neither retried nor discarded. */
export const countDeadLetters = (nc: NatsConnection): TaskEither<StreamError, LetterCount> =>
  tryStream('count the dead letters', async () => {
    const unstorable: Record<string, number> = {}
    let [open, total, junk] = [0, 0, 0]
    const onJunk = (): void => {
      junk += 1
    }
    for await (const page of lettersOf(nc, subjectsOf('*'), onJunk)) {
      for (const letter of page) {
        total += 1
        if (!isWanted(letter, false)) continue
        open += 1
        const { projection } = letter
        if (projection !== undefined) unstorable[projection] = (unstorable[projection] ?? 0) + 1
      }
    }
    return { open, total, unstorable, junk }
  })

/** Counts the open letters of a projection for items that its table refused. */
export const countUnstorable = (
  nc: NatsConnection,
  jsm: JetStreamManager,
  projection: string,
): TaskEither<StreamError, number> => {
  const letters = `${DEAD_LETTER_PREFIX}*.*.unstorable.${projection}`
  return pipe(
    nextRecorded(jsm, DEAD_LETTER_STREAM, letters, 1),
    TE.orElse(error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error))),
    TE.chain(first =>
      first === undefined
        ? TE.right(0)
        : tryStream('count the dead letters', async () => {
            let open = 0
            const subjects = { letters, marks: marksFilter(letters) }
            for await (const page of lettersOf(nc, subjects, () => undefined))
              open += page.filter(letter => isWanted(letter, false)).length
            return open
          }),
    ),
  )
}

/** The letters about the event at ledger sequence `seq`: usually one, or one per projection that could not store it. */
const lettersAt = async (nc: NatsConnection, seq: number): Promise<DeadLetter[]> => {
  const { state } = await run(streamInfo(nc, DEAD_LETTER_STREAM))
  const jsm = await run(manager(nc))
  const range = { stream: DEAD_LETTER_STREAM, from_seq: 1, to_seq: state.last_seq }
  const found = new Map<string, DeadLetter>()
  for (const rest of ['', '.unstorable.*']) {
    for await (const message of readRange(nc, {
      ...range,
      subject: `${DEAD_LETTER_PREFIX}*.${seq}${rest}`,
    })) {
      const letter = await checkLetter({ nc, jsm }, message, new Map())
      if (letter === undefined || found.has(letter.letter_subject)) continue
      const { mark, is_newer = false } = await run(readMark(nc, jsm, letter.letter_subject))
      found.set(letter.letter_subject, { ...letter, ...stateOf(mark, is_newer) })
    }
  }
  return [...found.values()]
}

/** The letter of the event at ledger sequence `seq`, if there is one. Of several letters, the first open one. */
export const findDeadLetter = (
  nc: NatsConnection,
  seq: number,
): TaskEither<StreamError, DeadLetter | undefined> =>
  tryStream(`dead letter of event ${seq}`, async () => {
    const letters = await lettersAt(nc, seq)
    return letters.find(letter => isWanted(letter, false)) ?? letters[0]
  })
