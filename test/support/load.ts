/** Publishes events directly at a steady rate, as any client with the NATS permission may do, without the program. */

import { setTimeout as pause } from 'node:timers/promises'
import { jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { wholeRandomFrom } from '../../src/random.js'
import { until } from './servers.js'

/** An event that the stream's server has acknowledged. */
export type Acknowledged = { readonly msg_id: string; readonly seq: number }

export type Load = {
  /** The number of acknowledged events so far. */
  readonly acknowledged: () => number
  /** Stops publishing, waits for requests in flight, and returns the acknowledged events. It can be called again. */
  readonly stop: () => Promise<readonly Acknowledged[]>
}

export type LoadOptions = {
  /** Part of the message ids: different for every load of a test. */
  readonly name: string
  readonly events_per_s: number
  /** The number of tries for one event, always with the same message id. */
  readonly tries_max: number
}

const EVENTS_MAX = 20_000
const TICK_MS = 5
const ACK_MS_MAX = 1_000
const BETWEEN_TRIES_MS = 100
const ACKNOWLEDGED_MS_MAX = 20_000
/** Half of the customers are seeded and half are not, so that overdrafts are frequent. */
const CLIENTS = ['1', '2', '3', '500', '1000', 'load:a', 'load:b', 'load@c', 'load-d', 'load_e']

/** The events are the same in every run. */
const SEED = 20_240_229

const bodyOf = (random: (below: number) => number): string => {
  const kind = random(100)
  if (kind === 0) return '{"type":"credit","amount":'
  const amount = 1 + random(500)
  const type = kind < 3 ? 'declined' : kind < 50 ? 'credit' : 'debit'
  return JSON.stringify({ type, amount })
}

/** Starts publishing credits, debits (some overdraw), declined events and a few malformed ones. */
export const startLoad = (nc: NatsConnection, { name, events_per_s, tries_max }: LoadOptions): Load => {
  const js = jetstream(nc)
  const random = wholeRandomFrom(SEED)
  const acknowledged: Acknowledged[] = []
  const under_way: Promise<void>[] = []
  const began_ms = performance.now()

  const publish = async (subject: string, body: string, msg_id: string): Promise<void> => {
    for (let tries = 1; tries <= tries_max; tries += 1) {
      try {
        const { seq } = await js.publish(subject, body, { msgID: msg_id, timeout: ACK_MS_MAX })
        acknowledged.push({ msg_id, seq })
        return
      } catch {
        // the event may be stored or not: only another try with the same id can tell
        if (tries < tries_max) await pause(BETWEEN_TRIES_MS)
      }
    }
  }

  const tick = (): void => {
    const due = Math.min(EVENTS_MAX, Math.floor(((performance.now() - began_ms) / 1_000) * events_per_s))
    while (under_way.length < due) {
      const subject = `customer.balance.${CLIENTS[random(CLIENTS.length)]}`
      under_way.push(publish(subject, bodyOf(random), `${name}:${under_way.length}`))
    }
  }
  const timer = setInterval(tick, TICK_MS)

  return {
    acknowledged: () => acknowledged.length,
    stop: async () => {
      clearInterval(timer)
      await Promise.all(under_way)
      return acknowledged
    },
  }
}

/** Waits until the load has `count` events acknowledged in all. */
export const untilAcknowledged = async (load: Load, count: number): Promise<void> => {
  await until(() => load.acknowledged() >= count, {
    deadline_ms: ACKNOWLEDGED_MS_MAX,
    what: `${count} acknowledged events`,
  })
}
