/** Formats measurements as text for people. */

import type { LineResult, Ratio } from './measure/rounds.js'
import type { Run } from './measure/run.js'
import { formatTable } from './measure/table.js'

export type Session = {
  readonly title: string
  readonly settings: Readonly<Record<string, string | number>>
  readonly lines: readonly LineResult[]
  /** Texts that are shown below the table. */
  readonly notes?: readonly string[]
  /** Tables of a benchmark that measures something else than requests. */
  readonly tables?: readonly Table[]
  /** The figures behind the tables, for programs. */
  readonly figures?: readonly unknown[]
}

export type Table = { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }

const HEAD = ['', 'in flight', 'accepted/s', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'requests']

const whole = (value: number): string => Math.round(value).toLocaleString('en-US')

const latency = (value_ms: number | undefined): string => {
  if (value_ms === undefined) return '-'
  return value_ms < 10 ? value_ms.toFixed(2) : value_ms.toFixed(1)
}

const cpuNames = (lines: readonly LineResult[]): string[] =>
  Object.keys(lines.find(({ full }) => full !== undefined)?.full?.cpu ?? {})

const cells = (run: Run, in_flight: string, cpu_names: readonly string[]): string[] => [
  in_flight,
  whole(run.accepted_per_s),
  ...[run.p50_ms, run.p95_ms, run.p99_ms, run.max_ms].map(latency),
  whole(run.requests),
  ...cpu_names.map(name => run.cpu[name]?.toFixed(2) ?? '-'),
]

const speeds = (lines: readonly LineResult[]): string => {
  if (lines.length === 0) return ''
  const cpu_names = cpuNames(lines)
  const rows = lines.flatMap(({ name, in_flight, full, half }) => [
    ...(full === undefined ? [] : [[name, ...cells(full, String(in_flight), cpu_names)]]),
    ...(half === undefined ? [] : [['  at half of it', ...cells(half, 'paced', cpu_names)]]),
  ])
  return formatTable([...HEAD, ...cpu_names.map(name => `cpu ${name}`)], rows)
}

const goalOf = ({ goal, value }: Ratio): string[] =>
  goal === undefined ? ['', ''] : [goal.toFixed(2), value >= goal ? 'met' : 'missed']

const ratios = (lines: readonly LineResult[]): string => {
  const rows = lines.flatMap(({ name, ratios: of_line }) =>
    of_line.map(ratio => [`${name} / ${ratio.to.join(' or ')}`, ratio.value.toFixed(2), ...goalOf(ratio)]),
  )
  return rows.length === 0 ? '' : formatTable(['', 'ratio', 'goal', ''], rows)
}

const errorLines = (lines: readonly LineResult[]): string[] =>
  lines.flatMap(({ name, full, half }) =>
    [
      { speed: 'full speed', run: full },
      { speed: 'half speed', run: half },
    ].flatMap(({ speed, run }) => {
      const codes = Object.entries(run?.errors ?? {}).map(([code, times]) => `${code} ${whole(times)}`)
      return codes.length === 0 ? [] : [`errors of ${name} at ${speed}: ${codes.join(', ')}`]
    }),
  )

const unansweredLines = (lines: readonly LineResult[]): string[] =>
  lines.flatMap(({ name, unanswered }) =>
    unanswered ? [`${name}: NOT MEASURED, nobody answers this endpoint`] : [],
  )

/** Formats one session as text, with the settings first, so that no number is shown without them. */
export const formatSession = ({
  title,
  settings,
  lines,
  tables = [],
  notes: own_notes = [],
}: Session): string => {
  const stated = Object.entries(settings).map(([name, value]) => `${name} ${value}`)
  const notes = [...unansweredLines(lines), ...errorLines(lines), ...own_notes]
  const more = tables.map(({ head, rows }) => formatTable(head, rows))
  const of_lines = lines.length === 0 ? [] : [speeds(lines), ratios(lines)]
  return [`## ${title}`, stated.join(', '), ...of_lines, notes.join('\n'), ...more]
    .filter(part => part !== '')
    .join('\n\n')
}
