/** The ledger's tables against a fold of the stream that shares no code with what wrote them. */

import { expect } from 'vitest'
import type { VerifyDeps } from '../../src/verify/deps.js'
import { type Report, verify } from '../../src/verify/verify.js'

const OPTIONS = { totals: true, timeout_ms: 20_000, differences_max: 20 }

/** Waits until the projections have everything that the stream holds at the call, then compares all tables. */
export const expectVerified = async (deps: VerifyDeps): Promise<Report> => {
  const report = await verify(deps, OPTIONS, () => undefined, new AbortController().signal)
  expect(report.differences).toEqual([])
  expect(report).toMatchObject({ differences_count: 0, not_compared: [] })
  return report
}
