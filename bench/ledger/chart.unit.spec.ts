import { expect, it } from 'vitest'
import { chartOf } from './chart.js'
import { BASELINES, HTTP, NATS } from './lines.js'

it('draws a bar for each measured line, as long as its rate within its group', () => {
  const chart = chartOf(
    new Map<string, number>([
      [NATS.many, 4_000],
      [BASELINES.postgres, 2_000],
      [HTTP.batch, 90_000],
      [BASELINES.raw, 1],
    ]),
  )
  const widths = [...(chart ?? '').matchAll(/<rect class="(\w+)".* width="(\d+)"/g)].map(
    ([, kind, width]) => [kind, Number(width)],
  )
  expect(widths).toEqual([
    ['ledger', 490],
    ['baseline', 245],
    ['ledger', 490],
  ])
  expect(chart).toContain('>4,000/s</text>')
  expect(chart).not.toContain('Transfers')
})

it('is nothing when no line of it was measured', () => {
  expect(chartOf(new Map([[BASELINES.raw, 1]]))).toBeUndefined()
})
