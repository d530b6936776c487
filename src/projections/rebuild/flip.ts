/**
 * Makes another generation of a projection the active one, so that no reader ever sees a balance go back.
 *
 * The active generation is held still by the server (its consumer is paused) and everything that was delivered to it is
 * waited for; the other one is brought to exactly the same event. Then both tables say the same, and while readers
 * follow the pointer one after the other, it does not matter which they read. Only when all have followed does the new
 * generation go on (docs/adr/0016). A crash on the way leaves a pause that ends by itself.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { E, run } from '../../fp.js'
import { LEASE_MS } from '../../generations/follow.js'
import { type Pointer, type PointerEntry, setPointer } from '../../generations/pointer.js'
import { decodeEvent } from '../../ledger/event.js'
import {
  consumerProgress,
  dropConsumer,
  makeConsumer,
  pauseConsumer,
  resumeConsumer,
} from '../../stream/consumer.js'
import { leadershipOf } from '../../stream/leadership.js'
import { nextProved } from '../../stream/read.js'
import { LEDGER_SUBJECTS } from '../../stream/settings.js'
import { isFirstLeg } from '../fold-run.js'
import type { Target } from '../target.js'
import type { Filler } from './fill.js'

/** How long the active generation may stand still at the most: then it goes on, whatever became of us. */
const PAUSE_MS = 30_000
const STILL_WITHIN_MS = 10_000
const POLL_MS = 20
/** Longer than any reader trusts what it knows of the pointer. */
const FOLLOW_MS = LEASE_MS + 500

/**
 * Waits until the consumer has acknowledged `seq`, as long as it gets on; whether it has. One that stands still nobody
 * projects; one that is missing never gets there.
 */
const reaches = async ({ jsm, consumer }: Target, seq: number): Promise<boolean> => {
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

/** The last event that is written when `acked_seq` is acknowledged: the second side of a transfer goes with the first. */
const writtenUpTo = async (target: Target, acked_seq: number): Promise<number> => {
  if (acked_seq === 0) return 0
  const { decode = decodeEvent } = target
  const last = await run(nextProved(target, LEDGER_SUBJECTS, acked_seq))
  if (last?.seq !== acked_seq) return acked_seq
  const decoded = decode(last.body)
  if (decoded.tag !== 'event' || !isFirstLeg(decoded.event)) return acked_seq
  const second = await run(nextProved(target, LEDGER_SUBJECTS, acked_seq + 1))
  return second?.seq === acked_seq + 1 ? second.seq : acked_seq
}

/** A moment by the clock of the stream's servers, which keep to it: this machine's may be wrong. */
const inServersTime = async ({ nc }: Target, from_now_ms: number): Promise<Date> => {
  const { server_time } = await run(leadershipOf(nc).prove())
  return new Date(server_time.getTime() + from_now_ms)
}

/** Holds the active generation still; where it stands. */
const holdStill = async (target: Target): Promise<number> => {
  const { jsm, consumer } = target
  await run(pauseConsumer(jsm, consumer, await inServersTime(target, PAUSE_MS)))
  for (const until_ms = performance.now() + STILL_WITHIN_MS; performance.now() < until_ms; ) {
    const { acked_seq, unacked } = await run(consumerProgress(jsm, consumer))
    if (unacked === 0) return writtenUpTo(target, acked_seq)
    await sleep(POLL_MS)
  }
  throw new Error(`consumer ${consumer} did not come to rest: its instance does not finish what it has taken`)
}

export type Flip = {
  readonly from: Target
  readonly to: Target
  readonly filler: Filler
  /** The pointer as it was read before; it must be the same still. */
  readonly entry: PointerEntry
}

/**
 * Flips from one generation to the other; the new pointer. Throws `Failed` (`Conflict`: somebody else
 * flipped first), and the old generation goes on.
 */
export const flip = async ({ from, to, filler, entry }: Flip): Promise<PointerEntry> => {
  const { jsm, kv, projection, log } = from
  const projected = await reaches(from, filler.position())
  if (!projected) log.warn({ projection: projection.name }, 'the active generation is not being projected')
  try {
    if (projected) await filler.to(Math.max(await holdStill(from), filler.position()))
    // one of an earlier time would begin at a place of its own
    await run(dropConsumer(to.nc, to.consumer))
    const not_before = await inServersTime(to, FOLLOW_MS)
    await run(makeConsumer(jsm, to.consumer, { seq: filler.position() + 1, not_before }))
    const pointer: Pointer = { generation: to.generation, previous: from.generation }
    const revision = await run(setPointer(kv, projection.name, pointer, entry.revision))
    log.info(
      { projection: projection.name, ...pointer, seq: filler.position() },
      'another generation is active',
    )
    await sleep(FOLLOW_MS)
    return { ...pointer, revision }
  } catch (thrown) {
    if (projected) await resumeConsumer(jsm, from.consumer)()
    throw thrown
  }
}
