import { expect, it } from 'vitest'
import { foldEvents, type StoredEvent } from './independent-fold.js'

const events = (...bodies: readonly [id: string, body: string][]): StoredEvent[] =>
  bodies.map(([id, body], i) => ({
    seq: i + 1,
    subject: `customer.balance.${id}`,
    body: new TextEncoder().encode(body),
    msg_id: '',
  }))

it('credits add, debits subtract down to nothing, and what is not allowed has no effect', () => {
  const { balances, refused, parked } = foldEvents(
    events(
      ['a', '{"type":"credit","amount":100}'],
      ['a', '{"type":"debit","amount":101}'],
      ['a', '{"type":"debit","amount":"40","schema":1}'],
      ['a', '{"type":"declined","amount":5}'],
      ['a', '{"type":"credit","amount":"9223372036854775748"}'],
      ['a', '{"type":"debit","amount":60}'],
      ['a.b', '{"type":"credit","amount":1}'],
      ['b', '{"type":"credit","amount":1.5}'],
      ['b', 'not JSON'],
      ['b', '{"type":"credit","amount":"9223372036854775807"}'],
    ),
  )
  expect(Object.fromEntries(balances)).toEqual({ a: 0n, b: 9_223_372_036_854_775_807n })
  expect(Object.fromEntries(refused)).toEqual({
    2: 'INSUFFICIENT_FUNDS',
    5: 'BALANCE_LIMIT',
    7: 'MALFORMED',
    8: 'MALFORMED',
    9: 'MALFORMED',
  })
  expect([...parked]).toEqual([])
})

it('a customer stays where it was before its first event from the future', () => {
  const { balances, refused, parked } = foldEvents(
    events(
      ['a', '{"type":"credit","amount":1}'],
      ['a', '{"schema":2}'],
      ['a', '{"type":"credit","amount":1}'],
      ['a', 'not JSON'],
      ['b', '{"type":"credit","amount":1}'],
    ),
  )
  expect(Object.fromEntries(balances)).toEqual({ a: 1n, b: 1n })
  expect(refused.size).toBe(0)
  expect([...parked]).toEqual(['a'])
})
