import { expect, it } from 'vitest'
import { metrics } from '../metrics.js'
import { createViolations } from './violations.js'

const of = (subject: string) => ({ operation: 'publish' as const, subject, message: 'no' })

it('logs each subject once a minute, with the times since, and counts every one', async () => {
  const lines: unknown[] = []
  let now_ms = 0
  const note = createViolations(
    { error: (fields: unknown) => void lines.push(fields) } as never,
    () => now_ms,
  )
  for (const [at_ms, subject] of [
    [0, 'a'],
    [1, 'a'],
    [2, 'b'],
    [59_999, 'a'],
    [60_000, 'a'],
    [60_001, 'a'],
  ] as const) {
    now_ms = at_ms
    note(of(subject))
  }
  const shown = { metric: 'permission_violation', operation: 'publish', reason: 'no' }
  expect(lines).toMatchObject([
    { ...shown, subject: 'a', times: 1 },
    { ...shown, subject: 'b', times: 1 },
    { ...shown, subject: 'a', times: 3 },
  ])
  expect(await metrics.text()).toContain('jetledger_permission_violations_total{operation="publish"} 6')
})
