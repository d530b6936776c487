/** Collects what one check finds: the number of cases it looked at, and the cases that break its promise. */

import type { CheckResult, Violation } from './report.js'

/** The calls and the stream entries that prove a violation. */
type Proof = { readonly ops?: readonly number[]; readonly seqs?: readonly number[] }

export type Finding = { readonly result: CheckResult; readonly violations: readonly Violation[] }

export type Findings = {
  /** Counts one case that was looked at. */
  readonly look: () => void
  readonly violate: (text: string, proof: Proof) => void
  readonly finding: () => Finding
}

/** The largest number of violations of one check that are shown; further ones are only counted. */
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
