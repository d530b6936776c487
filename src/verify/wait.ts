/**
 * Waits until the projections have handled a sequence: only then do their tables have to hold it.
 */

import { pause } from '../back-off.js'
import { tryStream } from '../stream/errors.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import type { Run } from './deps.js'
import { CannotVerify, persist } from './problem.js'
import type { Target } from './target.js'

const POLL = { first_ms: 100, max_ms: 100 }

/** The sequence up to which a projection has acknowledged everything. */
export const ackedSeq = async ({ jsm, signal }: Run, { consumer }: Target): Promise<number> =>
  (
    await persist(
      tryStream(`consumer ${consumer}`, () => jsm.consumers.info(LEDGER_STREAM, consumer)),
      signal,
    )
  ).ack_floor.stream_seq

/** The stream's last sequence, as its leader has it. */
export const lastSeq = async ({ jsm, signal }: Run): Promise<number> =>
  (
    await persist(
      tryStream(LEDGER_STREAM, () => jsm.streams.info(LEDGER_STREAM)),
      signal,
    )
  ).state.last_seq

/** Waits until every target has acknowledged `seq`; throws `CannotVerify` when that takes longer than `timeout_ms`. */
export const waitFor = async (
  run: Run,
  targets: readonly Target[],
  seq: number,
  timeout_ms: number,
): Promise<void> => {
  const until_ms = performance.now() + timeout_ms
  for (;;) {
    const acked = await Promise.all(targets.map(target => ackedSeq(run, target)))
    const slowest = Math.min(...acked)
    run.onProgress('waiting', Math.min(slowest, seq), seq)
    if (slowest >= seq) return
    if (run.signal.aborted || performance.now() > until_ms) {
      const { projection } = targets[acked.indexOf(slowest)] ?? { projection: '' }
      throw new CannotVerify(
        `projection ${projection} has handled ${slowest} of ${seq} events after ${timeout_ms} ms: does it run?`,
      )
    }
    await pause(POLL, 1, run.signal)
  }
}
