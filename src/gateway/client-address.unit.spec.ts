import { expect, it } from 'vitest'
import { clientAddress } from './client-address.js'

it.each<[string | undefined, number, string]>([
  ['203.0.113.9', 0, '10.0.0.1'],
  [undefined, 1, '10.0.0.1'],
  ['203.0.113.9', 1, '203.0.113.9'],
  ['1.1.1.1, 203.0.113.9', 1, '203.0.113.9'],
  ['1.1.1.1, 203.0.113.9 , 10.9.9.9', 2, '203.0.113.9'],
  ['203.0.113.9:4711', 1, '203.0.113.9'],
  ['2001:db8::7', 1, '2001:db8::7'],
  ['[2001:db8::7]:443', 1, '2001:db8::7'],
  ['[2001:db8::7]', 1, '2001:db8::7'],
  // fewer entries than balancers, and what is no address: the balancers are not as configured
  ['203.0.113.9', 2, '10.0.0.1'],
  ['unknown', 1, '10.0.0.1'],
  ['', 1, '10.0.0.1'],
  ['1.1.1.1,', 1, '10.0.0.1'],
])('the address in %j behind %d balancers is %s', (forwarded, hops, address) => {
  expect(clientAddress('10.0.0.1', forwarded, hops)).toBe(address)
})
