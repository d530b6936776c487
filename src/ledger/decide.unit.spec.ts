/** Tests every rule of `decide`: a command on given balances, and the events or the refusal that follow. */

import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { INT64_MAX } from './amount.js'
import { decide, declined } from './decide.js'
import { clientId } from './testing/arbitrary.js'
import { accountWith, credit, debit, given, transfer } from './testing/scenario.js'

describe('a credit', () => {
  it('adds to the balance', () =>
    given({ alice: 100 }).when(credit('alice', 30)).gives('credit alice 30 -> 130'))

  it('opens the account of a customer who has none', () =>
    given({}).when(credit('alice', 30)).gives('credit alice 30 -> 30'))

  it('may fill the account to the largest balance', () =>
    given({ alice: INT64_MAX - 1n })
      .when(credit('alice', 1))
      .gives(`credit alice 1 -> ${INT64_MAX}`))

  it('is refused where the balance would be larger than any account holds', () =>
    given({ alice: INT64_MAX })
      .when(credit('alice', 1))
      .refused(`BALANCE_LIMIT alice: 1 against ${INT64_MAX}`))
})

describe('a debit', () => {
  it('takes from the balance', () =>
    given({ alice: 100 }).when(debit('alice', 30)).gives('debit alice 30 -> 70'))

  it('may empty the account', () =>
    given({ alice: 100 }).when(debit('alice', 100)).gives('debit alice 100 -> 0'))

  it('is refused where the balance does not cover it', () =>
    given({ alice: 100 }).when(debit('alice', 101)).refused('INSUFFICIENT_FUNDS alice: 101 against 100'))

  it('is refused for a customer who has no account', () =>
    given({}).when(debit('alice', 1)).refused('INSUFFICIENT_FUNDS alice: 1 against 0'))
})

describe('a transfer', () => {
  it('is a debit and a credit, in this order', () =>
    given({ alice: 100, bob: 5 })
      .when(transfer('alice', 'bob', 30))
      .gives('debit alice 30 -> 70', 'credit bob 30 -> 35'))

  it('opens the account of its receiver', () =>
    given({ alice: 100 })
      .when(transfer('alice', 'bob', 30))
      .gives('debit alice 30 -> 70', 'credit bob 30 -> 30'))

  it('is refused whole where its sender does not have enough', () =>
    given({ alice: 10, bob: 5 })
      .when(transfer('alice', 'bob', 30))
      .refused('INSUFFICIENT_FUNDS alice: 30 against 10'))

  it('is refused whole where its receiver cannot hold more', () =>
    given({ alice: 100, bob: INT64_MAX })
      .when(transfer('alice', 'bob', 1))
      .refused(`BALANCE_LIMIT bob: 1 against ${INT64_MAX}`))

  it('has two ids: its own for the debit, and one that no caller can bring for the credit', () => {
    const decision = decide(transfer('alice', 'bob', 1, 'pay-1'), () => accountWith(10))
    const ids = E.isRight(decision) ? decision.right.map(({ event }) => event.transaction_id) : []
    expect(ids[0]).toBe('pay-1')
    expect(ids[1]).toMatch(/^pay-1.+/)
  })

  it('names the other side in both of its events', () => {
    const decision = decide(transfer('alice', 'bob', 1), () => accountWith(10))
    expect(E.isRight(decision) && decision.right.map(({ event }) => event.transfer?.counterparty)).toEqual([
      'bob',
      'alice',
    ])
  })
})

it('an event says what its writer believes the account to be afterwards', () => {
  const decision = decide(debit('alice', 30), () => ({ balance: 100n, version: 7, seq: 50 }))
  expect(E.isRight(decision) && decision.right[0]?.event.after).toMatchObject({ balance: 70n, version: 8 })
})

it('a recorded refusal moves nothing, and says which command was refused, for whom and why', () => {
  const refusal = {
    code: 'BALANCE_LIMIT',
    client_id: clientId('bob'),
    balance: INT64_MAX,
    amount: 1n,
  } as const
  expect(declined(transfer('alice', 'bob', 1, 'pay-1'), refusal, accountWith(5)).event).toMatchObject({
    type: 'declined',
    transaction_id: 'pay-1',
    transfer: { counterparty: 'bob' },
    declined: { command: 'transfer', code: 'BALANCE_LIMIT', client_id: 'bob', balance: INT64_MAX },
  })
})
