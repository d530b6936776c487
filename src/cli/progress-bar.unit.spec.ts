/** The line of a progress bar: its width, and a rate of what was done since it began. */

import { expect, it } from 'vitest'
import { progressLine } from './progress-bar.js'

const COLUMNS = 80
const ended = { before: 0, elapsed_ms: 10_000 }

it('has the rate of what was done since the bar began, and the time that this rate leaves', () => {
  expect(progressLine('folding', 'events', { done: 300, total: 1_000, before: 100, elapsed_ms: 2_000 })).toBe(
    'folding [######..............] 30 % 300/1000 events 100/s 7 s left',
  )
})

it('says no rate of work that was done before, or of the first moment', () => {
  const before_all = { done: 61_018, total: 61_018, before: 61_018, elapsed_ms: 5_000 }
  expect(progressLine('waiting', 'events', before_all)).toBe(
    'waiting [####################] 100 % 61018/61018 events',
  )
  expect(progressLine('folding', 'events', { done: 9, total: 10, before: 0, elapsed_ms: 1 })).not.toContain(
    '/s',
  )
  expect(progressLine('folding', 'events', { done: 0, total: 0, ...ended })).toContain('100 %')
})

it('fits 80 columns with the longest label and many events', () => {
  const line = progressLine('ledger: comparing', 'events', { done: 1_234_567, total: 9_999_999, ...ended })
  expect(line.length).toBeLessThan(COLUMNS + 10)
  const usual = progressLine('folding', 'events', { done: 10_000, total: 61_018, ...ended })
  expect(usual.length).toBeLessThan(COLUMNS)
})
