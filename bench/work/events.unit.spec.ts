import { expect, it } from 'vitest'
import { eventAt } from './events.js'

it.each([1, 2, 1_000, 7_919, 10_000])('the events of %i customers claim what they come to', customers => {
  const balances = new Map<string, { balance: number; version: number }>()
  for (let index = 0; index < 2 * customers; index += 1) {
    const { subject, body } = eventAt(index, customers)
    const { balance, version } = balances.get(subject) ?? { balance: 0, version: 0 }
    const after = { balance: balance + 100, version: version + 1 }
    expect(JSON.parse(body)).toMatchObject({ type: 'credit', amount: 100, after })
    balances.set(subject, after)
  }
  expect(balances.size).toBe(customers)
})
