import { expect, it } from 'vitest'
import { E } from '../fp.js'
import { idempotencyKey } from './idempotency-key.js'

it.each<[string | undefined, string | undefined]>([
  [undefined, undefined],
  ['order-5512', 'order-5512'],
  ['"order-5512"', 'order-5512'],
  ['"a\\"b\\\\c"', 'a"b\\c'],
  ['"', '"'],
  ['a"b', 'a"b'],
])('the key %j is the transaction id %j', (header, key) => {
  expect(idempotencyKey(header === undefined ? {} : { 'idempotency-key': header }, 0)).toEqual(E.right(key))
})

it.each(['', '""', 'a b', 'é', 'x'.repeat(129), '"a" , "b"', 'a, b'])('the key %j is refused', header => {
  expect(idempotencyKey({ 'idempotency-key': header }, 0)).toMatchObject(
    E.left(expect.stringContaining('Idempotency-Key: must be 1 to 128')),
  )
})

it('is refused where the ids that are made of it would be longer than an id may be', () => {
  const keyOf = (chars: number, added: number) =>
    idempotencyKey({ 'idempotency-key': 'x'.repeat(chars) }, added)
  expect(keyOf(124, 4)).toEqual(E.right('x'.repeat(124)))
  expect(keyOf(125, 4)).toEqual(E.left(expect.stringContaining('Idempotency-Key: must be at most 124')))
})
