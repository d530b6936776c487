/**
 * Finds the tables to compare: for every projection the active generation, or the generation that was asked for.
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
import { PROJECTIONS, type Projection, type Target, targetOf } from './target.js'
import { lastSeq } from './wait.js'

export type Wanted = {
  readonly projections: readonly Projection[]
  /** The generation to compare; undefined for the active one of each projection. */
  readonly generation: number | undefined
  readonly timeout_ms: number
}

export type Targets = {
  readonly found: readonly Target[]
  /** The projections that were never run here, and the projections that the options leave out. */
  readonly skipped: readonly { readonly projection: Projection; readonly reason: string }[]
}

const activeGeneration = async ({ jsm, signal }: Run, projection: Projection): Promise<number> =>
  (await persist(readPointer(jsm, projection), signal)).generation

const hasConsumer = (jsm: VerifyDeps['jsm'], name: string) =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name)),
    TE.map(() => true),
    TE.orElse(error => (error.tag === 'NotFound' ? TE.right(false) : TE.left(error))),
  )

const POLL = { first_ms: 200, max_ms: 200 }
/** Shorter than the time-out, so that a wrong DDB_TABLE is reported soon. */
const HALF_THERE_MS_MAX = 5_000

/**
 * Finds a projection's table and consumer, and whether they exist. For a moment there is one without the other when a
 * projector starts, or a replay flips. So it looks again, for 5 s at the most; after that it throws `CannotVerify`.
 */
const findTarget = async (
  run: Run,
  projection: Projection,
  { generation, timeout_ms }: Wanted,
): Promise<Target & { readonly is_there: boolean }> => {
  const patience_ms = Math.min(timeout_ms, HALF_THERE_MS_MAX)
  const until_ms = performance.now() + patience_ms
  for (;;) {
    const target = targetOf(
      run.base_table,
      projection,
      generation ?? (await activeGeneration(run, projection)),
    )
    const { table, consumer } = target
    const has_table = await persist(tableExists(run.tables, table), run.signal)
    const has_consumer = await persist(hasConsumer(run.jsm, consumer), run.signal)
    if (has_table === has_consumer) return { ...target, is_there: has_table }
    if (run.signal.aborted || performance.now() > until_ms)
      throw new CannotVerify(
        has_table
          ? `table ${table} is there, but nobody fills it: no consumer ${consumer} after ${patience_ms} ms`
          : `consumer ${consumer} is there, but its table ${table} is not, after ${patience_ms} ms`,
      )
    run.onProgress('waiting', 0, await lastSeq(run))
    await pause(POLL, 1, run.signal)
  }
}

/**
 * Finds the tables of the wanted projections, and waits until each table may be compared. A projection with neither
 * table nor consumer was never run, and is skipped. Throws `CannotVerify` for a table without its consumer, for a
 * consumer without its table, and when no projection is there at all.
 */
export const findTargets = async (run: Run, wanted: Wanted): Promise<Targets> => {
  const found: Target[] = []
  const skipped: { projection: Projection; reason: string }[] = []
  for (const projection of PROJECTIONS) {
    if (!wanted.projections.includes(projection)) {
      skipped.push({ projection, reason: 'not in JETLEDGER_PROJECTIONS' })
      continue
    }
    const { is_there, ...target } = await findTarget(run, projection, wanted)
    if (is_there) {
      await waitForIdentity(run, target, wanted.timeout_ms)
      found.push(target)
    } else
      skipped.push({
        projection,
        reason: `there is neither table ${target.table} nor consumer ${target.consumer}`,
      })
  }
  if (found.length === 0) {
    const reasons = skipped.map(({ projection, reason }) => `${projection}: ${reason}`)
    throw new CannotVerify(`no projection is there: ${reasons.join('; ')}`)
  }
  return { found, skipped }
}
