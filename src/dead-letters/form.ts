/**
 * The form of a dead letter: how an event and the verdict on it become a message, and when a message is a letter.
 *
 * Every event must fit into a letter, so headers are bounded, and a body that does not fit stays in the ledger. Any
 * client may have put a message on a letter's subject, so a message counts as a letter only when its headers name the
 * very event that the ledger holds at that sequence. Pure.
 */

import { E, pipe } from '../fp.js'
import { accountOn } from '../ledger/account-id.js'
import type { DeadReason } from '../ledger/fold.js'
import type { NewMessage } from '../stream/publish.js'
import type { Recorded } from '../stream/recorded.js'
import { DEAD_LETTER_PREFIX } from '../stream/settings.js'

/** The rule that the event broke, and the details for a person. */
export type Verdict =
  | { readonly reason: DeadReason; readonly detail: string }
  | {
      readonly reason: 'UNSTORABLE'
      readonly detail: string
      /** The projection that could not store it, and the table that refused it. */
      readonly projection: string
      readonly table: string
    }

/** The prefix under which the event's own headers are kept, so that JetStream does not act on them again. */
const ORIGINAL = 'Original-'
const DETAIL_CHARS_MAX = 500
/** The most bytes that an event's own headers may take in its letter; headers that do not fit are only counted. */
const ORIGINAL_BYTES_MAX = 32 * 1024
/** The bytes of a letter's headers beside the lines that are counted here: the expectation and the frame. */
const FRAME_BYTES = 256

const headerSafe = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to go
  text.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, DETAIL_CHARS_MAX)

/**
 * Percent-encodes the unusual characters of a subject: a header would lose or change some of them, such as spaces at
 * its ends.
 */
const encodeSubject = (subject: string): string =>
  subject.replace(/[^\x21-\x24\x26-\x7e]+/g, part => encodeURIComponent(Buffer.from(part).toString()))

/** The header that the server adds to the messages of a pinned consumer: no publisher sent it. */
const ADDED_ON_DELIVERY = 'Nats-Pin-Id'
const HEADER_NAME = /^[\w!#$&'*+.^`|~-]{1,128}$/

type Line = readonly [name: string, value: string]

const entries = ({ headers }: Pick<Recorded, 'headers'>): Line[] =>
  (headers?.keys() ?? [])
    .filter(name => name !== ADDED_ON_DELIVERY)
    .map(name => [name, headers?.values(name).join(', ') ?? ''])

const bytesOf = ([name, value]: Line): number => Buffer.byteLength(name) + Buffer.byteLength(value) + 4

/** The event's own headers that a letter may carry, and the number of headers that it leaves out. */
const originalsOf = (event: Recorded): { readonly kept: Line[]; readonly left_out: number } => {
  const kept: Line[] = []
  let [bytes, left_out] = [0, 0]
  for (const [name, value] of entries(event)) {
    const line: Line = [ORIGINAL + name, headerSafe(value)]
    bytes += bytesOf(line)
    if (HEADER_NAME.test(name) && bytes <= ORIGINAL_BYTES_MAX) kept.push(line)
    else left_out += 1
  }
  return { kept, left_out }
}

const factsOf = ({ subject, seq, at }: Recorded, verdict: Verdict): Line[] => [
  ['Ledger-Reason', verdict.reason],
  ['Ledger-Detail', headerSafe(verdict.detail)],
  ['Ledger-Subject', encodeSubject(subject)],
  ['Ledger-Seq', String(seq)],
  ['Ledger-At', at.toISOString()],
  ...(verdict.reason === 'UNSTORABLE'
    ? ([
        ['Ledger-Projection', verdict.projection],
        ['Ledger-Table', verdict.table],
      ] as const)
    : []),
]

/**
 * The subject of an event's letter. A projection that could not store the event has a letter and subject of its own.
 */
export const letterSubject = ({ subject, seq }: Pick<Recorded, 'subject' | 'seq'>, verdict: Verdict) => {
  const token = pipe(
    accountOn(subject),
    E.getOrElseW(() => '_'),
  )
  const own = `${DEAD_LETTER_PREFIX}${token}.${seq}`
  return verdict.reason === 'UNSTORABLE' ? `${own}.unstorable.${verdict.projection}` : own
}

/** Says that the letter's body is empty: the body of the event is too large for the letter and stays in the ledger. */
const BODY_ELSEWHERE: Line = ['Ledger-Body', 'in the ledger']

/**
 * The letter of `event` as a message of at most `bytes_max` bytes. With `by_reference` the letter never holds the body,
 * which stays in the ledger.
 */
export const letterMessage = (
  event: Recorded,
  verdict: Verdict,
  bytes_max: number,
  by_reference = false,
): NewMessage => {
  const { kept, left_out } = originalsOf(event)
  const facts = factsOf(event, verdict)
  const size = (lines: readonly Line[]): number =>
    FRAME_BYTES + lines.reduce((bytes, each) => bytes + bytesOf(each), 0)
  const cut: Line[] = left_out === 0 ? [] : [['Ledger-Headers-Left-Out', String(left_out)]]
  const whole = [...kept, ...facts, ...cut]
  const subject = letterSubject(event, verdict)
  if (!by_reference && size(whole) + event.body.length <= bytes_max)
    return { subject, body: event.body, headers: Object.fromEntries(whole) }
  const bare: Line[] = [...facts, BODY_ELSEWHERE, ['Ledger-Headers-Left-Out', String(kept.length + left_out)]]
  const lines = size([...whole, BODY_ELSEWHERE]) <= bytes_max ? [...whole, BODY_ELSEWHERE] : bare
  return { subject, body: '', headers: Object.fromEntries(lines) }
}

/** The claims of a message in the stream of dead letters, before they are compared with the ledger. */
export type Claims = {
  readonly seq: number
  readonly subject: string
  readonly reason: string
  readonly detail: string
  readonly at: string
  readonly projection?: string
  readonly table?: string
  readonly headers: Readonly<Record<string, string>>
  readonly is_body_elsewhere: boolean
}

const decodedSubject = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const UNSTORABLE = /\.unstorable\.([a-z]+)$/

/** Whether a message is on the subject of the letter that it claims to be. */
const isAtItsPlace = (letter_subject: string, { subject, seq, reason, projection }: Claims): boolean => {
  const suffix = UNSTORABLE.exec(letter_subject)
  if ((reason === 'UNSTORABLE') !== (suffix !== null) || suffix?.[1] !== projection) return false
  const own = letterSubject({ subject, seq }, { reason: 'MALFORMED', detail: '' })
  return letter_subject === own + (suffix?.[0] ?? '')
}

/** The claims of a message; undefined when it does not have the form of a letter, or is on another subject. */
export const readClaims = (message: Pick<Recorded, 'subject' | 'headers'>): Claims | undefined => {
  const own = new Map(entries(message))
  const [subject, at, reason] = [own.get('Ledger-Subject'), own.get('Ledger-At'), own.get('Ledger-Reason')]
  const seq = Number(own.get('Ledger-Seq'))
  if (subject === undefined || at === undefined || reason === undefined) return undefined
  if (!Number.isSafeInteger(seq) || seq < 1 || Number.isNaN(Date.parse(at))) return undefined
  const [projection, table] = [own.get('Ledger-Projection'), own.get('Ledger-Table')]
  const claims: Claims = {
    seq,
    subject: decodedSubject(subject),
    reason,
    detail: own.get('Ledger-Detail') ?? '',
    at,
    ...(projection === undefined ? {} : { projection }),
    ...(table === undefined ? {} : { table }),
    headers: Object.fromEntries(
      [...own]
        .filter(([name]) => name.startsWith(ORIGINAL))
        .map(([name, value]) => [name.slice(ORIGINAL.length), value]),
    ),
    is_body_elsewhere: own.has(BODY_ELSEWHERE[0]),
  }
  return isAtItsPlace(message.subject, claims) ? claims : undefined
}

/** Two clients may round the server's nanoseconds to milliseconds differently. */
const TIME_MS_APART_MAX = 1

/**
 * Whether a letter is about the event that the ledger holds at its sequence. A letter about an event of another stream,
 * or of a tail that was lost, has another time or another body.
 */
export const isAbout = (
  claims: Claims,
  body: Uint8Array,
  event: Pick<Recorded, 'seq' | 'subject' | 'at' | 'body'>,
): boolean =>
  claims.seq === event.seq &&
  claims.subject === event.subject &&
  Math.abs(Date.parse(claims.at) - event.at.getTime()) <= TIME_MS_APART_MAX &&
  (claims.is_body_elsewhere ? body.length === 0 : Buffer.compare(body, event.body) === 0)
