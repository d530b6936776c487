/**
 * Writing to a stream: one message, or an atomic batch that is stored whole or not at all.
 *
 * The client's own batch helper drops the expectations and hides the server's error, so the batch is published with
 * the raw headers of NATS ADR-50 and its acknowledgement is decoded here (docs/adr/0004).
 */

import type { MsgHdrs, NatsConnection } from 'nats'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { randomId } from '../random-id.js'
import { wireOf } from '../wire.js'
import { apiError, type MessageFault, type StreamError, toStreamError, tryStream } from './errors.js'
import { MSG_SIZE_BYTES_MAX } from './settings.js'

/** nats-server's limit for one atomic batch. */
export const BATCH_MESSAGES_MAX = 1_000

export type NewMessage = {
  readonly subject: string
  readonly body: string | Uint8Array
  /** Idempotency key within the stream's duplicate window. */
  readonly msg_id?: string
  /** The write is refused when the subject's last sequence is another one (0: the subject has to be empty). */
  readonly expected_last_subject_seq?: number | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * A message of a batch: its text goes over the wire together with the others' (src/wire.ts). `not_encodable` says why
 * its body could not be written; such a message is refused, and no other one because of it.
 */
export type BatchMessage = NewMessage & { readonly body: string; readonly not_encodable?: string | undefined }

/** `seq` is the stream sequence of the (last) message. */
export type Stored = { readonly seq: number; readonly duplicate: boolean }

const Ack = t.union([
  fieldsOf({ error: fieldsOf({ err_code: t.number, description: t.string }) }),
  fieldsOf({ stream: t.string, seq: t.number }, { duplicate: t.boolean }),
])

const LINE_BREAK = /[\r\n]/

/** One header's line. */
const line = (name: string, value: string): string => {
  if (LINE_BREAK.test(value)) throw new Error(`the header ${name} must not hold a line break`)
  return `${name}: ${value}\r\n`
}

/** The lines of a message's own headers. */
const linesOf = ({ headers: own, msg_id, expected_last_subject_seq }: NewMessage): string => {
  let lines = ''
  if (own !== undefined) for (const name in own) lines += line(name, own[name] ?? '')
  if (msg_id !== undefined && msg_id !== '') lines += line('Nats-Msg-Id', msg_id)
  if (expected_last_subject_seq !== undefined) {
    lines += `Nats-Expected-Last-Subject-Sequence: ${expected_last_subject_seq}\r\n`
  }
  return lines
}

/**
 * Headers as the bytes that go over the wire. The client's own, built value by value with checks of each, cost half of
 * all the time that a batch takes; it asks headers for nothing but their encoding.
 */
class EncodedHeaders {
  readonly #bytes: Uint8Array

  constructor(lines: string) {
    this.#bytes = Buffer.from(`NATS/1.0\r\n${lines}\r\n`)
  }

  encode(): Uint8Array {
    return this.#bytes
  }
}

const encoded = (lines: string): MsgHdrs => new EncodedHeaders(lines) as unknown as MsgHdrs

/** The client takes several times as long to encode a text as this does. */
const bytesOf = (body: string | Uint8Array): Uint8Array =>
  typeof body === 'string' ? Buffer.from(body) : body

const decodeAck = (what: string, body: Uint8Array): E.Either<StreamError, Stored> => {
  const text = new TextDecoder().decode(body)
  const ack = pipe(readJson(text), E.chainW(Ack.decode))
  // whoever answered, the stream may have stored the message: the outcome is unknown
  if (E.isLeft(ack)) return E.left({ tag: 'TryAgain', message: `${what}: not an acknowledgement: ${text}` })
  return 'error' in ack.right
    ? E.left(apiError(what, ack.right.error.err_code, ack.right.error.description))
    : E.right({ seq: ack.right.seq, duplicate: ack.right.duplicate ?? false })
}

const requestAck = (
  nc: NatsConnection,
  what: string,
  message: NewMessage,
  h: MsgHdrs,
  timeout_ms: number,
): TaskEither<StreamError, Stored> =>
  pipe(
    tryStream(what, () =>
      nc.request(message.subject, bytesOf(message.body), { headers: h, timeout: timeout_ms }),
    ),
    TE.chainEitherK(reply => decodeAck(what, reply.data)),
  )

/** What goes around the header lines of a message, and the lines of a batch. */
const FRAME_BYTES = 'NATS/1.0\r\n\r\n'.length
const BATCH_LINES_BYTES = 128
/** A character of a text takes so many bytes at the most. */
const CHAR_BYTES_MAX = 3

const isTooLarge = (lines: string, body: string | Uint8Array, limit_bytes: number): boolean => {
  const rest_bytes = limit_bytes - FRAME_BYTES - BATCH_LINES_BYTES
  // counting the bytes of every message would take longer than this
  if (CHAR_BYTES_MAX * (lines.length + body.length) <= rest_bytes) return false
  const body_bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  return Buffer.byteLength(lines) + body_bytes > rest_bytes
}

/** The lines of a message's own headers, or why it cannot be sent. */
const checkedLines = (
  message: NewMessage & { readonly not_encodable?: string | undefined },
  limit_bytes: number,
): string | Omit<MessageFault, 'index'> => {
  if (message.not_encodable !== undefined) return { kind: 'not encodable', message: message.not_encodable }
  let lines: string
  try {
    lines = linesOf(message)
  } catch (cause) {
    return { kind: 'not encodable', message: cause instanceof Error ? cause.message : String(cause) }
  }
  return isTooLarge(lines, message.body, limit_bytes)
    ? { kind: 'too large', message: `it is larger than the ${limit_bytes} bytes that a message may have` }
    : lines
}

/** What this connection's server takes in one message; a stream may take less, and says so itself. */
const limitBytes = (nc: NatsConnection): number => nc.info?.max_payload ?? Number.POSITIVE_INFINITY

const unsendable = (what: string, faults: readonly MessageFault[]): StreamError => ({
  tag: 'Unsendable',
  message: `${what}: ${faults[0]?.message ?? ''}`,
  faults,
})

/** Publishes one message and waits for its acknowledgement. */
export const publish = (
  nc: NatsConnection,
  message: NewMessage,
  timeout_ms: number,
): TaskEither<StreamError, Stored> => {
  const what = `publish to ${message.subject}`
  const lines = checkedLines(message, limitBytes(nc))
  return typeof lines === 'string'
    ? requestAck(nc, what, message, encoded(lines), timeout_ms)
    : TE.left(unsendable(what, [{ index: 0, ...lines }]))
}

/** The header lines of every message, or the faults of those that cannot be sent. */
const checkAll = (nc: NatsConnection, messages: readonly BatchMessage[]): E.Either<StreamError, string[]> => {
  // the server drops a message that its stream does not take without a word to the batch, which then never ends well
  const limit_bytes = Math.min(limitBytes(nc), MSG_SIZE_BYTES_MAX)
  const faults: MessageFault[] = []
  const all: string[] = []
  for (const [index, message] of messages.entries()) {
    const lines = checkedLines(message, limit_bytes)
    if (typeof lines === 'string') all.push(lines)
    else faults.push({ index, ...lines })
  }
  return faults.length === 0 ? E.right(all) : E.left(unsendable('publish a batch', faults))
}

/** Hands over all messages of a batch but its last one, whose headers are returned. */
const writeAllButLast = (
  nc: NatsConnection,
  messages: readonly BatchMessage[],
  own: readonly string[],
): MsgHdrs => {
  const wire = wireOf(nc)
  const batch = `Nats-Batch-Id: ${randomId()}\r\nNats-Batch-Sequence: `
  let lines = ''
  messages.forEach((message, index) => {
    lines = `${own[index]}${batch}${index + 1}\r\n`
    if (index < messages.length - 1) wire.publish(message.subject, message.body, lines)
  })
  wire.flush()
  return encoded(`${lines}Nats-Batch-Commit: 1\r\n`)
}

/**
 * Publishes up to 1,000 messages as one: all are stored, with neighbouring sequences, or none is. Every message is
 * checked before the first one is sent, because a batch that is begun and not committed takes one of the server's places
 * for batches.
 *
 * `Unsendable` names the messages that can never be sent, `Conflict` when an expectation did not hold, `Duplicate` when a message id is known already (the server does not
 * say which), `TryAgain` when the outcome is unknown.
 */
export const publishBatch = (
  nc: NatsConnection,
  messages: readonly BatchMessage[],
  timeout_ms: number,
): TaskEither<StreamError, Stored> => {
  const last = messages.at(-1)
  if (last === undefined || messages.length > BATCH_MESSAGES_MAX) {
    return TE.left({ tag: 'BatchRefused', message: `a batch of ${messages.length} messages` })
  }
  return async () => {
    const lines = checkAll(nc, messages)
    if (E.isLeft(lines)) return lines
    let h: MsgHdrs
    try {
      h = writeAllButLast(nc, messages, lines.right)
    } catch (cause) {
      // a connection that is closed is a matter of time; whatever else is thrown here is a fault of this program
      return E.left(toStreamError('publish a batch', cause))
    }
    // the last one goes by the client, which knows what to do with its reply
    return requestAck(nc, 'publish a batch', last, h, timeout_ms)()
  }
}
