/**
 * Waits for what became of an event that was published anew: whether it counts, is a dead letter again, or waits because its
 * customer is parked. The projection decides that, like every fold of the stream.
 */

import { pause } from '../back-off.js'
import { findDeadLetter } from '../dead-letters/letters.js'
import { E } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { accountOn } from '../ledger/account-id.js'
import { orFail } from '../process/failure.js'
import { consumerName } from '../projections/target.js'
import { getText, parkedPrefix } from '../stream/config-bucket.js'
import { projectionLag } from '../stream/lag.js'
import { manager, openBucket } from '../stream/provision.js'
import { nextRecorded } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import type { Connected } from './command.js'

export type RetryFate =
  | { readonly tag: 'counts' }
  | { readonly tag: 'dead letter'; readonly reason: string; readonly detail: string }
  /** The event is stored and takes effect when its customer goes on. */
  | { readonly tag: 'parked'; readonly client_id: string }
  /** No projection has handled the event within the time. */
  | { readonly tag: 'unknown' }

const PROJECTION = 'ledger'
const LOOK_AGAIN = { first_ms: 50, max_ms: 500 }
const never = new AbortController().signal

/** Whether the projection has handled the event at `seq` within the time. */
const isHandled = async ({ nc }: Connected, seq: number, timeout_ms: number): Promise<boolean> => {
  const jsm = await orFail(manager(nc))
  const until_ms = performance.now() + timeout_ms
  for (let look = 1; ; look += 1) {
    const { generation } = await orFail(readPointer(jsm, PROJECTION))
    const lag = await orFail(projectionLag(nc, consumerName(PROJECTION, generation)))
    if (lag.seq >= seq) return true
    if (performance.now() >= until_ms) return false
    await pause(LOOK_AGAIN, look, never)
  }
}

/** The customer of the event at `seq`, if that customer is parked. */
const parkedCustomer = async ({ nc }: Connected, seq: number): Promise<string | undefined> => {
  const jsm = await orFail(manager(nc))
  const event = await orFail(nextRecorded(jsm, LEDGER_STREAM, LEDGER_SUBJECTS, seq))
  const customer = event === undefined ? undefined : accountOn(event.subject)
  if (customer === undefined || E.isLeft(customer)) return undefined
  const client_id = customer.right
  const kv = await orFail(openBucket(nc))
  const key = parkedPrefix(PROJECTION) + Buffer.from(client_id).toString('base64url')
  return (await orFail(getText(kv, key))) === undefined ? undefined : client_id
}

/** What became of the event at `seq`, waiting `timeout_ms` for it at the most. Throws `Failure` while NATS cannot tell. */
export const retryFate = async (
  connected: Connected,
  seq: number,
  timeout_ms: number,
): Promise<RetryFate> => {
  if (!(await isHandled(connected, seq, timeout_ms))) return { tag: 'unknown' }
  const letter = await orFail(findDeadLetter(connected.nc, seq))
  if (letter !== undefined) return { tag: 'dead letter', reason: letter.reason, detail: letter.detail }
  const client_id = await parkedCustomer(connected, seq)
  return client_id === undefined ? { tag: 'counts' } : { tag: 'parked', client_id }
}
