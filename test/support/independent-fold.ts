/**
 * A second opinion: reads the stream's events with the client alone, and computes the balances with verify's own fold. Neither
 * shares code with the parts that answer queries, and the program's answers must equal these balances.
 */

import type { NatsConnection } from 'nats'
import { customerOf, readEvent } from '../../src/verify/event.js'
import { createFold, type Refusal, type Skips, skipKey } from '../../src/verify/fold.js'
import { readStream } from './read-stream.js'

const STREAM = 'customer-balances'
const NS_PER_MS = 1_000_000n

/** A message of the stream. */
export type StoredEvent = {
  readonly seq: number
  readonly subject: string
  readonly body: Uint8Array
  /** The time at which it was stored. */
  readonly at: Date
  readonly msg_id: string
}

export type Opinion = {
  readonly balances: ReadonlyMap<string, bigint>
  /** The events without effect, by stream sequence. */
  readonly refused: ReadonlyMap<number, Refusal>
  /** Customers with an event of a schema that the program does not know yet. */
  readonly parked: ReadonlySet<string>
}

/** Reads every event that the stream holds at the time of the call, in order. */
export const readEvents = async (nc: NatsConnection): Promise<StoredEvent[]> =>
  (await readStream(nc, STREAM)).map(({ seq, subject, data, headers, timestampNanos }) => ({
    seq,
    subject,
    body: data,
    at: new Date(Number(timestampNanos / NS_PER_MS)),
    msg_id: headers?.get('Nats-Msg-Id') ?? '',
  }))

/** All decisions to skip an event: the fold has to know them from the start. */
const decisionsIn = (events: readonly StoredEvent[]): Skips =>
  new Set(
    events.flatMap(({ seq, subject, body }) => {
      const id = customerOf(subject)
      const reading = readEvent(body, id ?? '')
      return id !== undefined && reading.tag === 'skip' && reading.seq < seq ? [skipKey(id, reading.seq)] : []
    }),
  )

/** Folds `events`, which must begin with the first event of the stream. */
export const foldEvents = (events: readonly StoredEvent[]): Opinion => {
  const fold = createFold(decisionsIn(events))
  const refused = new Map<number, Refusal>()
  for (const event of events) {
    const { outcome } = fold.take(event)
    if (outcome !== 'applied' && outcome !== 'left out' && outcome !== 'decision')
      refused.set(event.seq, outcome)
  }
  const customers = [...fold.customers]
  return {
    balances: new Map(customers.map(([id, { balance }]) => [id, balance])),
    refused,
    parked: new Set(customers.flatMap(([id, { parked_seq }]) => (parked_seq === undefined ? [] : [id]))),
  }
}
