/** A report as text for a person. */

import type { CheckResult, Gap, KindSummary, Report, Violation } from './report.js'

const SHOWN_MAX = 20
const PROOF_MAX = 8

const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
  return rows.map(line).join('\n')
}

const checkRow = ({ name, promise, cases, violations }: CheckResult): string => {
  const verdict = violations > 0 ? `BROKEN ${violations} TIMES` : cases === 0 ? 'NOT SEEN' : 'holds'
  return `  ${name.padEnd(16)} ${verdict.padEnd(16)} ${String(cases).padStart(9)} cases   ${promise}`
}

const kindRow = ({ kind, calls, succeeded, refused, unknown, ...times }: KindSummary): string[] => [
  ...[kind, String(calls), String(succeeded), String(refused), String(unknown)],
  ...[times.p50_ms, times.p99_ms, times.max_ms].map(ms => ms.toFixed(1)),
]

const listed = (name: string, numbers: readonly number[]): string => {
  const more = numbers.length > PROOF_MAX ? ', ...' : ''
  return numbers.length === 0 ? '' : `  ${name} ${numbers.slice(0, PROOF_MAX).join(', ')}${more}`
}

const violationText = ({ check, text, ops, seqs }: Violation): string =>
  `  ${check}: ${text}${listed('calls', ops)}${listed('events', seqs)}`

const gapText = ({ of, ms }: Gap): string => `longest time without a ${of}: ${(ms / 1_000).toFixed(1)} s`

/** The whole report, a verdict at its end. */
export const reportText = ({
  is_good,
  checks,
  violations,
  kinds,
  gaps,
  events,
  customers,
  problems,
}: Report): string => {
  const head = ['', 'calls', 'done', 'refused', 'unknown', 'p50 ms', 'p99 ms', 'max ms']
  const shown = violations.slice(0, SHOWN_MAX).map(violationText)
  const more = violations.length - shown.length
  const broken = checks.filter(({ violations: count }) => count > 0).length
  return [
    `${events} events of ${customers} customers`,
    table([head, ...kinds.map(kindRow)]),
    ...gaps.map(gapText),
    '',
    ...checks.map(checkRow),
    ...(shown.length > 0 ? ['', ...shown, ...(more > 0 ? [`  and ${more} more`] : [])] : []),
    ...problems.slice(0, SHOWN_MAX).map(problem => `  not checked: ${problem}`),
    '',
    is_good ? 'every promise that was checked holds' : `${broken} promises are broken`,
  ].join('\n')
}
