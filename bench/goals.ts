/**
 * Compares lines with each other, and with the goals: each goal is a ratio of two lines of one run, or a limit on one line.
 */

import type { Run } from './measure/run.js'
import type { Table } from './report.js'

type Ratio = {
  readonly kind: 'ratio'
  readonly of: string
  readonly to: string
  readonly at_least: number
}

export type Goal =
  /** The rate of one line to that of another. */
  | Ratio
  /** The 99th percentile of one line to that of another. */
  | { readonly kind: 'p99'; readonly of: string; readonly to: string; readonly at_most: number }
  /** The rate of a line to a rate that was measured on another day, of a program that is not here. */
  | {
      readonly kind: 'noted'
      readonly of: string
      readonly to: string
      readonly per_s: number
      readonly at_least: number
    }
  /** The most refusals of a line. */
  | { readonly kind: 'refusals'; readonly of: string; readonly at_most: number }
  /** The longest time of an accepted command of a line. */
  | { readonly kind: 'max'; readonly of: string; readonly at_most_ms: number }

/** The measured value of a goal, and whether it holds; undefined when a line that it needs was not measured. */
export type Judgement = { readonly measured: number; readonly holds: boolean }

type Runs = ReadonlyMap<string, Pick<Run, 'accepted_per_s' | 'p99_ms' | 'max_ms' | 'errors'>>

const atLeast = (measured: number, least: number): Judgement => ({ measured, holds: measured >= least })
const atMost = (measured: number, most: number): Judgement => ({ measured, holds: measured <= most })

const refusedOf = (errors: Run['errors']): number => Object.values(errors).reduce((sum, n) => sum + n, 0)

const divide = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined || b === 0 ? undefined : a / b

const judgeRatio = ({ of, to, at_least }: Ratio, runs: Runs): Judgement | undefined => {
  const value = divide(runs.get(of)?.accepted_per_s, runs.get(to)?.accepted_per_s)
  return value === undefined ? undefined : atLeast(value, at_least)
}

/** Judges one goal. A line that accepted nothing misses every goal but that on its refusals. */
export const judge = (goal: Goal, runs: Runs): Judgement | undefined => {
  const run = runs.get(goal.of)
  if (run === undefined) return undefined
  switch (goal.kind) {
    case 'ratio':
      return judgeRatio(goal, runs)
    case 'p99': {
      const value = divide(run.p99_ms ?? Number.POSITIVE_INFINITY, runs.get(goal.to)?.p99_ms)
      return value === undefined ? undefined : atMost(value, goal.at_most)
    }
    case 'noted':
      return atLeast(run.accepted_per_s / goal.per_s, goal.at_least)
    case 'refusals':
      return atMost(refusedOf(run.errors), goal.at_most)
    case 'max':
      return atMost(run.max_ms ?? Number.POSITIVE_INFINITY, goal.at_most_ms)
  }
}

const whole = (value: number): string => Math.round(value).toLocaleString('en-US')

const textOf = (goal: Goal): string => {
  switch (goal.kind) {
    case 'ratio':
      return `${goal.of} / ${goal.to}`
    case 'p99':
      return `p99 of ${goal.of} / ${goal.to}`
    case 'noted':
      return `${goal.of} / ${goal.to} (noted: ${whole(goal.per_s)}/s)`
    case 'refusals':
      return `refusals of ${goal.of}`
    case 'max':
      return `longest of ${goal.of}, ms`
  }
}

const limitOf = (goal: Goal): string => {
  switch (goal.kind) {
    case 'ratio':
    case 'noted':
      return `>= ${goal.at_least.toFixed(2)}`
    case 'p99':
      return `<= ${goal.at_most.toFixed(2)}`
    case 'refusals':
      return `<= ${whole(goal.at_most)}`
    case 'max':
      return `<= ${whole(goal.at_most_ms)}`
  }
}

const isCount = ({ kind }: Goal): boolean => kind === 'refusals' || kind === 'max'

/** The goals whose lines were measured, in a table; undefined when there is none. */
export const goalTable = (goals: readonly Goal[], runs: Runs): Table | undefined => {
  const rows = goals.flatMap(goal => {
    const judgement = judge(goal, runs)
    if (judgement === undefined) return []
    const { measured, holds } = judgement
    return [
      [
        textOf(goal),
        limitOf(goal),
        isCount(goal) ? whole(measured) : measured.toFixed(2),
        holds ? 'yes' : 'no',
      ],
    ]
  })
  return rows.length === 0 ? undefined : { head: ['goal', '', 'measured', 'holds'], rows }
}
