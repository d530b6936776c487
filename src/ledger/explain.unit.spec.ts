import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { type Account, OPENING } from './account.js'
import { inOrder } from './account-at.js'
import { attemptOf } from './attempt.js'
import { type Command, decodeCommand } from './command.js'
import { decide, declined, type Refusal } from './decide.js'
import { explain, explainAttempt } from './explain.js'
import { step } from './fold.js'
import { amount } from './testing/arbitrary.js'
import { arbitraryHistory, type Message } from './testing/histories.js'
import { createModel } from './testing/model.js'
import { decodePlain, encodePlain } from './testing/plain.js'
import { credit, hold, momentAt, story } from './testing/story.js'

const shown = ({
  holds,
  restriction,
  balance,
  available,
  held,
  limit,
}: ReturnType<typeof explain>['before']) => ({
  balance,
  available,
  held,
  limit,
  state: restriction?.state ?? 'active',
  holds: inOrder(holds).map(
    ({ id, amount, expires_ms }) => `${new Date(expires_ms).toISOString()} ${id} ${amount}`,
  ),
})

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

it('an explained event was judged as the model judges it, on the account of that moment', () => {
  const outcomes = new Set<string>()
  fc.assert(
    fc.property(arbitraryHistory, history => {
      const model = createModel()
      let account = OPENING
      const check = ({ body, text, ...stored }: Message): void => {
        const decoded = decodePlain(bytes(text))
        if (body === undefined || decoded.tag !== 'event') return
        const explained = explain(account, decoded.event, stored)
        expect(shown(explained.before)).toEqual(model.standing(explained.time_ms))
        const outcome = model.take(body, stored.seq, stored.at.getTime())
        expect(explained.rejection?.code ?? 'applied').toBe(outcome)
        expect(shown(explained.after)).toEqual(model.standing(explained.time_ms))
        const next = step({ account }, stored, decoded)
        if (next.tag === 'applied') account = next.customer.account
        outcomes.add(outcome)
      }
      for (const message of history) if (message.id === 'a') check(message)
    }),
    { numRuns: 200 },
  )
  expect(outcomes.size).toBeGreaterThan(7)
})

it('a hold that has expired is named, and is not open', () => {
  const told = story()
  told.tell(credit(100), hold('h', 30, 60))
  const at = (s: number) => ({ seq: 3, at: new Date(momentAt(s)) })
  const event = { type: 'debit', amount: amount(10), hold: 'h' } as const
  const [open, over] = [explain(told.account(), event, at(59)), explain(told.account(), event, at(60))]
  expect([open.hold?.is_open, open.rejection, open.before.held]).toEqual([true, undefined, 30n])
  expect([over.hold?.is_open, over.rejection?.code, over.before.held]).toEqual([false, 'HOLD_NOT_OPEN', 0n])
})

describe('a refused command', () => {
  type Asked = Parameters<typeof decodeCommand>[0]
  const BEGIN_MS = Date.UTC(2026, 10, 27, 10)
  const inTime = (ms: number): string => new Date(BEGIN_MS + ms).toISOString()
  const AMOUNTS = [1, 5, 50, 200, '9223372036854775807']

  /** Any command about the customers a and b; most are refused on some account. */
  const arbitraryCommand: fc.Arbitrary<readonly [Asked, object]> = fc
    .tuple(
      fc.constantFrom('credit', 'debit', 'transfer', 'hold', 'capture', 'release', 'limit', 'restrict'),
      fc.constantFrom(...AMOUNTS),
      fc.constantFrom('t1', 't2', 't3'),
      fc.constantFrom({}, { final: false }, { to: 'b' }),
      fc.constantFrom('active', 'no_debit', 'no_credit', 'frozen', 'closed'),
      fc.constantFrom({}, { expires_in: 60 }, { expires_at: inTime(30_000) }, { expires_at: inTime(-1) }),
      fc.boolean(),
    )
    .map(([type, amount, held, capture, state, expires, has_amount]) => {
      const client_id = 'a'
      const some = has_amount ? { amount } : {}
      const fields = {
        credit: { client_id, amount },
        debit: { client_id, amount },
        transfer: { from: 'a', to: 'b', amount },
        hold: { client_id, amount, ...expires },
        capture: { client_id, hold: held, ...some, ...capture },
        release: { client_id, hold: held, ...some },
        limit: { client_id, limit: 10 },
        restrict: { client_id, state, reason: 'why' },
      }
      return [type, fields[type]] as const
    })

  /** The accounts of a and b, whose commands are decided one after the other. */
  const createWorld = () => {
    const accounts = new Map<string, Account>()
    const accountOf = (id: string): Account => accounts.get(id) ?? OPENING
    let seq = 0

    /** The code of a refusal, and the one that its explanation gives from the record, which is stored and read again. */
    const refuse = (command: Command, refusal: Refusal, now: Date) => {
      const { id, event } = declined(command, refusal, accountOf('a'), now)
      const read = decodePlain(bytes(encodePlain(event)))
      if (read.tag !== 'event' || read.event.type !== 'declined') throw new Error(read.tag)
      const stored = { seq, at: new Date(now.getTime() + 40) }
      const attempt = attemptOf(id, read.event, stored.at.getTime())
      if (attempt === undefined) throw new Error(`nothing is known of ${encodePlain(event)}`)
      const { client_id, code } = refusal
      const explained = explainAttempt(accountOf(attempt.client_id), attempt.event, stored, code)
      return {
        refused: `${client_id} ${code}`,
        explained: `${attempt.client_id} ${explained.rejection?.code ?? 'applied'}`,
      }
    }

    /** Decides a command; undefined when it is not refused. */
    const run = ([type, fields]: readonly [Asked, object], now: Date) => {
      seq += 1
      const command = decodeCommand(type, { transaction_id: `t${seq % 4}`, ...fields }, '')
      if (E.isLeft(command)) throw new Error(command.left)
      const result = decide(command.right, accountOf, now)
      if (E.isLeft(result)) return refuse(command.right, result.left, now)
      for (const { id, after } of result.right) accounts.set(id, { ...after, seq })
      return undefined
    }
    return { run }
  }

  it('is explained by what it wanted, with the code that it was refused with', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(arbitraryCommand, fc.nat(90_000)), { maxLength: 30, size: 'max' }),
        steps => {
          const world = createWorld()
          let now_ms = BEGIN_MS
          for (const [command, step_ms] of steps) {
            now_ms += step_ms
            const told = world.run(command, new Date(now_ms))
            if (told === undefined) continue
            expect(told.explained).toBe(told.refused)
            seen.add(told.refused)
          }
        },
      ),
      // the same histories in every run: a random one may refuse no receiver
      { numRuns: 300, seed: 1 },
    )
    const codes = ['ACCOUNT_RESTRICTED', 'HOLD_NOT_OPEN', 'INSUFFICIENT_FUNDS', 'NOT_EMPTY', 'BALANCE_LIMIT']
    expect([...seen]).toEqual(expect.arrayContaining(codes.map(code => `a ${code}`)))
    expect([...seen].some(each => each.startsWith('b '))).toBe(true)
  })

  it('whose record lacks what it wanted has no explanation but the record', () => {
    const of = (fields: object, record: object = {}) => {
      const declined = { command: 'release', code: 'HOLD_NOT_OPEN', client_id: 'a', balance: 0, ...record }
      const read = decodePlain(bytes(JSON.stringify({ schema: 2, type: 'declined', ...fields, declined })))
      if (read.tag !== 'event' || read.event.type !== 'declined') throw new Error(read.tag)
      return attemptOf('a' as never, read.event, BEGIN_MS)
    }
    expect(of({ hold: 'h' })?.event.type).toBe('release')
    expect(of({ amount: 1 })).toBeUndefined()
    expect(of({ amount: 1 }, { command: 'limit' })).toBeUndefined()
    expect(of({ amount: 1, state: 'closed' }, { command: 'restrict' })).toBeUndefined()
    expect(of({ reverses: 'x' }, { command: 'reverse' })).toBeUndefined()
    expect(of({ amount: 1 }, { command: 'transfer', client_id: 'b' })).toBeUndefined()
    const reversed = { amount: 1, reverses: 'x', transaction_id: 'x:reversal:1' }
    expect(of(reversed, { command: 'reverse', code: 'INSUFFICIENT_FUNDS' })?.event).toMatchObject({
      ...{ type: 'debit', ...reversed, amount: 1n },
    })
    expect(of(reversed, { command: 'reverse', code: 'BALANCE_LIMIT' })?.event.type).toBe('credit')
    const restricted = { command: 'reverse', code: 'ACCOUNT_RESTRICTED', reason: 'r' }
    expect(of(reversed, { ...restricted, state: 'no_debit' })?.event.type).toBe('debit')
    expect(of(reversed, { ...restricted, state: 'no_credit' })?.event.type).toBe('credit')
    expect(of(reversed, { ...restricted, state: 'frozen' })).toBeUndefined()
    expect(
      of({ amount: 1, transfer: { counterparty: 'b' } }, { command: 'transfer', client_id: 'b' })?.client_id,
    ).toBe('b')
  })
})
