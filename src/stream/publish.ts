/**
 * Publishes one message, or an atomic batch that is stored whole or not at all.
 *
 * The client's own batch helper drops the expectations and hides the server's error. So a batch is published here with
 * the raw headers of NATS ADR-50, and its acknowledgement is decoded here (docs/adr/0004).
 */

import type { MsgHdrs, NatsConnection } from 'nats'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { randomId } from '../random-id.js'
import { wireOf } from '../wire.js'
import { apiError, type MessageFault, type StreamError, toStreamError, tryStream } from './errors.js'
import { wakeFollowers } from './follow/nap.js'
import { MSG_SIZE_BYTES_MAX } from './settings.js'

/** nats-server's limit for one atomic batch. */
export const BATCH_MESSAGES_MAX = 1_000

export type NewMessage = {
  readonly subject: string
  readonly body: string | Uint8Array
  /** Idempotency key within the stream's duplicate window. */
  readonly msg_id?: string
  /** The server refuses the message unless the subject's last sequence is this one (0: the subject has to be empty). */
  readonly expected_last_subject_seq?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * A message of a batch. The texts of all messages are sent together (src/wire.ts). `not_encodable` says why the body
 * could not be written: then this message gets a fault of its own.
 */
export type BatchMessage = NewMessage & { readonly body: string; readonly not_encodable?: string | undefined }

/** `seq` is the stream sequence of the (last) message. */
export type Stored = { readonly seq: number; readonly duplicate: boolean }

const Ack = t.union([
  fieldsOf({ error: fieldsOf({ err_code: t.number, description: t.string }) }),
  fieldsOf({ stream: t.string, seq: t.number }, { duplicate: t.boolean }),
])

const LINE_BREAK = /[\r\n]/

/** The line of one header. Throws when the value holds a line break. */
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
 * Headers as the bytes that are sent. The client's own headers are built and checked value by value, which took half of
 * the time of a batch. The client calls only `encode` on headers.
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

const encodeHeaders = (lines: string): MsgHdrs => new EncodedHeaders(lines) as unknown as MsgHdrs

/** The bytes of a body. The client takes several times as long to encode a text. */
const bytesOf = (body: string | Uint8Array): Uint8Array =>
  typeof body === 'string' ? Buffer.from(body) : body

const decodeAck = (what: string, body: Uint8Array): E.Either<StreamError, Stored> => {
  const text = new TextDecoder().decode(body)
  const ack = pipe(readJson(text), E.chainW(Ack.decode))
  // even when another program answered, the stream may have stored the message: the outcome is unknown
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
    TE.map(stored => {
      if (!stored.duplicate) wakeFollowers(nc)
      return stored
    }),
  )

/** The bytes around the header lines of a message, and the most bytes of the lines that a batch adds. */
const FRAME_BYTES = 'NATS/1.0\r\n\r\n'.length
const BATCH_LINES_BYTES = 128
/** The most bytes that one character of a text takes. */
const CHAR_BYTES_MAX = 3

const isTooLarge = (lines: string, body: string | Uint8Array, limit_bytes: number): boolean => {
  const rest_bytes = limit_bytes - FRAME_BYTES - BATCH_LINES_BYTES
  // this bound is faster than counting the bytes of every message
  if (CHAR_BYTES_MAX * (lines.length + body.length) <= rest_bytes) return false
  const body_bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  return Buffer.byteLength(lines) + body_bytes > rest_bytes
}

/** The lines of a message's own headers, or the reason why it cannot be sent. */
const checkMessage = (
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

/**
 * The largest message that the connected server takes, in bytes. A stream may take less, and then refuses by itself.
 */
const limitBytes = (nc: NatsConnection): number => nc.info?.max_payload ?? Number.POSITIVE_INFINITY

const unsendableError = (what: string, faults: readonly MessageFault[]): StreamError => ({
  tag: 'Unsendable',
  message: `${what}: ${faults[0]?.message ?? ''}`,
  faults,
})

/**
 * Publishes one message and waits for its acknowledgement, for at most `timeout_ms`. `Unsendable` when it can never
 * be sent, `Conflict` when the expectation did not hold, `TryAgain` when the outcome is unknown.
 */
export const publish = (
  nc: NatsConnection,
  message: NewMessage,
  timeout_ms: number,
): TaskEither<StreamError, Stored> => {
  const what = `publish to ${message.subject}`
  const lines = checkMessage(message, limitBytes(nc))
  return typeof lines === 'string'
    ? requestAck(nc, what, message, encodeHeaders(lines), timeout_ms)
    : TE.left(unsendableError(what, [{ index: 0, ...lines }]))
}

/** The header lines of every message, or the faults of all messages that cannot be sent. */
const checkAll = (nc: NatsConnection, messages: readonly BatchMessage[]): E.Either<StreamError, string[]> => {
  // the server silently drops a message of a batch that is too large for the stream, and then the batch always fails
  const limit_bytes = Math.min(limitBytes(nc), MSG_SIZE_BYTES_MAX)
  const faults: MessageFault[] = []
  const all: string[] = []
  for (const [index, message] of messages.entries()) {
    const lines = checkMessage(message, limit_bytes)
    if (typeof lines === 'string') all.push(lines)
    else faults.push({ index, ...lines })
  }
  return faults.length === 0 ? E.right(all) : E.left(unsendableError('publish a batch', faults))
}

/** Sends all messages of a batch except the last one, and gives the headers of the last one. */
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
  return encodeHeaders(`${lines}Nats-Batch-Commit: 1\r\n`)
}

/**
 * Publishes a batch of one message as a plain message, under the same expectation: the server stores it in half of the time,
 * which a client notices that waits for each answer. What the server calls a success for a known id is a refusal of a batch.
 */
const publishOne = (
  nc: NatsConnection,
  message: BatchMessage,
  lines: string,
  timeout_ms: number,
): TaskEither<StreamError, Stored> =>
  pipe(
    requestAck(nc, 'publish a batch', message, encodeHeaders(lines), timeout_ms),
    TE.filterOrElseW(
      ({ duplicate }) => !duplicate,
      ({ seq }): StreamError => ({
        tag: 'Duplicate',
        message: `publish a batch: event ${seq} has the message id ${message.msg_id}`,
      }),
    ),
  )

/**
 * Publishes up to 1,000 messages as one: all are stored, at neighbouring sequences, or none is. Every message is
 * checked before the first one is sent, because a batch that is begun and not committed takes one of the server's
 * places for batches.
 *
 * `Unsendable` names the messages that can never be sent, `Conflict` when an expectation did not hold, `Duplicate`
 * when a message id is known already (the server does not say which), `TryAgain` when the outcome is unknown.
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
    const [only, ...others] = lines.right
    if (only !== undefined && others.length === 0) return publishOne(nc, last, only, timeout_ms)()
    let h: MsgHdrs
    try {
      h = writeAllButLast(nc, messages, lines.right)
    } catch (cause) {
      // a closed connection is temporary and gives `TryAgain`; any other error here is a fault of this program
      return E.left(toStreamError('publish a batch', cause))
    }
    // the client sends the last message, since it handles the reply
    return requestAck(nc, 'publish a batch', last, h, timeout_ms)()
  }
}
