import { describe, expect, it } from 'vitest'
import { HOLDS_MAX } from './rules.js'
import { at, capture, credit, debit, expiry, hold, limit, release, restrict, story } from './testing/story.js'

const LARGEST = '9223372036854775807'

describe('a hold', () => {
  it('sets money aside: the balance stays, and less of it is available', () => {
    const account = story()
    expect(account.tell(credit(100), hold('h1', 30))).toBe('balance 100, held 30')
    expect(account.tell(debit(71))).toBe('INSUFFICIENT_FUNDS')
    expect(account.refusal()).toEqual({ balance: 100n, amount: 71n, available: 70n })
    expect(account.tell(debit(70))).toBe('balance 30, held 30')
  })

  it('of 1,000, six times against 5,000: exactly five', () => {
    const account = story()
    account.tell(credit(5_000))
    const outcomes = [1, 2, 3, 4, 5, 6].map(n => account.tell(hold(`h${n}`, 1_000)))
    expect(outcomes.at(-2)).toBe('balance 5000, held 5000')
    expect(outcomes.at(-1)).toBe('INSUFFICIENT_FUNDS')
    expect(account.account().rules?.holds).toHaveLength(5)
  })

  it('and a debit that race for the last cent: the first one in the stream gets it', () => {
    const [first, second] = [story(), story()]
    first.tell(credit(1), hold('h1', 1))
    expect(first.tell(debit(1))).toBe('INSUFFICIENT_FUNDS')
    second.tell(credit(1), debit(1))
    expect(second.tell(hold('h1', 1))).toBe('INSUFFICIENT_FUNDS')
  })

  it('with the id of an open one is refused', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30))
    expect(account.tell(hold('h1', 1))).toBe('HOLD_EXISTS')
    expect(account.tell(hold('h1', 500))).toBe('HOLD_EXISTS')
    expect(account.tell(release('h1'), hold('h1', 1))).toBe('balance 100, held 1')
  })

  it('is one of 256 at the most; a place is free again when one of them ends', () => {
    const account = story()
    account.tell(credit(1_000), ...Array.from({ length: HOLDS_MAX }, (_, i) => hold(`h${i}`, 1)))
    expect(account.account().rules?.holds).toHaveLength(256)
    expect(account.tell(hold('more', 1))).toBe('LIMIT_REACHED')
    // the number counts, not the money
    expect(account.tell(hold('more', 5_000))).toBe('LIMIT_REACHED')
    expect(account.tell(capture('h7', 1), hold('more', 1))).toBe('balance 999, held 256')
    expect(account.account().rules?.holds.at(-1)?.id).toBe('more')
  })

  it('counts until the last millisecond before it expires, and no more from then on', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 100, 600))
    expect(account.clock(599.999).tell(debit(1))).toBe('INSUFFICIENT_FUNDS')
    expect(account.available(599.999)).toBe(0n)
    expect(account.available(600)).toBe(100n)
    expect(account.clock(600).tell(debit(100))).toBe('balance 0')
  })

  it('that has expired when it is stored counts as an event, and sets nothing aside', () => {
    const account = story()
    expect(account.tell(credit(100), hold('h1', 30, 0))).toBe('balance 100')
    expect(account.account()).toStrictEqual({ balance: 100n, version: 2, seq: 2 })
    expect(account.tell(capture('h1', 1))).toBe('HOLD_NOT_OPEN')
  })

  it('may use the credit limit', () => {
    const account = story()
    account.tell(limit(50), credit(100))
    expect(account.tell(hold('h1', 151))).toBe('INSUFFICIENT_FUNDS')
    expect(account.tell(hold('h1', 150))).toBe('balance 100, held 150')
    expect(account.tell(capture('h1', 150))).toBe('balance -50')
  })

  it('never makes the sum of the holds larger than an amount can be', () => {
    const account = story()
    account.tell(limit(LARGEST), credit(LARGEST), hold('h1', LARGEST))
    expect(account.tell(hold('h2', 1))).toBe('BALANCE_LIMIT')
    expect(account.tell(release('h1', 1), hold('h2', 1))).toBe(`balance ${LARGEST}, held ${LARGEST}`)
  })
})

describe('a capture', () => {
  it('takes balance and hold down together', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30))
    expect(account.tell(capture('h1', 10, false))).toBe('balance 90, held 20')
    expect(account.tell(capture('h1', 5, false))).toBe('balance 85, held 15')
  })

  it('gives the rest of the hold back, unless it says that it is not the final one', () => {
    const [final, default_one] = [story(), story()]
    final.tell(credit(100), hold('h1', 30))
    expect(final.tell(capture('h1', 10, true))).toBe('balance 90')
    default_one.tell(credit(100), hold('h1', 30))
    expect(default_one.tell(capture('h1', 10))).toBe('balance 90')
    expect(default_one.account().rules).toBeUndefined()
  })

  it('of the same hold by two instances at once counts once', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30), hold('h2', 30), capture('h1', 30))
    expect(account.tell(capture('h1', 30))).toBe('HOLD_NOT_OPEN')
    expect(account.refusal()).toEqual({ balance: 70n, amount: 30n })
    expect(account.account()).toMatchObject({ balance: 70n, version: 4, rules: { held: 30n } })
  })

  it('after the end of the hold is refused: released, expired, captured, or never made', () => {
    const account = story()
    account.tell(credit(100), hold('released', 10), hold('expired', 10, 60), hold('captured', 10))
    account.tell(release('released'), capture('captured', 10))
    for (const id of ['released', 'captured', 'never-made'])
      expect(account.tell(capture(id, 1))).toBe('HOLD_NOT_OPEN')
    expect(account.clock(60).tell(capture('expired', 1))).toBe('HOLD_NOT_OPEN')
  })

  it('of more than remains is refused, and says what remains: parts never exceed the hold', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30), capture('h1', 20, false))
    expect(account.tell(capture('h1', 11, false))).toBe('HOLD_EXCEEDED')
    expect(account.refusal()).toEqual({ balance: 80n, amount: 11n, remaining: 10n })
    expect(account.tell(capture('h1', 10, false))).toBe('balance 70')
    expect(account.tell(capture('h1', 1, false))).toBe('HOLD_NOT_OPEN')
  })

  it('does not ask what is available: the money was set aside', () => {
    const account = story()
    account.tell(limit(100), hold('h1', 80), limit(0))
    expect(account.tell(debit(1))).toBe('INSUFFICIENT_FUNDS')
    expect(account.tell(capture('h1', 80))).toBe('balance -80')
  })

  it('to the own account of the holder moves the money back into what is available', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 100))
    expect(account.tell(capture('h1', 100), credit(100))).toBe('balance 100')
    expect(account.tell(debit(100))).toBe('balance 0')
  })

  it('that was decided before the hold expired counts, when it is stored within a minute', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30, 600))
    expect(account.clock(659.999).tell(at(599.999, capture('h1', 30)))).toBe('balance 70')
  })

  it('that was decided before the hold expired and is stored more than a minute later is refused', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30, 600))
    expect(account.clock(660).tell(at(599.999, capture('h1', 30)))).toBe('HOLD_NOT_OPEN')
  })
})

describe('a release', () => {
  it('gives back the whole hold, or a part of it', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30), hold('h2', 5))
    expect(account.tell(release('h1', 10))).toBe('balance 100, held 25')
    expect(account.tell(release('h1'))).toBe('balance 100, held 5')
    expect(account.tell(release('h2', 5))).toBe('balance 100')
    expect(account.account()).toStrictEqual({ balance: 100n, version: 6, seq: 6 })
  })

  it('that comes twice gives back once', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30), hold('h2', 30), release('h1'))
    expect(account.tell(release('h1'))).toBe('HOLD_NOT_OPEN')
    expect(account.account().rules?.held).toBe(30n)
  })

  it('of more than remains gives nothing back: ten settlements never make money', () => {
    const account = story()
    account.tell(credit(1_000))
    for (let n = 0; n < 10; n += 1) {
      account.tell(hold(`h${n}`, 10))
      expect(account.tell(release(`h${n}`, 3_134))).toBe('HOLD_EXCEEDED')
      expect(account.refusal()).toEqual({ balance: BigInt(1_000 - 10 * n), amount: 3_134n, remaining: 10n })
      account.tell(capture(`h${n}`, 10))
    }
    expect(account.tell(debit(901))).toBe('INSUFFICIENT_FUNDS')
    expect(account.tell(debit(900))).toBe('balance 0')
  })

  it('keeps the order of the other holds', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 10), hold('h2', 10), hold('h3', 10), release('h2', 1), release('h1'))
    expect(account.account().rules?.holds.map(({ id, amount }) => [id, amount])).toEqual([
      ['h2', 9n],
      ['h3', 10n],
    ])
  })
})

describe('the event of the sweeper', () => {
  it('is refused while the hold has not expired', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30, 600))
    expect(account.clock(599.999).tell(expiry('h1'))).toBe('NOT_EXPIRED')
    expect(account.refusal()).toEqual({ balance: 100n })
    expect(account.clock(600).tell(expiry('h1'))).toBe('balance 100')
    expect(account.account().version).toBe(3)
  })

  it('changes nothing, the version included, when the hold is gone', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30, 600), capture('h1', 30))
    expect(account.clock(700).tell(expiry('h1'), expiry('h1'), expiry('never-made'))).toBe('balance 70')
    expect(account.account()).toStrictEqual({ balance: 70n, version: 3, seq: 6 })
  })

  it('comes through every restriction', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30, 600), restrict('frozen'))
    expect(account.clock(600).tell(expiry('h1'))).toBe('balance 100')
    expect(account.account()).toMatchObject({ version: 4, rules: { held: 0n, holds: [] } })
  })
})
