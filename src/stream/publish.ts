/**
 * Writing to a stream: one message, or an atomic batch that is stored whole or not at all.
 *
 * The client's own batch helper drops the expectations and hides the server's error, so the batch is published with
 * the raw headers of NATS ADR-50 and its acknowledgement is decoded here (docs/adr/0004).
 */

import { headers, type MsgHdrs, type NatsConnection, nuid } from 'nats'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { apiError, type StreamError, tryStream } from './errors.js'

/** nats-server's limit for one atomic batch. */
export const BATCH_MESSAGES_MAX = 1_000

export type NewMessage = {
  readonly subject: string
  readonly body: string | Uint8Array
  /** Idempotency key within the stream's duplicate window. */
  readonly msg_id?: string
  /** The write is refused when the subject's last sequence is another one (0: the subject has to be empty). */
  readonly expected_last_subject_seq?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** `seq` is the stream sequence of the (last) message. */
export type Stored = { readonly seq: number; readonly duplicate: boolean }

const Ack = t.union([
  t.type({ error: t.type({ err_code: t.number, description: t.string }) }),
  t.intersection([t.type({ stream: t.string, seq: t.number }), t.partial({ duplicate: t.boolean })]),
])

const headersOf = (message: NewMessage): MsgHdrs => {
  const h = headers()
  for (const [name, value] of Object.entries(message.headers ?? {})) h.set(name, value)
  if (message.msg_id !== undefined) h.set('Nats-Msg-Id', message.msg_id)
  if (message.expected_last_subject_seq !== undefined) {
    h.set('Nats-Expected-Last-Subject-Sequence', String(message.expected_last_subject_seq))
  }
  return h
}

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
    tryStream(what, () => nc.request(message.subject, message.body, { headers: h, timeout: timeout_ms })),
    TE.chainEitherK(reply => decodeAck(what, reply.data)),
  )

/** Publishes one message and waits for its acknowledgement. */
export const publish = (
  nc: NatsConnection,
  message: NewMessage,
  timeout_ms: number,
): TaskEither<StreamError, Stored> =>
  requestAck(nc, `publish to ${message.subject}`, message, headersOf(message), timeout_ms)

/**
 * Publishes up to 1,000 messages as one: all are stored, with neighbouring sequences, or none is.
 *
 * `Conflict` when an expectation did not hold, `Duplicate` when a message id is known already (the server does not
 * say which), `TryAgain` when the outcome is unknown.
 */
export const publishBatch = (
  nc: NatsConnection,
  messages: readonly NewMessage[],
  timeout_ms: number,
): TaskEither<StreamError, Stored> => {
  const last = messages.at(-1)
  if (last === undefined || messages.length > BATCH_MESSAGES_MAX) {
    return TE.left({ tag: 'BatchRefused', message: `a batch of ${messages.length} messages` })
  }
  const batch_id = nuid.next()
  const batchHeaders = (message: NewMessage, index: number): MsgHdrs => {
    const h = headersOf(message)
    h.set('Nats-Batch-Id', batch_id)
    h.set('Nats-Batch-Sequence', String(index + 1))
    return h
  }
  return pipe(
    TE.tryCatch(
      async () => {
        messages.slice(0, -1).forEach((message, index) => {
          nc.publish(message.subject, message.body, { headers: batchHeaders(message, index) })
        })
        const h = batchHeaders(last, messages.length - 1)
        h.set('Nats-Batch-Commit', '1')
        return h
      },
      (cause): StreamError => ({
        tag: 'TryAgain',
        message: 'publish a batch: the connection is closed',
        cause,
      }),
    ),
    TE.chain(h => requestAck(nc, 'publish a batch', last, h, timeout_ms)),
  )
}
