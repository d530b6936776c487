/**
 * Makes another generation of a projection the active one, so that no reader ever sees a balance go back.
 *
 * The server holds the active generation still (its consumer is paused), and the events that were delivered to it are
 * waited for. Then the new generation is brought to exactly the same event, so that both tables say the same. Readers
 * follow the pointer one after the other, and in this time it does not matter which table they read. The new generation
 * goes on only when all readers have followed (docs/adr/0016). A crash on the way leaves a pause that ends by itself.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { E, Failed, run } from '../../fp.js'
import { LEASE_MS } from '../../generations/follow.js'
import { type Pointer, type PointerEntry, setPointer } from '../../generations/pointer.js'
import { accountOn } from '../../ledger/account-id.js'
import { decodeEvent } from '../../ledger/event.js'
import {
  consumerProgress,
  dropConsumer,
  makeConsumer,
  pauseConsumer,
  resumeConsumer,
} from '../../stream/consumer.js'
import type { StreamError } from '../../stream/errors.js'
import { leadershipOf } from '../../stream/leadership.js'
import { nextProved } from '../../stream/read.js'
import { LEDGER_SUBJECTS } from '../../stream/settings.js'
import { isFirstLeg } from '../fold-run.js'
import type { Target } from '../target.js'
import type { Filler } from './fill.js'
import { ReplayError } from './replay-error.js'

/** The longest pause of each generation: then the server lets it go on, even when this process has died. */
const PAUSE_MS = 30_000
/** The longest wait for the active generation to make progress, or to come to rest. */
const STILL_WITHIN_MS = 10_000
const POLL_MS = 20
/**
 * The longest time from the beginning of the new generation's pause to the write of the pointer. Then both pauses last until
 * all readers have followed, also when the outcome of the write is known only after 20 s (`setPointer`).
 */
const PREPARED_MS_MAX = 7_000
/** After this time every reader has followed the pointer: no reader trusts an older reading of it for longer. */
const FOLLOW_MS = LEASE_MS + 500

/**
 * Waits until the consumer has acknowledged `seq`, for as long as it makes progress. Returns whether it has. It returns
 * false when the consumer stands still, because no projector is at work, and when the consumer is missing.
 */
const waitUntilAcked = async ({ jsm, consumer }: Target, seq: number): Promise<boolean> => {
  let best = -1
  for (let until_ms = performance.now() + STILL_WITHIN_MS; performance.now() < until_ms; ) {
    const progress = await consumerProgress(jsm, consumer)()
    if (E.isLeft(progress) && progress.left.tag === 'NotFound') return false
    if (E.isRight(progress)) {
      const { acked_seq } = progress.right
      if (acked_seq >= seq) return true
      if (acked_seq > best) until_ms = performance.now() + STILL_WITHIN_MS
      best = Math.max(best, acked_seq)
    }
    await sleep(POLL_MS)
  }
  return false
}

/**
 * The last event that is written when `acked_seq` is acknowledged: the second side of a transfer is written together
 * with the first.
 */
const writtenUpTo = async (target: Target, acked_seq: number): Promise<number> => {
  if (acked_seq === 0) return 0
  const { decode = decodeEvent } = target
  const last = await run(nextProved(target, LEDGER_SUBJECTS, acked_seq))
  if (last?.seq !== acked_seq) return acked_seq
  const id = accountOn(last.subject)
  const decoded = E.isRight(id) ? decode(last.body, id.right) : undefined
  if (decoded?.tag !== 'event' || !isFirstLeg(decoded.event)) return acked_seq
  const second = await run(nextProved(target, LEDGER_SUBJECTS, acked_seq + 1))
  return second?.seq === acked_seq + 1 ? second.seq : acked_seq
}

/**
 * The time `from_now_ms` from now by the servers' clock, which decides when a pause ends; our own clock may be wrong.
 */
const inServersTime = async ({ nc }: Target, from_now_ms: number): Promise<Date> => {
  const { server_time } = await run(leadershipOf(nc).prove())
  return new Date(server_time.getTime() + from_now_ms)
}

/** Pauses the active generation, waits until it is at rest, and returns the last sequence that it has written. */
const holdStill = async (target: Target): Promise<number> => {
  const { jsm, consumer } = target
  await run(pauseConsumer(jsm, consumer, await inServersTime(target, PAUSE_MS)))
  for (const until_ms = performance.now() + STILL_WITHIN_MS; performance.now() < until_ms; ) {
    const { acked_seq, unacked } = await run(consumerProgress(jsm, consumer))
    if (unacked === 0) return writtenUpTo(target, acked_seq)
    await sleep(POLL_MS)
  }
  throw new ReplayError(
    `consumer ${consumer} did not come to rest: its instance does not finish what it has taken`,
  )
}

export type Flip = {
  readonly from: Target
  readonly to: Target
  readonly filler: Filler
  /** The pointer as it was read before; the flip fails when it has changed since. */
  readonly entry: PointerEntry
  /** The user who does it, where that is known. */
  readonly by: string | undefined
  /** The longest time to find out whether the pointer was moved; that of `setPointer` unless a test has less patience. */
  readonly decided_ms_max?: number
}

/**
 * Makes the consumer of the new generation, which begins with the event after the table's last one. It is paused by the
 * server until the pointer is set and all readers have followed it, even when this process dies.
 */
const prepareConsumer = async (to: Target, filler: Filler): Promise<void> => {
  // a consumer that is left from an earlier time would begin at another event
  await run(dropConsumer(to.nc, to.consumer))
  const not_before = await inServersTime(to, PAUSE_MS)
  await run(makeConsumer(to.jsm, to.consumer, { seq: filler.position() + 1, not_before }))
}

/**
 * Prepares the new generation's consumer, and makes certain that the old generation is still at rest: filling the new table
 * may have taken longer than the pause. The pause begins anew, so that it lasts until all readers have followed the
 * pointer. Throws `ReplayError` when the old generation has gone on, because a balance could go back then.
 */
const prepare = async ({ from, to, filler }: Flip, is_projected: boolean): Promise<void> => {
  const began_ms = performance.now()
  await prepareConsumer(to, filler)
  if (is_projected && (await holdStill(from)) > filler.position()) {
    throw new ReplayError(`${from.consumer} went on before ${to.table} was complete; replay again`)
  }
  if (performance.now() - began_ms > PREPARED_MS_MAX) {
    throw new ReplayError(`the servers took too long to prepare ${to.consumer}; replay again`)
  }
}

/** The outcome of setting the pointer is unknown: whether this or the old generation is active shows later. */
class Undecided extends Failed<StreamError> {}

const movePointer = async ({ from, entry, decided_ms_max }: Flip, pointer: Pointer): Promise<number> => {
  const moved = await setPointer(from, from.projection.name, pointer, entry.revision, decided_ms_max)()
  if (E.isLeft(moved)) throw new (moved.left.tag === 'TryAgain' ? Undecided : Failed)(moved.left)
  return moved.right
}

/**
 * Flips from one generation to the other, and returns the new pointer. When it throws, the old generation goes on: at
 * once, or at the end of its pause when nobody knows whether the pointer was moved. Throws `Failed` (`Conflict` when
 * another process has moved the pointer), and `ReplayError` when the old generation does not come to rest or stay at rest.
 */
export const flip = async (order: Flip): Promise<PointerEntry> => {
  const { from, to, filler, by } = order
  const { jsm, projection, log } = from
  const is_projected = await waitUntilAcked(from, filler.position())
  if (!is_projected) log.warn({ projection: projection.name }, 'the active generation is not being projected')
  try {
    if (is_projected) await filler.to(Math.max(await holdStill(from), filler.position()))
    await prepare(order, is_projected)
    const pointer: Pointer = { generation: to.generation, previous: from.generation, by }
    const revision = await movePointer(order, pointer)
    log.info(
      { projection: projection.name, ...pointer, seq: filler.position() },
      'another generation is active',
    )
    await sleep(FOLLOW_MS)
    // a pause that cannot be ended now ends by itself
    await resumeConsumer(jsm, to.consumer)()
    return { ...pointer, revision }
  } catch (thrown) {
    // if the pointer was moved after all, no reader may see the old generation go on
    if (is_projected && !(thrown instanceof Undecided)) await resumeConsumer(jsm, from.consumer)()
    throw thrown
  }
}
