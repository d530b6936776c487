import { expect, it } from 'vitest'
import { countResults } from './commands.js'
import { CUSTOMERS, customer, ninetyTen, pair } from './customers.js'

const randoms = (...values: readonly number[]) => {
  let next = 0
  return () => values[next++ % values.length] ?? 0
}

it('a bulk reply counts each command by itself', () => {
  const results = [
    { balance: 1 },
    { error: { code: 'CONFLICT' } },
    { balance: 2 },
    { error: { code: 'CONFLICT' } },
    { error: { code: 'INSUFFICIENT_FUNDS' } },
  ]
  expect(countResults(JSON.stringify({ results }))).toEqual({
    accepted: 2,
    errors: { CONFLICT: 2, INSUFFICIENT_FUNDS: 1 },
  })
})

it('a bulk reply that holds no results accepts nothing', () => {
  expect(countResults('{}')).toEqual({ accepted: 0, errors: { NO_RESULTS: 1 } })
})

it('a transfer is between two different customers, whatever the random numbers', () => {
  for (const first of [0, 0.5, 0.99999999])
    for (const second of [0, 0.5, 0.99999999]) {
      const [from, to] = pair(randoms(first, second))
      expect(from).not.toBe(to)
    }
})

it('90/10 takes the busy tenth for 90 % of the commands and the others for the rest', () => {
  expect(ninetyTen(randoms(0.89, 0.99999999))).toBe(customer(CUSTOMERS / 10 - 1))
  expect(ninetyTen(randoms(0.91, 0))).toBe(customer(CUSTOMERS / 10))
  expect(ninetyTen(randoms(0.91, 0.99999999))).toBe(customer(CUSTOMERS - 1))
})
