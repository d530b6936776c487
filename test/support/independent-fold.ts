/**
 * A second opinion: the stream's events, read with the client alone, and the balances that verify's own fold gives for
 * them. Neither shares code with what answers. What the program answers has to equal this.
 */

import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { createFold, type Refusal } from '../../src/verify/fold.js'

const STREAM = 'customer-balances'
const READ_MS_MAX = 30_000
/** Half of it is the heartbeat: a reader whose server was just killed notices within seconds and starts anew. */
const PULL_MS = 2_000

/** A message of the stream. */
export type StoredEvent = {
  readonly seq: number
  readonly subject: string
  readonly body: Uint8Array
  readonly msg_id: string
}

export type Opinion = {
  readonly balances: ReadonlyMap<string, bigint>
  /** The events without effect, by stream sequence. */
  readonly refused: ReadonlyMap<number, Refusal>
  /** Customers with an event of a schema that nobody knows yet. */
  readonly parked: ReadonlySet<string>
}

/** Every event that the stream holds at the call, in order. */
export const readEvents = async (nc: NatsConnection): Promise<StoredEvent[]> => {
  const { state } = await (await jetstreamManager(nc, { checkAPI: false })).streams.info(STREAM)
  const events: StoredEvent[] = []
  if (state.messages === 0) return events
  const messages = await (await jetstream(nc).consumers.get(STREAM)).consume({ expires: PULL_MS })
  const timer = setTimeout(() => messages.stop(), READ_MS_MAX)
  for await (const { seq, subject, data, headers } of messages) {
    events.push({ seq, subject, body: data, msg_id: headers?.get('Nats-Msg-Id') ?? '' })
    if (seq >= state.last_seq) break
  }
  clearTimeout(timer)
  await messages.close()
  if (events.length < state.messages)
    throw new Error(
      `The stream has ${state.messages} events, and only ${events.length} of them could be read`,
    )
  return events
}

/** The balances that `events`, which begin with the stream's first, give in their order. */
export const foldEvents = (events: readonly StoredEvent[]): Opinion => {
  const fold = createFold()
  const refused = new Map<number, Refusal>()
  for (const event of events) {
    const { outcome } = fold.take(event)
    if (outcome !== 'applied' && outcome !== 'left out') refused.set(event.seq, outcome)
  }
  const customers = [...fold.customers]
  return {
    balances: new Map(customers.map(([id, { balance }]) => [id, balance])),
    refused,
    parked: new Set(customers.flatMap(([id, { parked_seq }]) => (parked_seq === undefined ? [] : [id]))),
  }
}
