/** Defines the report of a chaos run, and formats it as text. */

import type { Report } from './checker/report.js'
import type { Gaps } from './meter.js'

/** The report on one fault that happened. */
export type TurnReport = Gaps & {
  readonly fault: string
  readonly begin_ms: number
  readonly for_ms: number
  /** The longest time without a credit until the healing; `credit_ms` counts until all is well. */
  readonly harmed_credit_ms: number
  /** The time from the healing until every server and instance was well. */
  readonly well_after_ms: number
  /** One text for each action that failed, or condition that did not come true in time. */
  readonly problems: readonly string[]
}

export type ChaosReport = {
  readonly seed: number
  readonly duration_ms: number
  /** The folder of the history, the logs and the schedule. */
  readonly folder: string
  readonly planned: number
  readonly turns: readonly TurnReport[]
  readonly not_run: readonly { readonly fault: string; readonly why: string }[]
  readonly was_interrupted: boolean
  readonly check: Report
}

const VIOLATIONS_SHOWN = 20
const OPS_SHOWN = 10

/** True when no promise was broken and everything could be checked. */
export const isGood = ({ check, turns }: ChaosReport): boolean =>
  check.is_good && turns.every(({ problems }) => problems.length === 0)

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)] ?? 0

/** Formats columns as wide as their widest cell: the first one aligned left, the others right. */
const table = (rows: readonly (readonly string[])[]): string[] => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(row => row[i]?.length ?? 0)))
  return rows.map(row =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

const ms = (value: number): string =>
  value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`

const faultLines = ({ turns }: ChaosReport): string[] => {
  const names = [...new Set(turns.map(({ fault }) => fault))].toSorted()
  const rows = names.map(name => {
    const own = turns.filter(({ fault }) => fault === name)
    const credits = own.map(({ credit_ms }) => credit_ms)
    const reads = own.map(({ read_ms }) => read_ms)
    const well = own.map(({ well_after_ms }) => well_after_ms)
    return [
      name,
      String(own.length),
      ms(median(own.map(({ harmed_credit_ms }) => harmed_credit_ms))),
      ms(median(credits)),
      ms(Math.max(...credits)),
      ms(median(reads)),
      ms(Math.max(...reads)),
      ms(median(well)),
    ]
  })
  const head = [
    'fault',
    'times',
    'no credit until healed',
    'no credit until well',
    '(worst)',
    'no read for',
    '(worst)',
    'well again after',
  ]
  return rows.length === 0 ? ['no fault happened'] : table([head, ...rows])
}

const kindLines = ({ check: { kinds } }: ChaosReport): string[] =>
  table([
    ['calls', 'sent', 'done', 'refused', 'unknown', 'p50', 'p99', 'longest'],
    ...kinds.map(({ kind, calls, succeeded, refused, unknown, p50_ms, p99_ms, max_ms }) => [
      kind,
      ...[calls, succeeded, refused, unknown].map(String),
      ...[p50_ms, p99_ms, max_ms].map(ms),
    ]),
  ])

const checkLines = ({ check: { checks } }: ChaosReport): string[] =>
  checks.map(({ promise, cases, violations }) => {
    const verdict = violations > 0 ? 'BROKEN' : cases === 0 ? 'not tried' : 'holds'
    const count = violations > 0 ? `${violations} violations of ${cases}` : `${cases} cases`
    return `${verdict.padEnd(10)} ${promise} (${count})`
  })

const violationLines = ({ check: { violations } }: ChaosReport): string[] => [
  ...violations.slice(0, VIOLATIONS_SHOWN).map(({ check, text, ops, seqs }) => {
    const proof = [
      ...(ops.length === 0 ? [] : [`calls ${ops.slice(0, OPS_SHOWN).join(', ')}`]),
      ...(seqs.length === 0 ? [] : [`events ${seqs.slice(0, OPS_SHOWN).join(', ')}`]),
    ]
    return `  ${check}: ${text}${proof.length === 0 ? '' : ` (${proof.join('; ')})`}`
  }),
  ...(violations.length > VIOLATIONS_SHOWN ? ['  (the others are in report.json)'] : []),
]

const verdictLine = (report: ChaosReport): string => {
  const broken = report.check.checks.reduce((sum, { violations }) => sum + violations, 0)
  if (broken > 0) return `${broken} VIOLATIONS`
  return isGood(report)
    ? 'no violation'
    : 'no violation was found, but NOT EVERYTHING could be done or checked'
}

/** Formats the report as text. */
export const describeReport = (report: ChaosReport): string => {
  const { seed, planned, turns, not_run, was_interrupted, check } = report
  const happened = `${turns.length} of ${planned} faults${was_interrupted ? ', then it was interrupted' : ''}`
  return [
    `seed ${seed}: ${happened}; ${check.events} events of ${check.customers} customers`,
    '',
    ...faultLines(report),
    ...not_run.map(({ fault, why }) => `${fault}: not tried, because ${why}`),
    '',
    ...kindLines(report),
    '',
    ...checkLines(report),
    ...violationLines(report),
    ...turns.flatMap(({ fault, problems }) => problems.map(problem => `problem with ${fault}: ${problem}`)),
    ...check.problems.map(problem => `problem: ${problem}`),
    '',
    verdictLine(report),
  ].join('\n')
}
