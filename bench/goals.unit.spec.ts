import { expect, it } from 'vitest'
import { type Goal, goalTable, judge } from './goals.js'

const run = (accepted_per_s: number, change = {}) => ({
  accepted_per_s,
  p99_ms: 10,
  max_ms: 100,
  errors: {},
  ...change,
})

const RUNS = new Map([
  ['base', run(1_000)],
  ['fast', run(1_500)],
  ['slow', run(500, { p99_ms: 25, max_ms: 1_001, errors: { BUSY: 2, CONFLICT: 1 } })],
  ['dead', run(0, { p99_ms: undefined, max_ms: undefined, errors: { UNAVAILABLE: 7 } })],
])

it.each<[Goal, number, boolean]>([
  [{ kind: 'ratio', of: 'fast', to: 'base', at_least: 1.5 }, 1.5, true],
  [{ kind: 'ratio', of: 'slow', to: 'base', at_least: 0.6 }, 0.5, false],
  [{ kind: 'ratio', of: 'dead', to: 'base', at_least: 0.1 }, 0, false],
  [{ kind: 'p99', of: 'fast', to: 'base', at_most: 1 }, 1, true],
  [{ kind: 'p99', of: 'slow', to: 'base', at_most: 2 }, 2.5, false],
  [{ kind: 'p99', of: 'dead', to: 'base', at_most: 2 }, Number.POSITIVE_INFINITY, false],
  [{ kind: 'noted', of: 'fast', to: 'elsewhere', per_s: 1_000, at_least: 1.2 }, 1.5, true],
  [{ kind: 'refusals', of: 'fast', at_most: 0 }, 0, true],
  [{ kind: 'refusals', of: 'slow', at_most: 0 }, 3, false],
  [{ kind: 'max', of: 'fast', at_most_ms: 100 }, 100, true],
  [{ kind: 'max', of: 'slow', at_most_ms: 1_000 }, 1_001, false],
  [{ kind: 'max', of: 'dead', at_most_ms: 1_000 }, Number.POSITIVE_INFINITY, false],
])('%j comes to %d: %s', (goal, measured, holds) => {
  expect(judge(goal, RUNS)).toEqual({ measured, holds })
})

it('a goal without one of its lines is not judged, and neither is one whose baseline did nothing', () => {
  expect(judge({ kind: 'ratio', of: 'fast', to: 'absent', at_least: 1 }, RUNS)).toBeUndefined()
  expect(judge({ kind: 'ratio', of: 'absent', to: 'fast', at_least: 1 }, RUNS)).toBeUndefined()
  expect(judge({ kind: 'ratio', of: 'fast', to: 'dead', at_least: 1 }, RUNS)).toBeUndefined()
  expect(judge({ kind: 'p99', of: 'fast', to: 'dead', at_most: 1 }, RUNS)).toBeUndefined()
  expect(goalTable([{ kind: 'refusals', of: 'absent', at_most: 0 }], RUNS)).toBeUndefined()
})

it('the table says the goal, its limit, what was measured and whether it holds', () => {
  const goals: Goal[] = [
    { kind: 'ratio', of: 'slow', to: 'base', at_least: 0.6 },
    { kind: 'noted', of: 'fast', to: 'elsewhere', per_s: 4_800, at_least: 1.2 },
    { kind: 'max', of: 'slow', at_most_ms: 1_000 },
    { kind: 'ratio', of: 'fast', to: 'absent', at_least: 1 },
  ]
  expect(goalTable(goals, RUNS)?.rows).toEqual([
    ['slow / base', '>= 0.60', '0.50', 'no'],
    ['fast / elsewhere (noted: 4,800/s)', '>= 1.20', '0.31', 'no'],
    ['longest of slow, ms', '<= 1,000', '1,001', 'no'],
  ])
})
