/** Compares the ledger's table with a fold of the stream that shares no code with the projection. */

import { expect } from 'vitest'
import type { VerifyDeps } from '../../src/verify/deps.js'
import { type Report, verify } from '../../src/verify/verify.js'

const OPTIONS = { totals: true, timeout_ms: 20_000, differences_max: 20 }

/** Waits until the projection has handled everything in the stream at the time of the call, then compares its table. */
export const expectVerified = async (deps: VerifyDeps): Promise<Report> => {
  const report = await verify(deps, OPTIONS, () => undefined, new AbortController().signal)
  expect(report.differences).toEqual([])
  expect(report).toMatchObject({ differences_count: 0, not_compared: [], sums_compared: true })
  expect(report.sums_doubt).toBeUndefined()
  return report
}
