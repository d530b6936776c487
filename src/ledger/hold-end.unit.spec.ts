import { describe, expect, it } from 'vitest'
import type { Amount } from './amount.js'
import type { LedgerEvent } from './event-body.js'
import { endOfHold } from './hold-end.js'

const EXPIRES_AT = '2026-11-28T10:00:00.000Z'
const AT = '2026-11-27T10:00:00.000Z'
const HOLD = { id: 'h', amount: 100n as Amount, expires_ms: Date.parse(EXPIRES_AT) }

const capture = (amount: number, final?: boolean, hold = 'h'): LedgerEvent => ({
  ...{ type: 'debit', transaction_id: `capture-${amount}`, hold },
  amount: BigInt(amount) as Amount,
  ...(final === undefined ? {} : { final }),
})
const release = (amount?: number): LedgerEvent => ({
  ...{ type: 'release', transaction_id: 'release', hold: 'h' },
  ...(amount === undefined ? {} : { amount: BigInt(amount) as Amount }),
})
const endAfter = (...events: readonly LedgerEvent[]) =>
  endOfHold(
    HOLD,
    events.map(event => ({ event, at: AT })),
  )

describe('the end of a hold', () => {
  it.each([
    ['a capture', [capture(30)], 'capture-30'],
    ['parts that take all of it', [capture(30, false), capture(70, false)], 'capture-70'],
    ['a capture of what a release left', [release(40), capture(60, false)], 'capture-60'],
  ])('is %s', (_, events, ended_by) => {
    expect(endAfter(...events)).toEqual({ hold_was: 'captured', ended_by, ended_at: AT })
  })

  it.each([
    ['a release', [release()]],
    ['a release of what is left', [capture(30, false), release(70)]],
    ['a release before anything else that names it', [release(), capture(1)]],
  ])('is %s', (_, events) => {
    expect(endAfter(...events)).toEqual({ hold_was: 'released', ended_by: 'release', ended_at: AT })
  })

  it('is its time, as the sweeper records it', () => {
    const expiry: LedgerEvent = { type: 'release', hold: 'h', expired: true }
    expect(endAfter(capture(30, false), expiry)).toEqual({ hold_was: 'expired', ended_at: EXPIRES_AT })
  })

  it.each([
    ['nothing', []],
    ['events that do not name it', [{ type: 'credit', amount: 5n as Amount }, capture(100, true, 'other')]],
    ['a part', [capture(30, false), release(69)]],
  ] satisfies [string, LedgerEvent[]][])('is not told by %s', (_, events) => {
    expect(endAfter(...events)).toBeUndefined()
  })
})
