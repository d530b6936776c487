import { describe, expect, it } from 'vitest'
import { type ChaosReport, describeReport, isGood, type TurnReport } from './report.js'

const turn = (fault: string, credit_ms: number, problems: readonly string[] = []): TurnReport => ({
  ...{ fault, begin_ms: 0, for_ms: 1_000, well_after_ms: 400, credit_ms, read_ms: 20, problems },
  harmed_credit_ms: credit_ms / 2,
})

const report = (
  changes: Partial<ChaosReport> = {},
  check: Partial<ChaosReport['check']> = {},
): ChaosReport => ({
  seed: 7,
  duration_ms: 60_000,
  folder: '/run',
  planned: 3,
  turns: [turn('kill-leader', 900), turn('kill-leader', 12_300), turn('kill-leader', 1_000)],
  not_run: [],
  was_interrupted: false,
  check: {
    is_good: true,
    checks: [{ name: 'floor', promise: 'no balance is below zero', cases: 5, violations: 0 }],
    violations: [],
    kinds: [],
    events: 9,
    customers: 2,
    problems: [],
    ...check,
  },
  ...changes,
})

describe('the report of a chaos run', () => {
  it('has a line for each fault, with the median and the worst', () => {
    const text = describeReport(report())
    expect(text).toContain('seed 7: 3 of 3 faults; 9 events of 2 customers')
    expect(text).toMatch(/kill-leader +3 +500 ms +1000 ms +12\.3 s +20 ms +20 ms +400 ms/)
    expect(text).toMatch(/holds +no balance is below zero \(5 cases\)/)
    expect(text.endsWith('no violation')).toBe(true)
  })

  it('names what is broken, with its proof, and is not good', () => {
    const violation = { check: 'floor', text: 'a has -1', ops: [3], seqs: [4, 5] }
    const checks = [{ name: 'floor', promise: 'no balance is below zero', cases: 5, violations: 1 }]
    const broken = report({}, { is_good: false, checks, violations: [violation] })
    expect(isGood(broken)).toBe(false)
    const text = describeReport(broken)
    expect(text).toMatch(/BROKEN +no balance is below zero \(1 violations of 5\)/)
    expect(text).toContain('floor: a has -1 (calls 3; events 4, 5)')
    expect(text.endsWith('1 VIOLATIONS')).toBe(true)
  })

  it('is not good when something could not be done or checked, though nothing is broken', () => {
    const undone = report({ turns: [turn('kill-leader', 5, ['it did not come back'])] })
    expect(isGood(undone)).toBe(false)
    expect(describeReport(undone)).toContain('problem with kill-leader: it did not come back')
    expect(isGood(report({}, { is_good: false, problems: ['a table is missing'] }))).toBe(false)
  })

  it('says what did not happen, and why', () => {
    const cut = report({
      turns: [],
      was_interrupted: true,
      not_run: [{ fault: 'disk-full', why: 'no disk' }],
    })
    const text = describeReport(cut)
    expect(text).toContain('0 of 3 faults, then it was interrupted')
    expect(text).toContain('no fault happened')
    expect(text).toContain('disk-full: not tried, because no disk')
  })
})
