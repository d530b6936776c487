import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Command, decodeCommand, decodeFields } from './command.js'
import { almost } from './testing/arbitrary.js'

const FIELDS = [
  'client_id',
  'from',
  'to',
  'amount',
  'transaction_id',
  'reference',
  'metadata',
  'type',
  'colour',
]
const ids = ['a', 'b', 'x'.repeat(64), 'x'.repeat(65), 'a.b', '']
const VALUES = {
  client_id: ids,
  from: ids,
  to: ids,
  amount: [1, 40, '40', '9223372036854775808', 2 ** 53, 0, 1.5],
  transaction_id: ['t', 't:credit', 'x'.repeat(128), 'x'.repeat(129), 'a b', null],
  reference: ['r', 'x'.repeat(257), 5],
  metadata: [{ a: 1 }, { a: 'x'.repeat(2_048) }, [], null],
  type: ['credit'],
}

it.each<Command['type']>(['credit', 'debit', 'transfer'])(
  'a %s is what the codec makes of it, for usual fields as for all that is nearly right',
  type => {
    const usual = ['amount', ...(type === 'transfer' ? ['from', 'to'] : ['client_id'])]
    const name = fc.oneof(fc.constantFrom(...usual), fc.constantFrom(...FIELDS))
    fc.assert(
      fc.property(almost(name, VALUES), fields => {
        expect(decodeCommand(type, fields, 'fresh')).toStrictEqual(decodeFields(type, fields, 'fresh'))
      }),
      { numRuns: 2_000 },
    )
  },
)

it('a reference with half a surrogate pair is refused: no table can keep it', () => {
  const command = (reference: string) =>
    decodeCommand('credit', { client_id: 'a', amount: 1, reference }, 'fresh')
  expect(command('half a pair: \ud83d')).toMatchObject({ _tag: 'Left' })
  expect(command('a whole one: 😀')).toMatchObject({ _tag: 'Right' })
})
