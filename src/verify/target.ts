/**
 * Which tables are compared: of every projection the active generation, or the one that was asked for.
 */

import { pipe, TE } from '../fp.js'
import { tryStream } from '../stream/errors.js'
import { readPointer } from '../stream/generation.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { tableExists } from '../tables/provision.js'
import type { Run, VerifyDeps } from './deps.js'
import { CannotVerify, persist } from './problem.js'

export const PROJECTIONS = ['balances', 'journal', 'totals', 'ranking'] as const
export type Projection = (typeof PROJECTIONS)[number]

export type Target = {
  readonly projection: Projection
  readonly generation: number
  readonly table: string
  readonly consumer: string
}

export type Targets = {
  readonly found: readonly Target[]
  /** Projections that nobody has ever run here, and those that are left out. */
  readonly skipped: readonly { readonly projection: Projection; readonly reason: string }[]
}

const active = async ({ jsm, signal }: Run, projection: Projection): Promise<number> =>
  (await persist(readPointer(jsm, projection), signal)).generation

const targetOf = (base: string, projection: Projection, generation: number): Target => {
  const first = generation === 1
  return {
    projection,
    generation,
    table: `${base}${projection === 'balances' ? '' : `-${projection}`}${first ? '' : `.g${generation}`}`,
    consumer: `${projection}${first ? '' : `-g${generation}`}`,
  }
}

const hasConsumer = (jsm: VerifyDeps['jsm'], name: string) =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name)),
    TE.map(() => true),
    TE.orElse(error => (error.tag === 'NotFound' ? TE.right(false) : TE.left(error))),
  )

/**
 * Finds the tables of `wanted`. One that is missing although its consumer is there (or the other way round) is no
 * projection that was never run: it cannot be verified.
 */
export const findTargets = async (
  run: Run,
  wanted: readonly Projection[],
  generation: number | undefined,
): Promise<Targets> => {
  const found: Target[] = []
  const skipped: { projection: Projection; reason: string }[] = []
  for (const projection of PROJECTIONS) {
    if (!wanted.includes(projection)) {
      skipped.push({ projection, reason: 'not in JETLEDGER_PROJECTIONS' })
      continue
    }
    const target = targetOf(run.table, projection, generation ?? (await active(run, projection)))
    const { table, consumer } = target
    const has_table = await persist(tableExists(run.tables, table), run.signal)
    const has_consumer = await persist(hasConsumer(run.jsm, consumer), run.signal)
    if (has_table && has_consumer) found.push(target)
    else if (has_table)
      throw new CannotVerify(`table ${table} is there, but nobody fills it: no consumer ${consumer}`)
    else if (has_consumer)
      throw new CannotVerify(`consumer ${consumer} is there, but its table ${table} is not`)
    else skipped.push({ projection, reason: `there is neither table ${table} nor consumer ${consumer}` })
  }
  if (found.length === 0) {
    const reasons = skipped.map(({ projection, reason }) => `${projection}: ${reason}`)
    throw new CannotVerify(`no projection is there: ${reasons.join('; ')}`)
  }
  return { found, skipped }
}
