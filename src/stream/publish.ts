/**
 * Writing to a stream: one message, or an atomic batch that is stored whole or not at all.
 *
 * The client's own batch helper drops the expectations and hides the server's error, so the batch is published with
 * the raw headers of NATS ADR-50 and its acknowledgement is decoded here (docs/adr/0004).
 */

import { type MsgHdrs, type NatsConnection, nuid } from 'nats'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { wireOf } from '../wire.js'
import { apiError, type StreamError, tryStream } from './errors.js'

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

/** A message of a batch: its text goes over the wire together with the others' (src/wire.ts). */
export type BatchMessage = NewMessage & { readonly body: string }

/** `seq` is the stream sequence of the (last) message. */
export type Stored = { readonly seq: number; readonly duplicate: boolean }

const Ack = t.union([
  t.type({ error: t.type({ err_code: t.number, description: t.string }) }),
  t.intersection([t.type({ stream: t.string, seq: t.number }), t.partial({ duplicate: t.boolean })]),
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
  const json = E.tryCatch(() => JSON.parse(text) as unknown, String)
  const ack = pipe(json, E.chainW(Ack.decode))
  if (E.isLeft(ack)) return E.left({ tag: 'Unexpected', message: `${what}: not an acknowledgement: ${text}` })
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

/** Publishes one message and waits for its acknowledgement. */
export const publish = (
  nc: NatsConnection,
  message: NewMessage,
  timeout_ms: number,
): TaskEither<StreamError, Stored> =>
  requestAck(nc, `publish to ${message.subject}`, message, encoded(linesOf(message)), timeout_ms)

/** Hands over all messages of a batch but its last one, whose headers are returned. */
const writeAllButLast = (nc: NatsConnection, messages: readonly BatchMessage[]): MsgHdrs => {
  const wire = wireOf(nc)
  const batch = `Nats-Batch-Id: ${nuid.next()}\r\nNats-Batch-Sequence: `
  let lines = ''
  messages.forEach((message, index) => {
    lines = `${linesOf(message)}${batch}${index + 1}\r\n`
    if (index < messages.length - 1) wire.publish(message.subject, message.body, lines)
  })
  wire.flush()
  return encoded(`${lines}Nats-Batch-Commit: 1\r\n`)
}

/**
 * Publishes up to 1,000 messages as one: all are stored, with neighbouring sequences, or none is.
 *
 * `Conflict` when an expectation did not hold, `Duplicate` when a message id is known already (the server does not
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
    let h: MsgHdrs
    try {
      h = writeAllButLast(nc, messages)
    } catch (cause) {
      return E.left({ tag: 'TryAgain', message: 'publish a batch: the connection is closed', cause })
    }
    // the last one goes by the client, which knows what to do with its reply
    return requestAck(nc, 'publish a batch', last, h, timeout_ms)()
  }
}
