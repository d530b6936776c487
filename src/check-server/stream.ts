/** Makes the stream of a check, and writes to it. copy.ts reads it. */

import { createInbox, headers, type Msg, type NatsConnection } from 'nats'
import { openConnection } from '../connection.js'
import { E } from '../fp.js'
import { isJsonObject, type JsonObject, readJson } from '../json.js'
import { bodyOf, type Event } from './event.js'

export const STREAM = 'CHECK'
const SUBJECT = 'check'
const SUBJECTS_MAX = 20
const REQUEST_TIMEOUT_MS = 2_000
const CREATE_TIMEOUT_MS = 10_000

export type Compression = 'none' | 's2'

/** A connection to the first of `urls` that answers. */
export const connectTo = (urls: readonly string[]): Promise<NatsConnection> =>
  openConnection(
    {
      servers: [...urls],
      reconnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      ignoreClusterUpdates: true,
      timeout: REQUEST_TIMEOUT_MS,
      name: 'jetledger check-server',
    },
    () => undefined,
  )

/** The body of an answer of JetStream's API; an empty object when it is no JSON object. */
export const objectIn = ({ data }: Msg): JsonObject => {
  const read = readJson(data)
  return E.isRight(read) && isJsonObject(read.right) ? read.right : {}
}

/** The reason why the API refused; undefined when it did not. */
export const refusalIn = (answer: JsonObject): string | undefined => {
  if (answer.error === undefined) return undefined
  const { description } = isJsonObject(answer.error) ? answer.error : {}
  return `${description ?? 'the server refused'}`
}

/** Makes the stream, with every setting of a ledger stream that may matter to its store. */
export const createStream = async (nc: NatsConnection, compression: Compression): Promise<void> => {
  const settings = {
    name: STREAM,
    subjects: [`${SUBJECT}.>`],
    storage: 'file',
    retention: 'limits',
    discard: 'new',
    max_age: 0,
    max_bytes: -1,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    num_replicas: 3,
    compression,
    allow_direct: true,
    allow_atomic: true,
    deny_delete: true,
    deny_purge: true,
  }
  const options = { timeout: CREATE_TIMEOUT_MS }
  const answer = objectIn(
    await nc.request(`$JS.API.STREAM.CREATE.${STREAM}`, JSON.stringify(settings), options),
  )
  const refusal = refusalIn(answer)
  if (refusal !== undefined) throw new Error(`The stream could not be made: ${refusal}`)
}

const subjectOf = ({ writer, write, index }: Event): string =>
  `${SUBJECT}.${writer}.${(write + index) % SUBJECTS_MAX}`

const batchHeaders = (id: string, sequence: number, is_last: boolean) => {
  const lines = headers()
  lines.set('Nats-Batch-Id', id)
  lines.set('Nats-Batch-Sequence', `${sequence}`)
  if (is_last) lines.set('Nats-Batch-Commit', '1')
  return lines
}

/**
 * Writes events, several as one atomic batch, and resolves with the sequence of the last one. Rejects when they are not
 * acknowledged; even then they may be stored.
 */
export const write = async (nc: NatsConnection, events: readonly Event[]): Promise<number> => {
  const id = createInbox('check')
  const last = events.length - 1
  let answer: JsonObject = {}
  for (const [i, event] of events.entries()) {
    const options = last === 0 ? {} : { headers: batchHeaders(id, i + 1, i === last) }
    const [subject, body] = [subjectOf(event), bodyOf(event)]
    if (i < last) nc.publish(subject, body, options)
    else answer = objectIn(await nc.request(subject, body, { ...options, timeout: REQUEST_TIMEOUT_MS }))
  }
  const refusal = refusalIn(answer)
  const { seq } = answer
  if (refusal !== undefined || typeof seq !== 'number') throw new Error(refusal ?? 'no acknowledgement')
  return seq
}
