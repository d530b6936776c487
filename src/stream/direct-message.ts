/**
 * Reads a stored message as nats-server sends it in answer to a direct get: its place stands in headers that the server adds
 * after the event's own.
 *
 * Readings of whole streams are made of such messages, and decoding all headers of each would cost more than all other work
 * of a reading. So the server's lines are read where the server writes them; a message whose lines are elsewhere is decoded
 * in full.
 */

import type { Msg, MsgHdrs } from 'nats'
import { decodeHeaders, headerTextOf } from '../headers.js'
import type { Recorded } from './recorded.js'

/** The first line that the server adds: all later ones are the server's as well. */
const STREAM = 'Nats-Stream: '
const NO_HEADERS = 'NATS/1.0\r\n'
const SUBJECT = '\r\nNats-Subject: '
const SEQUENCE = '\r\nNats-Sequence: '
const TIME = '\r\nNats-Time-Stamp: '
const PENDING = '\r\nNats-Num-Pending: '
const LAST_SEQUENCE = '\r\nNats-Last-Sequence: '
const LINE_END = '\r\n'
const BEYOND_ASCII = /[\x80-\xff]/

/** What the server says of a message: `previous_seq` is the message before it in the answer, 0 for the first one. */
type ServersLines = {
  readonly seq: number
  readonly subject: string
  readonly time: string
  readonly previous_seq: number
}

/** The value of the line that begins at `from` with `name`; undefined when another line stands there. */
const valueAt = (text: string, name: string, from: number): string | undefined => {
  if (!text.startsWith(name, from)) return undefined
  const end = text.indexOf(LINE_END, from + name.length)
  return end === -1 ? undefined : text.slice(from + name.length, end)
}

/** Reads the server's lines from the end of the header block; undefined when they do not stand there as expected. */
const linesOf = (text: string): ServersLines | undefined => {
  let at = text.lastIndexOf(SUBJECT)
  const subject = at === -1 ? undefined : valueAt(text, SUBJECT, at)
  if (subject === undefined) return undefined
  at += SUBJECT.length + subject.length
  const seq = valueAt(text, SEQUENCE, at)
  if (seq === undefined) return undefined
  at += SEQUENCE.length + seq.length
  const time = valueAt(text, TIME, at)
  if (time === undefined) return undefined
  at += TIME.length + time.length
  const pending = valueAt(text, PENDING, at)
  const previous =
    pending === undefined ? undefined : valueAt(text, LAST_SEQUENCE, at + PENDING.length + pending.length)
  return {
    seq: Number(seq),
    // the text holds one character for each byte
    subject: BEYOND_ASCII.test(subject) ? Buffer.from(subject, 'latin1').toString('utf8') : subject,
    time,
    previous_seq: Number(previous ?? 0),
  }
}

/** The server's lines by name: of several values the last one is the server's. */
const decodedLinesOf = (headers: MsgHdrs | undefined): ServersLines => ({
  seq: Number(headers?.last('Nats-Sequence')),
  subject: headers?.last('Nats-Subject') ?? '',
  time: headers?.last('Nats-Time-Stamp') ?? '',
  previous_seq: Number(headers?.last('Nats-Last-Sequence') ?? 0),
})

/** A message as a replica sent it. Its time and headers are decoded only when they are used, which is rare. */
export class DirectRecorded implements Recorded {
  readonly seq: number
  readonly subject: string
  readonly body: Uint8Array
  /** The sequence of the message before it in the answer; 0 for the first one. */
  readonly previous_seq: number
  /** The time at which it was stored, to the nanosecond, as the server writes it. */
  readonly time: string
  private readonly message: Msg

  constructor(message: Msg) {
    const lines = linesOf(headerTextOf(message)) ?? decodedLinesOf(message.headers)
    this.seq = lines.seq
    this.subject = lines.subject
    this.previous_seq = lines.previous_seq
    this.time = lines.time
    this.body = message.data
    this.message = message
  }

  /**
   * The header block as it is stored, without the two bytes that end it: the server writes its own lines over them. Empty
   * without headers, and for a block without any line, which looks the same in an answer.
   */
  get stored_headers(): Uint8Array {
    const text = headerTextOf(this.message)
    const own = text.slice(0, Math.max(text.lastIndexOf(STREAM), 0))
    return Buffer.from(own === NO_HEADERS ? '' : own, 'latin1')
  }

  /** The event's own headers, as all ways of reading give them. */
  get headers(): MsgHdrs | undefined {
    const block = this.stored_headers
    return block.length === 0 ? undefined : decodeHeaders(block)
  }

  get at(): Date {
    return new Date(this.time)
  }
}
