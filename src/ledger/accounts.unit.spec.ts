import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import type { Account, EventPlace, Rejection } from './account.js'
import { apply } from './apply.js'
import { isPlain, type LedgerEvent } from './event.js'
import type { Debit, MoneyEvent } from './event-body.js'
import { type Customer, NEW_CUSTOMER, step } from './fold.js'
import { type AccountRules, rulesAt } from './rules.js'
import { readRules, rulesDigest, rulesText } from './rules-text.js'
import { clientId } from './testing/arbitrary.js'
import { arbitraryHistory, arbitrarySteadyHistory, type Message } from './testing/histories.js'
import { createModel, type Seen } from './testing/model.js'
import { decodePlain, encodePlain } from './testing/plain.js'
import { availableAt } from './testing/story.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** An event of a history, and the account before and after it; a refused event has no account after it. */
type Judged = {
  readonly message: Message
  readonly event: LedgerEvent
  readonly before: Account
  readonly result: E.Either<Rejection, Account>
}

/** The messages of customer a that hold an event. A message that this program cannot read is left out. */
const eventsOf = (history: readonly Message[]): readonly (Message & { readonly event: LedgerEvent })[] =>
  history.flatMap(message => {
    const decoded = message.id === 'a' ? decodePlain(bytes(message.text)) : undefined
    return decoded?.tag === 'event' ? [{ ...message, event: decoded.event }] : []
  })

/** Folds a history by the law, event by event. */
const foldOf = (history: readonly Message[]): readonly Judged[] => {
  let before = NEW_CUSTOMER.account
  return eventsOf(history).map(({ event, ...message }) => {
    const result = apply(before, event, message)
    const judged = { message, event, before, result }
    if (E.isRight(result)) before = result.right
    return judged
  })
}

/** Histories that all tests below share, because to make and to fold them takes longer than to look at them. */
const HISTORIES = fc.sample(arbitraryHistory, 400).map(foldOf)

const forAll = (check: (judged: readonly Judged[]) => void): void => {
  for (const judged of HISTORIES) {
    try {
      check(judged)
    } catch (cause) {
      const lines = judged.map(({ message: { seq, at, text } }) => `${seq} ${at.toISOString()} ${text}`)
      throw new Error(`in the history\n${lines.join('\n')}`, { cause })
    }
  }
}

/** The events of a fold that count, each with the account after it. */
const countedIn = (judged: readonly Judged[]) =>
  judged.flatMap(({ event, before, result }) =>
    E.isRight(result) ? [{ event, before, after: result.right }] : [],
  )

const capturesIn = (judged: readonly Judged[]): readonly Debit[] =>
  countedIn(judged).flatMap(({ event }) =>
    event.type === 'debit' && event.hold !== undefined ? [event] : [],
  )

const isTimed = ({ holds, restriction }: AccountRules): boolean =>
  holds.length > 0 || restriction?.until_ms !== undefined

const seenText = ({ holds, reason, until_ms, ...seen }: Seen): string =>
  [...Object.values(seen), reason, until_ms, ...holds.flatMap(hold => Object.values(hold))].join(' ')

const seenBy = ({ balance, version, seq, rules }: Account): string =>
  seenText({
    balance,
    version,
    seq,
    time_ms: rules?.time_ms ?? 0,
    limit: rules?.limit ?? 0n,
    state: rules?.restriction?.state ?? 'active',
    holds: (rules?.holds ?? []).map(({ id, amount, expires_ms }) => ({ id, left: amount, expires_ms })),
    reason: rules?.restriction?.reason,
    until_ms: rules?.restriction?.until_ms,
  })

const sumOf = ({ holds }: AccountRules): bigint => holds.reduce((sum, { amount }) => sum + amount, 0n)

describe('an account', () => {
  it('is after every event what the model says, which looks through all events again and again', () => {
    fc.assert(
      fc.property(arbitraryHistory, history => {
        const models = new Map([...new Set(history.map(({ id }) => id))].map(id => [id, createModel()]))
        const customers = new Map<string, Customer>()
        const lines = history.flatMap(({ id, body, text, ...stored }) => {
          const model = models.get(id)
          // the model knows valid events only
          if (body === undefined || model === undefined) return []
          const before = customers.get(id) ?? NEW_CUSTOMER
          const next = step(before, stored, decodePlain(bytes(text)))
          const after = next.tag === 'applied' ? next.customer : before
          customers.set(id, after)
          const law = `${next.tag === 'dead' ? next.reason : next.tag} ${seenBy(after.account)}`
          return [
            [law, `${model.take(body, stored.seq, stored.at.getTime())} ${seenText(model.seen())}`] as const,
          ]
        })
        expect(lines.map(([law]) => law)).toEqual(lines.map(([, model]) => model))
      }),
      { numRuns: 1_000 },
    )
  })

  it('never owes more than the largest limit that it had', () => {
    forAll(judged => {
      let largest = 0n
      for (const { event, result } of judged) {
        if (event.type === 'limit' && event.limit > largest) largest = event.limit
        if (E.isRight(result)) expect(result.right.balance).toBeGreaterThanOrEqual(-largest)
      }
    })
  })

  it('never gives away what is held: a debit or a hold leaves something available, or nothing', () => {
    forAll(judged => {
      for (const { event, result } of judged) {
        if (E.isLeft(result)) continue
        const is_asked = event.type === 'hold' || (event.type === 'debit' && event.hold === undefined)
        if (is_asked) expect(availableAt(result.right, 0)).toBeGreaterThanOrEqual(0n)
      }
    })
  })

  it('holds the sum of its open holds, of which each has something left', () => {
    forAll(judged => {
      for (const { result } of judged) {
        const rules = E.isRight(result) ? result.right.rules : undefined
        if (rules === undefined) continue
        expect(rules.held).toBe(sumOf(rules))
        for (const { amount, expires_ms } of rules.holds) {
          expect(amount).toBeGreaterThanOrEqual(1n)
          expect(expires_ms).toBeGreaterThan(rules.time_ms)
        }
        expect(new Set(rules.holds.map(({ id }) => id)).size).toBe(rules.holds.length)
      }
    })
  })

  /** What is left of a hold before a capture of it, by the events before it alone; a release is left out of account. */
  const leftFor = (judged: readonly Judged[], capture: Debit): bigint => {
    const before = countedIn(judged).map(({ event }) => event)
    let left = 0n
    for (const event of before.slice(0, before.indexOf(capture))) {
      if (event.type === 'hold' && event.transaction_id === capture.hold) left = event.amount
      if (event.type === 'debit' && event.hold === capture.hold)
        left = event.final === false ? left - event.amount : 0n
    }
    return left
  }

  it('never pays more out of a hold than was held', () => {
    let seen = 0
    forAll(judged => {
      for (const event of capturesIn(judged)) {
        expect(event.amount).toBeLessThanOrEqual(leftFor(judged, event))
        seen += 1
      }
    })
    expect(seen).toBeGreaterThan(20)
  })

  it('has a time only while it depends on it, and that time never goes back', () => {
    forAll(judged => {
      for (const { before, after } of countedIn(judged)) {
        const { rules } = after
        if (rules === undefined) continue
        if (isTimed(rules))
          expect(rules.time_ms).toBeGreaterThanOrEqual(Math.max(1, before.rules?.time_ms ?? 1))
        else expect(rules.time_ms).toBe(0)
      }
    })
  })

  it('that an event is judged with is never changed itself', () => {
    // a second fold meets fresh accounts: it would differ from the first one if an event had changed an earlier account
    forAll(judged => expect(foldOf(judged.map(({ message }) => message))).toStrictEqual(judged))
  })

  it('has no rules once it is plain again: the same state as one that never had any', () => {
    forAll(judged => {
      for (const { result } of judged) {
        if (E.isLeft(result)) continue
        const { rules } = result.right
        if (rules === undefined) expect(Object.keys(result.right)).toEqual(['balance', 'version', 'seq'])
        else expect(rules.holds.length > 0 || rules.limit > 0n || rules.restriction !== undefined).toBe(true)
      }
    })
  })

  /** The law as it was before there were any rules. */
  const plainly = (
    { balance, version }: Account,
    event: MoneyEvent,
    seq: number,
  ): E.Either<Rejection, Account> => {
    if (event.type === 'declined') return E.right({ balance, version, seq })
    const { type, amount } = event
    const moved = type === 'credit' ? balance + amount : balance - amount
    if (type === 'debit' && moved < 0n) return E.left({ code: 'INSUFFICIENT_FUNDS', balance, amount })
    if (type === 'credit' && moved >= 2n ** 63n) return E.left({ code: 'BALANCE_LIMIT', balance, amount })
    return E.right({ balance: moved, version: version + 1, seq })
  }

  it('that is plain takes a plain event as it did before there were any rules', () => {
    let seen = 0
    forAll(judged => {
      for (const { before, event, message, result } of judged) {
        if (before.rules !== undefined || !isPlain(event)) continue
        expect(result).toStrictEqual(plainly(before, event, message.seq))
        seen += 1
      }
    })
    expect(seen).toBeGreaterThan(100)
  })

  it('is judged alike whether what has expired was taken away before or not', () => {
    forAll(judged => {
      for (const { before, event, message, result } of judged) {
        if (before.rules === undefined || (event.type === 'release' && event.expired === true)) continue
        const claimed_ms = event.at_ms ?? Number.POSITIVE_INFINITY
        const early_ms = Math.min(claimed_ms, message.at.getTime()) - 60_000
        const looked_at = { ...before, rules: rulesAt(before.rules, early_ms) }
        expect(apply(looked_at, event, message)).toEqual(result)
      }
    })
  })
})

describe('an event of the sweeper', () => {
  const NOBODY: EventPlace = { seq: 0, at: new Date(0) }

  /** The balance, and what is available at the time of each event, in a history without claimed times. */
  const courseOf = (messages: readonly Message[], has_sweeper: boolean): readonly string[] => {
    let account = NEW_CUSTOMER.account
    return eventsOf(messages).flatMap(({ event, seq, at }) => {
      const { at_ms: _, ...unclaimed } = event
      const is_sweeper = event.type === 'release' && event.expired === true
      if (is_sweeper && !has_sweeper) return []
      const result = apply(account, unclaimed as LedgerEvent, { ...NOBODY, seq, at })
      if (E.isRight(result)) account = result.right
      const outcome = E.isLeft(result) ? result.left.code : 'applied'
      const line = `${seq} ${outcome} ${account.balance} ${availableAt(account, at.getTime())}`
      return is_sweeper ? [] : [line]
    })
  }

  it('changes no balance, nothing that is available, and no later outcome', () => {
    fc.assert(
      fc.property(arbitrarySteadyHistory, history => {
        expect(courseOf(history, true)).toEqual(courseOf(history, false))
      }),
      { numRuns: 500 },
    )
  })
})

describe('what is written of an account', () => {
  it('is read back: every event from its body, in the lowest schema that can express it', () => {
    forAll(judged => {
      for (const { event } of judged) {
        const text = encodePlain(event)
        const read = decodePlain(bytes(text))
        expect(read.tag === 'event' && { ...read.event, schema: 0 }).toStrictEqual({ ...event, schema: 0 })
        const is_new = !['credit', 'debit', 'declined'].includes(event.type)
        const has_new = ['at_ms', 'hold', 'limit', 'state', 'expires_ms'].some(name => name in event)
        expect(text.startsWith(`{"schema":${is_new || has_new ? 2 : 1},`)).toBe(true)
      }
    })
  })

  it('is read back: every rules from their text, which differ when the rules do', () => {
    forAll(judged => {
      const texts = new Map<string, unknown>()
      for (const { result } of judged) {
        const rules = E.isRight(result) ? result.right.rules : undefined
        if (rules === undefined) continue
        expect(readRules(rulesText(rules))).toEqual(rules)
        expect(rulesDigest(rules)).toMatch(/^[0-9a-f]{16}$/)
        const known = texts.get(rulesText(rules))
        if (known !== undefined) expect(known).toEqual(rules)
        texts.set(rulesText(rules), rules)
      }
    })
  })

  it('is read back: the record of every refusal', () => {
    forAll(judged => {
      for (const { event, result } of judged) {
        if (E.isRight(result)) continue
        const { amount, ...refusal } = result.left
        const declined = { command: 'hold' as const, client_id: clientId('a'), ...refusal }
        const record: LedgerEvent = { type: 'declined', amount: event.amount, hold: 'h1', declined }
        const read = decodePlain(bytes(encodePlain(record)))
        expect(read).toMatchObject({ tag: 'event', event: { type: 'declined', declined } })
      }
    })
  })
})
