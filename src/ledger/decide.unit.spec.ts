/** Tests every rule of `decide`: a command on given balances, and the events or the refusal that follow. */

import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import type { Account } from './account.js'
import { INT64_MAX } from './amount.js'
import { type DirectCommand, decodeCommand } from './command.js'
import { decide, declined } from './decide.js'
import { NO_RULES } from './rules.js'
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

it('an event of an account with rules says when it was decided, also where nothing of them ends by itself', () => {
  const now = new Date('2026-11-27T10:00:00.000Z')
  const limited = { ...accountWith(10), rules: { ...NO_RULES, limit: 5n } }
  const decision = decide(debit('alice', 1), () => limited, now)
  expect(E.isRight(decision) && decision.right[0]?.event).toMatchObject({ at_ms: now.getTime() })
  const plain = decide(debit('alice', 1), () => accountWith(10), now)
  expect(E.isRight(plain) && plain.right[0]?.event.at_ms).toBeUndefined()
  const refusal = { code: 'INSUFFICIENT_FUNDS', client_id: clientId('alice'), balance: 10n } as const
  expect(declined(debit('alice', 99), refusal, limited, now).event).toMatchObject({ at_ms: now.getTime() })
})

it('a capture or release of all of a hold that is not open is refused for the restriction first, as one with an amount is', () => {
  const restriction = { state: 'closed', reason: 'moved' } as const
  const closed = { ...accountWith(0), rules: { ...NO_RULES, restriction } }
  const refusalOf = (type: 'capture' | 'release', account: Account, amount: object) => {
    const fields = { client_id: 'alice', hold: 'gone', transaction_id: 't-1', ...amount }
    const command = decodeCommand(type, fields, '')
    if (E.isLeft(command)) throw new Error(command.left)
    const decision = decide(command.right as DirectCommand, () => account, new Date())
    return E.isLeft(decision) ? decision.left : undefined
  }
  for (const type of ['capture', 'release'] as const) {
    for (const amount of [{}, { amount: 5 }])
      expect(refusalOf(type, closed, amount)).toMatchObject({ code: 'ACCOUNT_RESTRICTED', state: 'closed' })
    const open = refusalOf(type, accountWith(10), {})
    expect(open).toEqual({ code: 'HOLD_NOT_OPEN', client_id: 'alice', balance: 10n })
  }
})
