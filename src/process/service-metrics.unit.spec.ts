import { expect, it } from 'vitest'
import { numbersIn } from './service-metrics.js'

it('the numbers of an endpoint are found wherever they are in its data, and nothing else', () => {
  const data = { lag: { events: 3, ms: 0.5, at: '2026' }, hot_customers: 7, list: [1], on: true, none: null }
  expect(numbersIn(data)).toEqual([
    ['lag.events', 3],
    ['lag.ms', 0.5],
    ['hot_customers', 7],
    ['list.0', 1],
  ])
  expect(numbersIn(undefined)).toEqual([])
  expect(numbersIn({ ratio: Number.NaN })).toEqual([])
})
