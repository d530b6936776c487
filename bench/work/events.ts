/** Publishes events directly, in atomic batches, spread over the customers: at full speed or at a given rate. */

import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { E } from '../../src/fp.js'
import { BATCH_MESSAGES_MAX, type BatchMessage, publishBatch } from '../../src/stream/publish.js'
import { tryAgain } from '../../src/stream/try-again.js'
import { customer } from './customers.js'

const PUBLISH_MS_MAX = 20_000
const NOT_READY = new Set(['TryAgain'] as const)
const TICK_MS = 5
/** Spreads neighbouring events over the customers. It is a prime, so that every customer comes once before one comes twice. */
const STRIDE = 7_919

/** An event as the command side writes it: `after` holds the balance and version that the customer's events add up to. */
export const eventAt = (index: number, customers: number) => {
  const id = String(index).padStart(12, '0')
  const version = Math.floor(index / customers) + 1
  const stride = customers % STRIDE === 0 ? 1 : STRIDE
  return {
    subject: `customer.balance.${customer((index * stride) % customers)}`,
    body: `{"schema":1,"type":"credit","amount":100,"transaction_id":"018f0000-0000-7000-8000-${id}","reference":"order ${index}","after":{"balance":${100 * version},"version":${version}}}`,
  }
}

/**
 * Publishes one batch, with new tries while not all nodes of a cluster answer for a new stream. After an unknown outcome the
 * batch may be stored twice, which does not change the measurements.
 */
export const publishOne = async (
  nc: NatsConnection,
  messages: readonly BatchMessage[],
  signal: AbortSignal,
): Promise<void> => {
  const stored = await tryAgain(publishBatch(nc, messages, PUBLISH_MS_MAX), NOT_READY, signal)()
  if (E.isLeft(stored))
    throw new Error(`the events could not be published: ${stored.left.message}`, { cause: stored.left.cause })
}

const publishSome = (nc: NatsConnection, customers: number, from: number, to: number, signal: AbortSignal) =>
  publishOne(
    nc,
    Array.from({ length: to - from }, (_, i) => eventAt(from + i, customers)),
    signal,
  )

/** Publishes the events with index `from` up to, but not including, `to`, at full speed, spread over `customers` customers. */
export const publishEvents = async (
  nc: NatsConnection,
  customers: number,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<void> => {
  for (let at = from; at < to; at += BATCH_MESSAGES_MAX) {
    signal.throwIfAborted()
    await publishSome(nc, customers, at, Math.min(at + BATCH_MESSAGES_MAX, to), signal)
  }
}

/** Publishes events from index `from` at a fixed rate until `isEnded` returns true. Returns the index of the next event. */
export const publishSteadily = async (
  nc: NatsConnection,
  customers: number,
  from: number,
  events_per_s: number,
  isEnded: () => boolean,
  signal: AbortSignal,
): Promise<number> => {
  const began_ms = performance.now()
  let at = from
  while (!isEnded()) {
    const due = from + Math.floor(((performance.now() - began_ms) / 1_000) * events_per_s)
    const to = Math.min(due, at + BATCH_MESSAGES_MAX)
    if (to > at) await publishSome(nc, customers, at, to, signal)
    at = Math.max(at, to)
    await pause(TICK_MS)
  }
  return at
}
