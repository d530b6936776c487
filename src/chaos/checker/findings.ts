/** What one check found: how many cases it looked at, and which of them break its promise. */

import type { CheckResult, Violation } from './report.js'

/** Where a violation is proved. */
type Proof = { readonly ops?: readonly number[]; readonly seqs?: readonly number[] }

export type Finding = { readonly result: CheckResult; readonly violations: readonly Violation[] }

export type Findings = {
  /** Something was looked at. */
  readonly look: () => void
  readonly violate: (text: string, proof: Proof) => void
  readonly finding: () => Finding
}

/** So many violations of one check are shown; the others are counted. */
const SHOWN_MAX = 50

export const createFindings = (name: string, promise: string): Findings => {
  let [cases, count] = [0, 0]
  const violations: Violation[] = []
  return {
    look: () => {
      cases += 1
    },
    violate: (text, { ops = [], seqs = [] }) => {
      count += 1
      if (violations.length < SHOWN_MAX) violations.push({ check: name, text, ops, seqs })
    },
    finding: () => ({ result: { name, promise, cases, violations: count }, violations }),
  }
}
