/** Compares the ledger's tables with a fold of the stream that shares no code with the projections. */

import { expect } from 'vitest'
import { PROJECTION_NAMES, type ProjectionName } from '../../src/tables/definition.js'
import type { VerifyDeps } from '../../src/verify/deps.js'
import { type Report, verify } from '../../src/verify/verify.js'

const OPTIONS = { totals: true, timeout_ms: 20_000, differences_max: 20 }

/** Waits until `projections` have handled everything in the stream at the time of the call, then compares their tables. */
export const expectVerified = async (
  deps: VerifyDeps,
  projections: readonly ProjectionName[] = PROJECTION_NAMES,
): Promise<Report> => {
  const options = { ...OPTIONS, projections }
  const report = await verify(deps, options, () => undefined, new AbortController().signal)
  expect(report.differences).toEqual([])
  expect(report).toMatchObject({ differences_count: 0, not_compared: [] })
  expect(report.tables.map(({ projection }) => projection).toSorted()).toEqual(projections.toSorted())
  return report
}
