/**
 * Events of accounts with holds and limits, as the command side writes them. They are made by the law itself, so that each
 * counts, and states what its account has afterwards.
 */

import { E } from '../../src/fp.js'
import type { Account } from '../../src/ledger/account.js'
import { apply } from '../../src/ledger/apply.js'
import type { ClientId } from '../../src/ledger/client-id.js'
import type { LedgerEvent } from '../../src/ledger/event.js'
import { encodeEvent } from '../../src/ledger/event.js'
import { decodeFields2 } from '../../src/ledger/event-body-2.js'
import { BALANCE_PREFIX, customer } from './customers.js'

const NEW: Account = { balance: 0n, version: 0, seq: 0 }
const HOLD_MS = 7 * 24 * 3_600_000

type Fields = Readonly<Record<string, string | number | boolean>>

const iso = (ms: number): string => new Date(ms).toISOString()

/** What happens to each customer, again and again; afterwards the account is a plain one. `n` is the number of the turn. */
const TURN: readonly ((n: number, now_ms: number) => Fields)[] = [
  () => ({ type: 'credit', amount: 1_000 }),
  (n, now_ms) => ({ type: 'hold', amount: 300, transaction_id: `a-${n}`, expires_at: iso(now_ms + HOLD_MS) }),
  () => ({ type: 'debit', amount: 50 }),
  n => ({ type: 'debit', amount: 120, hold: `a-${n}`, final: false }),
  (n, now_ms) => ({ type: 'hold', amount: 100, transaction_id: `b-${n}`, expires_at: iso(now_ms + HOLD_MS) }),
  n => ({ type: 'release', hold: `b-${n}` }),
  n => ({ type: 'debit', amount: 100, hold: `a-${n}`, final: true }),
  () => ({ type: 'limit', limit: 500 }),
  () => ({ type: 'credit', amount: 10 }),
  () => ({ type: 'limit', limit: 0 }),
]

const eventOf = (fields: Fields): LedgerEvent => {
  const decoded = decodeFields2({ schema: 2, ...fields })
  if (E.isLeft(decoded)) throw new Error(`an event of the benchmark is malformed: ${decoded.left}`)
  return decoded.right
}

export type AccountEvents = {
  /** The next event, at this time: the customers take turns. */
  readonly next: (now_ms: number) => { readonly subject: string; readonly body: string }
}

export const createAccountEvents = (customers: number): AccountEvents => {
  const accounts: Account[] = Array.from({ length: customers }, () => NEW)
  let index = 0
  return {
    next: now_ms => {
      const [who, nth] = [index % customers, Math.floor(index / customers)]
      const before = accounts[who] ?? NEW
      const fields = TURN[nth % TURN.length]?.(Math.floor(nth / TURN.length), now_ms) ?? {}
      const event = eventOf({ transaction_id: `t-${index}`, ...fields })
      if (before.rules !== undefined || event.type === 'hold') event.at_ms = now_ms
      index += 1
      const applied = apply(before, event, { seq: index, at: new Date(now_ms) })
      if (E.isLeft(applied)) throw new Error(`an event of the benchmark is refused: ${applied.left.code}`)
      accounts[who] = applied.right
      event.after = applied.right
      return { subject: BALANCE_PREFIX + customer(who), body: encodeEvent(event, customer(who) as ClientId) }
    },
  }
}
