/**
 * A given-when-then helper for tests of `decide`: given balances, when a command comes, then these events or a refusal.
 *
 *     given({ alice: 100 }).when(debit('alice', 30)).gives('debit alice 30 -> 70')
 *     given({ alice: 100 }).when(debit('alice', 130)).refused('INSUFFICIENT_FUNDS alice: 130 against 100')
 */

import { expect } from 'vitest'
import { E } from '../../fp.js'
import { type Account, OPENING } from '../account.js'
import type { AccountId } from '../account-id.js'
import type { Command, Movement, Transfer } from '../command.js'
import { decide, type Leg, type Refusal } from '../decide.js'
import { amount, clientId } from './arbitrary.js'

export type Balances = Readonly<Record<string, number | bigint>>

const movement =
  (type: Movement['type']) =>
  (id: string, n: number | bigint, transaction_id = 't'): Movement => ({
    type,
    client_id: clientId(id),
    amount: amount(n),
    transaction_id,
  })

export const credit = movement('credit')
export const debit = movement('debit')

export const transfer = (from: string, to: string, n: number | bigint, transaction_id = 't'): Transfer => ({
  type: 'transfer',
  from: clientId(from),
  to: clientId(to),
  amount: amount(n),
  transaction_id,
})

/** An account whose version is 1: one credit made its balance. */
export const accountWith = (balance: number | bigint): Account => ({
  balance: BigInt(balance),
  version: 1,
  seq: 1,
})

/** An event and the account after it in one line. */
export const lineOf = ({ id, event, after }: Pick<Leg, 'id' | 'event' | 'after'>): string =>
  `${event.type} ${id} ${event.amount} -> ${after.balance}`

export const refusalLine = ({ code, client_id, amount: asked, balance }: Refusal): string =>
  `${code} ${client_id}: ${asked} against ${balance}`

export const given = (balances: Balances) => {
  const accountOf = (id: AccountId): Account =>
    Object.hasOwn(balances, id) ? accountWith(balances[id] ?? 0) : OPENING
  return {
    when: (command: Command) => {
      const decision = decide(command, accountOf)
      return {
        gives: (...lines: string[]) =>
          expect(E.isRight(decision) ? decision.right.map(lineOf) : decision.left).toEqual(lines),
        refused: (line: string) =>
          expect(E.isLeft(decision) ? refusalLine(decision.left) : decision).toBe(line),
      }
    },
  }
}
