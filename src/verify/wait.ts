/**
 * Waits until the projection has handled a sequence, because only then does its table have to hold it.
 */

import { pause } from '../back-off.js'
import { E, pipe, TE } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'
import { EVERY_PARKED, getText, listKeys } from '../stream/config-bucket.js'
import { ackedSeqOf } from '../stream/consumer.js'
import { tryStream } from '../stream/errors.js'
import { leadershipOf } from '../stream/leadership.js'
import { openBucket } from '../stream/provision.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import type { Run } from './deps.js'
import { CannotVerify, persist } from './problem.js'
import type { Target } from './target.js'

const POLL = { first_ms: 100, max_ms: 100 }

/** The sequence up to which the projection has acknowledged everything. */
export const ackedSeq = async ({ jsm, signal }: Run, { consumer }: Target): Promise<number> => {
  const info = pipe(
    tryStream(`consumer ${consumer}`, () => jsm.consumers.info(LEDGER_STREAM, consumer)),
    // a projector that begins its table again makes its consumer anew, so for a moment there is none
    TE.mapLeft(error => (error.tag === 'NotFound' ? { ...error, tag: 'TryAgain' as const } : error)),
  )
  return ackedSeqOf(await persist(info, signal))
}

/** The stream's last sequence, from a proved leader. Throws `CannotVerify`. */
export const lastSeq = async ({ nc, signal }: Pick<Run, 'nc' | 'signal'>): Promise<number> =>
  (await persist(leadershipOf(nc).prove(), signal)).last_seq

/** The largest number of parked customers whose notes are read. */
const PARKED_MAX = 10_000

/**
 * Whether a projector is still folding customers again after a decision about them. It does so beside its other work,
 * and writes a note of it before it acknowledges the decision.
 */
const isTakingUp = async ({ nc }: Run): Promise<boolean> => {
  const kv = await openBucket(nc)()
  const keys = await listKeys(nc, EVERY_PARKED, PARKED_MAX)()
  // when the notes cannot be read, there is no wait: the comparison of the tables shows what is missing
  if (E.isLeft(kv) || E.isLeft(keys)) return false
  for (const key of keys.right) {
    const text = await getText(kv.right, key)()
    const note = readJson(E.isRight(text) ? (text.right ?? '') : '')
    if (E.isRight(note) && isJsonObject(note.right) && note.right.decided === true) return true
  }
  return false
}

/** Waits until `seq` is acknowledged; throws `CannotVerify` when that takes longer than `timeout_ms`. */
export const waitFor = async (run: Run, target: Target, seq: number, timeout_ms: number): Promise<void> => {
  const until_ms = performance.now() + timeout_ms
  for (;;) {
    const acked = await ackedSeq(run, target)
    run.onProgress('waiting', Math.min(acked, seq), seq)
    const is_taking_up = acked >= seq && (await isTakingUp(run))
    if (acked >= seq && !is_taking_up) return
    if (is_taking_up && performance.now() > until_ms)
      throw new CannotVerify(`parked customers are still being folded again after ${timeout_ms} ms`)
    if (run.signal.aborted || performance.now() > until_ms)
      throw new CannotVerify(
        `the projection has handled ${acked} of ${seq} events after ${timeout_ms} ms: does it run?`,
      )
    await pause(POLL, 1, run.signal)
  }
}
