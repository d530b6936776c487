/** Measures how many events no signed head vouches for yet, and how old the first of them is. */

import type { NatsConnection } from 'nats'
import { E } from '../fp.js'
import { metrics } from '../metrics.js'
import type { Proof } from '../stream/leadership.js'
import { nextKnown } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'

export type ChainLag = { readonly lag_events: number; readonly lag_ms: number }

const events = metrics.gauge('jetledger_chain_lag_events', 'Events that no signed head vouches for yet')
const age = metrics.gauge(
  'jetledger_chain_lag_ms',
  'Age of the first event that no signed head vouches for yet',
)

/** Measures and sets the metrics; `size` is that of the newest head. Undefined when the age cannot be told. */
export const noteLag = async (
  nc: NatsConnection,
  size: number,
  { last_seq, server_time }: Proof,
): Promise<ChainLag | undefined> => {
  const lag_events = Math.max(last_seq - size, 0)
  events.set(lag_events)
  if (lag_events === 0) {
    age.set(0)
    return { lag_events, lag_ms: 0 }
  }
  const first = await nextKnown(nc, LEDGER_STREAM, LEDGER_SUBJECTS, size + 1)()
  if (E.isLeft(first) || first.right === undefined) return undefined
  // the event's time may be later: another server may have stored it, with a clock that was ahead
  const lag_ms = Math.max(server_time.getTime() - first.right.at.getTime(), 0)
  age.set(lag_ms)
  return { lag_events, lag_ms }
}
