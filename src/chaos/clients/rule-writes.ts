/**
 * Generates the clients' writes about holds, limits and restrictions. A client captures and releases its own latest holds, more
 * often than they have money, so that some are refused and some race.
 */

import { type AccountName, customerOf, namesOf } from './account.js'
import type { Customers } from './customers.js'
import { createRing } from './memory.js'
import type { Random } from './random.js'

/** A command without its reference and its id, which the caller adds. */
export type RuleWrite = {
  readonly type: 'hold' | 'capture' | 'release' | 'limit' | 'restrict'
  readonly fields: Readonly<Record<string, unknown>>
}

export type RuleWrites = {
  /** A hold whose transaction id is `id`. */
  readonly hold: (id: string) => RuleWrite
  readonly capture: () => RuleWrite
  readonly release: () => RuleWrite
  readonly limit: () => RuleWrite
  readonly restrict: (wall_ms: number) => RuleWrite
  /** Bodies of events of schema 2 that are published directly, each with its customer. */
  readonly heldEvent: (id: string, wall_ms: number) => RawEvent
  readonly captureEvent: () => RawEvent
}

type RawEvent = { readonly account: AccountName; readonly body: Readonly<Record<string, unknown>> }
type OwnHold = { readonly account: AccountName; readonly hold: string; readonly amount: number }

const AMOUNT_MAX = 10
/** Some holds expire while they are captured, and most of them never do in a run. */
const EXPIRES_IN_S = [2, 3_600, 3_600, 3_600]
const HOLDS_KEPT = 3
const LIMITS = [0, 0, 50, 200]
const STATES = ['active', 'active', 'active', 'no_debit', 'no_credit', 'frozen']
const REASON = 'a dispute'
const UNTIL_MS = 3_000
/** A client that has no hold yet names one that nobody made. */
const NO_HOLD: OwnHold = { account: 'busy-1', hold: 'never-made', amount: AMOUNT_MAX }

export const createRuleWrites = (random: Random, customers: Customers): RuleWrites => {
  const own = createRing<OwnHold>(HOLDS_KEPT)

  const newHold = (hold: string): OwnHold => {
    const made = { account: customers.pick(random), hold, amount: random.whole(1, AMOUNT_MAX) }
    own.add(made)
    return made
  }
  const anyHold = (): OwnHold => (own.all().length === 0 ? NO_HOLD : random.pick(own.all()))
  /** All of a hold, a part of it, or now and then more than it ever had. */
  const partOf = (amount: number): { readonly amount?: number } => {
    const choice = random.next()
    if (choice < 0.3) return {}
    return { amount: choice < 0.9 ? random.whole(1, amount) : amount + 1 }
  }

  const capture = (): RuleWrite => {
    const { account, hold, amount } = anyHold()
    const to = random.chance(0.3) ? { to: customerOf(customers.other(random, account)) } : {}
    const final = random.chance(0.3) ? {} : { final: false }
    return { type: 'capture', fields: { ...namesOf(account), hold, ...partOf(amount), ...final, ...to } }
  }

  return {
    hold: id => {
      const { account, amount } = newHold(id)
      return { type: 'hold', fields: { ...namesOf(account), amount, expires_in: random.pick(EXPIRES_IN_S) } }
    },
    capture,
    release: () => {
      const { account, hold, amount } = anyHold()
      return { type: 'release', fields: { ...namesOf(account), hold, ...partOf(amount) } }
    },
    limit: () => ({
      type: 'limit',
      fields: { client_id: customers.pickRuled(random), limit: random.pick(LIMITS) },
    }),
    restrict: wall_ms => {
      const state = random.pick(STATES)
      const until =
        state !== 'active' && random.chance(0.5) ? { until: new Date(wall_ms + UNTIL_MS).toISOString() } : {}
      return {
        type: 'restrict',
        fields: { client_id: customers.pickRuled(random), state, reason: REASON, ...until },
      }
    },
    heldEvent: (id, wall_ms) => {
      const { account, amount } = newHold(id)
      const expires_at = new Date(wall_ms + random.pick(EXPIRES_IN_S) * 1_000).toISOString()
      return { account, body: { schema: 2, type: 'hold', amount, transaction_id: id, expires_at } }
    },
    captureEvent: () => {
      const { account, hold, amount } = anyHold()
      return { account, body: { schema: 2, type: 'debit', amount: random.whole(1, amount), hold } }
    },
  }
}
