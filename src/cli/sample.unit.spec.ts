import { expect, it } from 'vitest'
import { sampleRows } from './sample.js'

const take = (options: { customers: number; seed: number }, length: number): string[] => {
  const nextRow = sampleRows(options)
  return Array.from({ length }, () => nextRow().json)
}

it('a sample is the same for the same seed, goes on where a shorter one ends, and has commands of every kind', () => {
  const rows = take({ customers: 20, seed: 5 }, 500)
  expect(take({ customers: 20, seed: 5 }, 100)).toEqual(rows.slice(0, 100))
  for (const type of ['credit', 'debit', 'transfer'])
    expect(rows.filter(row => row.includes(`"type":"${type}"`)).length).toBeGreaterThan(20)
  expect(take({ customers: 1, seed: 5 }, 50).join()).not.toContain('transfer')
})

it('two samples that differ share no transaction id: one id never has two contents', () => {
  const samples = [
    { customers: 20, seed: 5 },
    { customers: 20, seed: 6 },
    { customers: 21, seed: 5 },
  ].map(options =>
    take(options, 50).map(row => (JSON.parse(row) as { transaction_id: string }).transaction_id),
  )
  expect(new Set(samples.flat()).size).toBe(150)
})
