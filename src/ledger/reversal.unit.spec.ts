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
const step = fc.record({
  id: fc.constantFrom(...'abcdefgh'),
  part: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
  fate: fc.constantFrom('stored', 'stored', 'refused', 'other'),
})

/** Has requests placed one after the other, and what happens to them stored; gives each with what was left before it. */
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

const placedInOrder = (steps: readonly Step[]) => {
  const numbered: Numbered[] = []
  let left = 100n
  return steps.map(({ id, part, fate }) => {
    const before = left
    const placed = place(original, numbered, request(id, part))
    if (placed.tag === 'new') {
      const { amount: asked } = placed.reversal
      const taken = fate === 'stored' && placed.reversal.remaining === undefined ? asked : 0n
      left -= taken
      numbered.push({
        ...{ number: numbered.length + 1, amount: taken, asked },
        reversal_id: fate === 'other' ? undefined : id,
      })
    }
    return { id, part, fate, left: before, placed, after: left }
  })
}

/** What is wrong with the amount of a placed request; undefined when nothing is. */
const faultOf = ({ placed, part, left }: ReturnType<typeof placedInOrder>[number]): string | undefined => {
  if (placed.tag === 'known') return undefined
  if (placed.tag === 'refused') return left === 0n ? undefined : 'refused while something is left'
  const { amount: asked, remaining } = placed.reversal
  if (asked !== (part === undefined ? left : BigInt(part))) return 'another amount than was asked for'
  return remaining === (asked > left ? left : undefined) ? undefined : 'wrong about what remains'
}

it('no row of requests takes more back than was moved', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const placed = placedInOrder(steps)
      expect(placed.filter(({ after }) => after < 0n)).toEqual([])
      expect(placed.flatMap(one => faultOf(one) ?? [])).toEqual([])
    }),
  )
})

it('a request has one number for ever, unless somebody else was faster', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const numbers = new Map<string, string>()
      let next = 1
      for (const { id, fate, placed } of placedInOrder(steps)) {
        if (placed.tag === 'refused') continue
        const { transaction_id } = placed.reversal
        expect(placed.tag).toBe(numbers.has(id) ? 'known' : 'new')
        expect(transaction_id).toBe(numbers.get(id) ?? `pay-1:reversal:${next}`)
        if (placed.tag === 'new') next += 1
        if (fate !== 'other') numbers.set(id, transaction_id)
      }
    }),
  )
})

it('a transaction has so many numbers and no more', () => {
  const last = (number: number): readonly Numbered[] => [
    { number, amount: 1n, asked: amount(1), reversal_id: 'before' },
  ]
  expect(place(original, last(1), request('r'))).toMatchObject({ tag: 'new', may_be_recorded: true })
  expect(place(original, last(REVERSALS_MAX - 1), request('r'))).toMatchObject({
    tag: 'new',
    may_be_recorded: false,
  })
  expect(place(original, last(REVERSALS_MAX), request('r'))).toMatchObject({ code: 'LIMIT_REACHED' })
})
