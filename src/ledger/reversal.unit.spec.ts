import fc from 'fast-check'
import { expect, it } from 'vitest'
import { REVERSALS_MAX } from './event-body.js'
import { type Numbered, place, type Reversible } from './reversal.js'
import type { ReverseRequest } from './reverse-command.js'
import { amount, clientId } from './testing/arbitrary.js'

const original: Reversible = {
  ...{ transaction_id: 'pay-1', amount: amount(100), direction: 'credit' },
  client_id: clientId('678'),
}
const request = (id: string, part?: number): ReverseRequest => ({
  ...{ type: 'reverse', transaction_id: id, reverses: 'pay-1' },
  ...(part === undefined ? {} : { amount: amount(part) }),
})

/** What happens to one request: an event of somebody else may take its number, and the account may refuse it. */
type Step = {
  readonly id: string
  readonly part: number | undefined
  readonly fate: 'stored' | 'refused' | 'other'
}
const step: fc.Arbitrary<Step> = fc.record({
  id: fc.constantFrom(...'abcdefgh'),
  part: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
  fate: fc.constantFrom('stored', 'stored', 'refused', 'other'),
})

it('no row of requests takes more back than was moved, and an id has one number for ever', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const numbered: Numbered[] = []
      const numbers = new Map<string, number>()
      let left = 100n
      for (const { id, part, fate } of steps) {
        const placed = place(original, numbered, request(id, part))
        const known = numbers.get(id)
        if (known !== undefined) {
          expect(placed).toMatchObject({
            tag: 'known',
            reversal: { transaction_id: `pay-1:reversal:${known}` },
          })
          continue
        }
        if (placed.tag !== 'new') {
          expect(placed).toMatchObject({
            code: left === 0n ? 'ALREADY_REVERSED' : 'REVERSAL_EXCEEDED',
            ...(left === 0n ? {} : { remaining: left }),
          })
          expect(left === 0n || BigInt(part ?? 0) > left).toBe(true)
          continue
        }
        const number = numbered.length + 1
        expect(placed.reversal).toMatchObject({
          transaction_id: `pay-1:reversal:${number}`,
          reversal_id: id,
          amount: part === undefined ? left : BigInt(part),
        })
        const { amount: taken } = placed.reversal
        if (fate === 'other') {
          numbered.push({ number, amount: 0n, asked: undefined, reversal_id: undefined })
          continue
        }
        numbers.set(id, number)
        if (fate === 'stored') left -= taken
        numbered.push({ number, amount: fate === 'stored' ? taken : 0n, asked: taken, reversal_id: id })
        expect(left).toBeGreaterThanOrEqual(0n)
      }
    }),
  )
})

it('a transaction has so many numbers and no more', () => {
  const last = (number: number): readonly Numbered[] => [
    { number, amount: 1n, asked: amount(1), reversal_id: 'before' },
  ]
  expect(place(original, last(REVERSALS_MAX - 1), request('r')).tag).toBe('new')
  expect(place(original, last(REVERSALS_MAX), request('r'))).toMatchObject({ code: 'LIMIT_REACHED' })
})
