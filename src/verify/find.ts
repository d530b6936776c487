/**
 * Which tables are compared: of every projection the active generation, or the one that was asked for.
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
  /** Undefined: of each projection the active one. */
  readonly generation: number | undefined
  readonly timeout_ms: number
}

export type Targets = {
  readonly found: readonly Target[]
  /** Projections that nobody has ever run here, and those that are left out. */
  readonly skipped: readonly { readonly projection: Projection; readonly reason: string }[]
}

const active = async ({ jsm, signal }: Run, projection: Projection): Promise<number> =>
  (await persist(readPointer(jsm, projection), signal)).generation

const hasConsumer = (jsm: VerifyDeps['jsm'], name: string) =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name)),
    TE.map(() => true),
    TE.orElse(error => (error.tag === 'NotFound' ? TE.right(false) : TE.left(error))),
  )

const POLL = { first_ms: 200, max_ms: 200 }
/** Not the whole time-out: who asks for the wrong DDB_TABLE wants to know. */
const HALF_THERE_MS_MAX = 5_000

/**
 * Where a projection has its table and its consumer, and whether they are there. One without the other is what a
 * projector has for a moment when it starts, and a replay when it flips: that is looked at again, for 5 s at the most.
 */
const find = async (
  run: Run,
  projection: Projection,
  { generation, timeout_ms }: Wanted,
): Promise<Target & { readonly is_there: boolean }> => {
  const patience_ms = Math.min(timeout_ms, HALF_THERE_MS_MAX)
  const until_ms = performance.now() + patience_ms
  for (;;) {
    const target = targetOf(run.table, projection, generation ?? (await active(run, projection)))
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
 * Finds the tables of what is wanted. One that is missing although its consumer is there (or the other way round) is no
 * projection that was never run: it cannot be verified.
 */
export const findTargets = async (run: Run, wanted: Wanted): Promise<Targets> => {
  const found: Target[] = []
  const skipped: { projection: Projection; reason: string }[] = []
  for (const projection of PROJECTIONS) {
    if (!wanted.projections.includes(projection)) {
      skipped.push({ projection, reason: 'not in JETLEDGER_PROJECTIONS' })
      continue
    }
    const { is_there, ...target } = await find(run, projection, wanted)
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
