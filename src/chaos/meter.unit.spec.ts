import { beforeEach, expect, it } from 'vitest'
import type { Kind } from './history.js'
import { createMeter, type Meter } from './meter.js'

let now_ms: number
let meter: Meter
let op: number
beforeEach(() => {
  ;[now_ms, op] = [1_000, 0]
  meter = createMeter(() => now_ms * 1_000)
})

const call = (kind: Kind): number => {
  op += 1
  const at_us = now_ms * 1_000
  meter.hear({ tag: 'call', op, at_us, client: 0, via: 'a', kind, subject: '', headers: {}, body: '' })
  return op
}
const answer = (kind: Kind, headers: Readonly<Record<string, string>> = {}): void =>
  meter.hear({ tag: 'answer', op: call(kind), at_us: now_ms * 1_000, headers, body: '{}' })

it('gives the longest time without a credit and without a read, each by itself', () => {
  answer('credit')
  answer('balance')
  now_ms = 3_000
  answer('balance')
  now_ms = 5_500
  answer('credit')
  now_ms = 5_600
  answer('balance')
  expect(meter.turn()).toEqual({ credit_ms: 4_500, read_ms: 2_600 })
  now_ms = 5_700
  answer('credit')
  expect(meter.turn()).toEqual({ credit_ms: 200, read_ms: 100 })
})

it('counts what lasts on for the stretch that ends and for the next one', () => {
  now_ms = 4_000
  expect(meter.turn().credit_ms).toBe(3_000)
  now_ms = 6_000
  expect(meter.turn().credit_ms).toBe(5_000)
})

it('counts errors and silence as no success, and other kinds as neither credit nor read', () => {
  now_ms = 2_000
  answer('credit', { 'Nats-Service-Error': 'UNAVAILABLE' })
  answer('debit')
  meter.hear({ tag: 'failure', op: call('credit'), at_us: now_ms * 1_000, reason: 'timeout', message: '' })
  expect(meter.moment()).toEqual({ done: 1, failed: 2, since_credit_ms: 1_000 })
  expect(meter.moment()).toEqual({ done: 0, failed: 0, since_credit_ms: 1_000 })
  expect(meter.turn().credit_ms).toBe(1_000)
})
