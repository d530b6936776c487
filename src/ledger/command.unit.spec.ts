import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { decodeCommand, decodeFields, type PlainCommand } from './command.js'
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
  metadata: [{ a: 1 }, { a: 'x'.repeat(2_048) }, { a: ['\ud800'] }, [], null],
  type: ['credit'],
}

it.each<PlainCommand['type']>(['credit', 'debit', 'transfer'])(
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

describe('the fields of a command', () => {
  const credit = (json: string) => decodeCommand('credit', JSON.parse(json), 'fresh')
  const said = (json: string): string => {
    const command = credit(json)
    return E.isLeft(command) ? command.left : 'a command'
  }

  it.each(['transactionId', 'refrence', 'type', 'from', 'schema', 'constructor', 'prototype', '__proto__'])(
    'do not include %s, which is refused by its name',
    name => {
      const text = `{"client_id":"a","amount":1,"${name}":{"transaction_id":"x\\ny"}}`
      expect(said(text)).toBe(`${name}: is no field of this request`)
      expect(said(text.replace('}}', '},"reference":5}'))).toMatch(
        /^reference: .*; \w+: is no field of this request$/,
      )
    },
  )

  it('are kept as they are within metadata, whatever their names', () => {
    const metadata = '{"__proto__":{"amount":5},"constructor":{"prototype":1},"a":[{"__proto__":null}]}'
    const command = credit(`{"client_id":"a","amount":1,"metadata":${metadata}}`)
    if (E.isLeft(command)) throw new Error(command.left)
    expect(JSON.stringify(command.right.metadata)).toBe(metadata)
    expect(command.right.amount).toBe(1n)
  })

  it.each([
    '{"\\ud800":1}',
    '{"a":"\\udfff"}',
    '{"a":[{"b":["half: \\ud83d"]}]}',
    `{"a":${'['.repeat(40)}${']'.repeat(40)}}`,
    `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    `{"a":[${Array.from({ length: 200 }, () => '1e20').join(',')}]}`,
    `{${Array.from({ length: 17 }, (_, i) => `"k${i}":1`).join(',')}}`,
  ])('do not include metadata that no table could keep, such as %.40s', metadata => {
    expect(said(`{"client_id":"a","amount":1,"metadata":${metadata}}`)).toMatch(
      /^metadata: must be an object of/,
    )
  })
})
