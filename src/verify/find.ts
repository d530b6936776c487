/**
 * Finds the table to compare: that of the active generation, or of the generation that was asked for.
 */

import { pause } from '../back-off.js'
import { pipe, TE } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { tryStream } from '../stream/errors.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { tableExists } from '../tables/provision.js'
import type { Run, VerifyDeps } from './deps.js'
import { waitForIdentity } from './identity.js'
import { CannotVerify, persist } from './problem.js'
import { PROJECTION, type Target, targetOf } from './target.js'
import { lastSeq } from './wait.js'

type Wanted = {
  /** The generation to compare; undefined for the active one. */
  readonly generation?: number | undefined
  readonly timeout_ms: number
}

const activeGeneration = async ({ jsm, signal }: Run): Promise<number> =>
  (await persist(readPointer(jsm, PROJECTION), signal)).generation

const hasConsumer = (jsm: VerifyDeps['jsm'], name: string) =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name)),
    TE.map(() => true),
    TE.orElse(error => (error.tag === 'NotFound' ? TE.right(false) : TE.left(error))),
  )

const POLL = { first_ms: 200, max_ms: 200 }
/** Shorter than the time-out, so that a wrong DDB_TABLE is reported soon. */
const HALF_THERE_MS_MAX = 5_000

const problemOf = ({ table, consumer }: Target, has_table: boolean, patience_ms: number): string =>
  has_table
    ? `table ${table} is there, but nobody fills it: no consumer ${consumer} after ${patience_ms} ms`
    : `consumer ${consumer} is there, but its table ${table} is not, after ${patience_ms} ms`

/**
 * Finds the table and its consumer, and waits until the table may be compared. For a moment there is one without the
 * other when a projector starts, or a replay flips. So it looks again, for 5 s at the most. Throws `CannotVerify` when
 * one of the two is still missing after that, and when there is neither.
 */
export const findTarget = async (run: Run, { generation, timeout_ms }: Wanted): Promise<Target> => {
  const patience_ms = Math.min(timeout_ms, HALF_THERE_MS_MAX)
  const until_ms = performance.now() + patience_ms
  for (;;) {
    const target = targetOf(run.base_table, generation ?? (await activeGeneration(run)))
    const { table, consumer } = target
    const has_table = await persist(tableExists(run.tables, table), run.signal)
    const has_consumer = await persist(hasConsumer(run.jsm, consumer), run.signal)
    if (has_table && has_consumer) {
      await waitForIdentity(run, target, timeout_ms)
      return target
    }
    if (!has_table && !has_consumer)
      throw new CannotVerify(
        `there is neither table ${table} nor consumer ${consumer}: no projection was run here`,
      )
    if (run.signal.aborted || performance.now() > until_ms)
      throw new CannotVerify(problemOf(target, has_table, patience_ms))
    run.onProgress('waiting', 0, await lastSeq(run))
    await pause(POLL, 1, run.signal)
  }
}
