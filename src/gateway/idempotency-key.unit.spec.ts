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
  expect(idempotencyKey(header === undefined ? {} : { 'idempotency-key': header })).toEqual(E.right(key))
})

it.each(['', '""', 'a b', 'é', 'x'.repeat(129), '"a" , "b"', 'a, b'])('the key %j is refused', header => {
  expect(idempotencyKey({ 'idempotency-key': header })).toMatchObject(
    E.left(expect.stringContaining('Idempotency-Key: must be 1 to 128')),
  )
})
