/**
 * Tells what happens to one account, event by event, in the words of docs/adr/0051, for tests that read like documents:
 *
 *     const account = story()
 *     expect(account.tell(credit(100), hold('h1', 30))).toBe('balance 100, held 30')
 *     expect(account.tell(debit(71))).toBe('INSUFFICIENT_FUNDS')
 *
 * Each event is written as a body and read again. The naive model judges it too, and the story fails if the two disagree.
 */

import { expect } from 'vitest'
import { E } from '../../fp.js'
import { type Account, OPENING, type Rejection } from '../account.js'
import { apply } from '../apply.js'
import { decodeBody } from '../event.js'
import { rulesAt } from '../rules.js'
import type { Body } from './histories.js'
import { createModel } from './model.js'

const BEGIN_MS = Date.UTC(2026, 10, 27, 10)

/** The balance less what is held at a time, and the limit. */
export const availableAt = ({ balance, rules }: Account, now_ms: number): bigint => {
  if (rules === undefined) return balance
  const { held, limit: most } = rulesAt(rules, now_ms)
  return balance - held + most
}

/** The time that is `s` seconds after the beginning of a story. */
export const momentAt = (s: number): string => new Date(BEGIN_MS + s * 1_000).toISOString()

/** An event of a story; its schema is 2. */
export type Told = Omit<Body, 'schema'>

const HOLD_S = 600

export const credit = (amount: number | string): Told => ({ type: 'credit', amount })
export const debit = (amount: number | string): Told => ({ type: 'debit', amount })
export const hold = (id: string, amount: number | string, ends_s = HOLD_S): Told => ({
  ...{ type: 'hold', transaction_id: id, amount, expires_at: momentAt(ends_s) },
})
export const capture = (id: string, amount: number, final?: boolean): Told => ({
  ...{ type: 'debit', hold: id, amount },
  ...(final === undefined ? {} : { final }),
})
export const release = (id: string, amount?: number): Told => ({
  ...{ type: 'release', hold: id },
  ...(amount === undefined ? {} : { amount }),
})
export const expiry = (id: string): Told => ({ type: 'release', hold: id, expired: true })
export const limit = (most: number | string): Told => ({ type: 'limit', limit: most })
export const restrict = (state: string, until_s?: number): Told => ({
  ...{ type: 'state', state, reason: 'a reason' },
  ...(until_s === undefined ? {} : { until: momentAt(until_s) }),
})
export const declined = (): Told => ({ type: 'declined', amount: 1 })

/** The same event, which claims the time that is `s` seconds after the beginning. */
export const at = (s: number, told: Told): Told => ({ ...told, at: momentAt(s) })

export type Story = {
  /** Stores events one after the other. Returns the reason of the last refusal among them, or the account as text. */
  readonly tell: (...told: readonly Told[]) => string
  /** Moves the stream's clock to `s` seconds after the beginning; it may go back. */
  readonly clock: (s: number) => Story
  readonly account: () => Account
  /** What is available `s` seconds after the beginning. */
  readonly available: (s: number) => bigint
  /** The last refusal, without its code. */
  readonly refusal: () => Omit<Rejection, 'code'> | undefined
}

const textOf = ({ balance, rules }: Account): string =>
  rules === undefined || rules.held === 0n ? `balance ${balance}` : `balance ${balance}, held ${rules.held}`

/** Begins a story of an account that has no events yet. */
export const story = (): Story => {
  const model = createModel()
  let account = OPENING
  let refusal: Rejection | undefined
  let [seq, now_ms] = [0, BEGIN_MS]

  const take = (told: Told): Rejection | undefined => {
    const body: Body = { schema: 2, ...told }
    const decoded = decodeBody(new TextEncoder().encode(JSON.stringify(body)))
    if (decoded.tag !== 'event') throw new Error(`the story has an event that is ${decoded.tag}`)
    seq += 1
    const result = apply(account, decoded.event, { seq, at: new Date(now_ms) })
    expect(E.isLeft(result) ? result.left.code : 'applied').toBe(model.take(body, seq, now_ms))
    if (E.isLeft(result)) return result.left
    account = result.right
    return undefined
  }

  const self: Story = {
    tell: (...told) => {
      let last: Rejection | undefined
      for (const each of told) last = take(each) ?? last
      refusal = last ?? refusal
      return last?.code ?? textOf(account)
    },
    clock: s => {
      now_ms = BEGIN_MS + s * 1_000
      return self
    },
    account: () => account,
    available: s => availableAt(account, BEGIN_MS + s * 1_000),
    refusal: () => {
      if (refusal === undefined) return undefined
      const { code: _, ...details } = refusal
      return details
    },
  }
  return self
}
