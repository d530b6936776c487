/**
 * A second opinion: the stream's events and the balances they give, written anew from the design and sharing no code
 * with src. What the program answers has to equal this.
 */

import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'

const STREAM = 'customer-balances'
const LARGEST = 9_223_372_036_854_775_807n
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

/** Why an event has no effect. */
export type Refusal = 'MALFORMED' | 'INSUFFICIENT_FUNDS' | 'BALANCE_LIMIT'

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

const parse = (body: Uint8Array): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

const amountOf = (value: unknown): bigint | undefined => {
  const whole =
    (typeof value === 'number' && Number.isSafeInteger(value)) ||
    (typeof value === 'string' && /^[1-9]\d{0,18}$/.test(value))
  const amount = whole ? BigInt(value as number | string) : 0n
  return amount >= 1n && amount <= LARGEST ? amount : undefined
}

const isType = (type: unknown): type is 'credit' | 'debit' | 'declined' =>
  type === 'credit' || type === 'debit' || type === 'declined'

type Judged =
  | 'future'
  | 'malformed'
  | { readonly type: 'credit' | 'debit' | 'declined'; readonly amount: bigint }

const judge = (body: Uint8Array): Judged => {
  const event = parse(body)
  const schema = event?.schema ?? 1
  if (Number.isSafeInteger(schema) && Number(schema) > 1) return 'future'
  const amount = amountOf(event?.amount)
  const type = event?.type
  return schema === 1 && amount !== undefined && isType(type) ? { type, amount } : 'malformed'
}

const CUSTOMER = /^customer\.balance\.([A-Za-z0-9][A-Za-z0-9_:@-]{0,63})$/

/** The balances that `events` give, in their order. What the design leaves open, the events of the tests leave out. */
export const foldEvents = (events: readonly StoredEvent[]): Opinion => {
  const balances = new Map<string, bigint>()
  const refused = new Map<number, Refusal>()
  const parked = new Set<string>()

  const fold = (id: string, body: Uint8Array): Refusal | undefined => {
    const event = judge(body)
    if (event === 'malformed') return 'MALFORMED'
    if (event === 'future') {
      parked.add(id)
      return undefined
    }
    const before = balances.get(id) ?? 0n
    if (event.type === 'credit' && before + event.amount > LARGEST) return 'BALANCE_LIMIT'
    if (event.type === 'debit' && before < event.amount) return 'INSUFFICIENT_FUNDS'
    if (event.type === 'credit') balances.set(id, before + event.amount)
    if (event.type === 'debit') balances.set(id, before - event.amount)
    return undefined
  }

  for (const { seq, subject, body } of events) {
    const id = CUSTOMER.exec(subject)?.[1]
    if (id !== undefined && parked.has(id)) continue
    const refusal = id === undefined ? 'MALFORMED' : fold(id, body)
    if (refusal !== undefined) refused.set(seq, refusal)
  }
  return { balances, refused, parked }
}
