import { describe, expect, it } from 'vitest'
import {
  at,
  capture,
  credit,
  debit,
  declined,
  hold,
  limit,
  momentAt,
  release,
  restrict,
  story,
} from './testing/story.js'

const LARGEST = '9223372036854775807'

describe('a credit', () => {
  it('is refused when the balance would be larger than an amount can be', () => {
    const account = story()
    account.tell(limit(10), debit(10), credit(LARGEST))
    expect(account.tell(credit(11))).toBe('BALANCE_LIMIT')
    expect(account.tell(credit(10))).toBe(`balance ${LARGEST}`)
  })
})

describe('a limit', () => {
  it('lets the balance fall to its negative, and not below', () => {
    const account = story()
    account.tell(credit(10), limit(50))
    expect(account.tell(debit(61))).toBe('INSUFFICIENT_FUNDS')
    expect(account.refusal()).toEqual({ balance: 10n, amount: 61n, available: 60n })
    expect(account.tell(debit(60))).toBe('balance -50')
    expect(account.tell(debit(1))).toBe('INSUFFICIENT_FUNDS')
  })

  it('that is lowered below what is used only stops new debits', () => {
    const account = story()
    account.tell(limit(50), debit(50))
    expect(account.tell(limit(10))).toBe('balance -50')
    expect(account.tell(debit(1))).toBe('INSUFFICIENT_FUNDS')
    expect(account.refusal()).toEqual({ balance: -50n, amount: 1n, available: -40n })
    expect(account.tell(credit(41))).toBe('balance -9')
    expect(account.tell(debit(1))).toBe('balance -10')
  })

  it('of 0 makes the account plain again; what it owes it still owes', () => {
    const account = story()
    account.tell(limit(50), debit(50), limit(0))
    expect(account.account()).toStrictEqual({ balance: -50n, version: 3, seq: 3 })
    expect(account.tell(debit(1))).toBe('INSUFFICIENT_FUNDS')
    expect(account.tell(credit(20))).toBe('balance -30')
  })

  it('and a debit that race are taken in the order of the stream', () => {
    const [limit_first, debit_first] = [story(), story()]
    limit_first.tell(limit(50), limit(0))
    expect(limit_first.tell(debit(50))).toBe('INSUFFICIENT_FUNDS')
    expect(debit_first.tell(limit(50), debit(50), limit(0))).toBe('balance -50')
  })
})

describe('a restriction', () => {
  const EVENTS = {
    credit: credit(1),
    debit: debit(1),
    hold: hold('h2', 1),
    capture: capture('h1', 1),
    release: release('h1'),
    limit: limit(5),
    state: restrict('active'),
    declined: declined(),
  }
  type Name = keyof typeof EVENTS
  const NAMES = Object.keys(EVENTS) as Name[]

  it.each<[state: string, refused: readonly Name[]]>([
    ['no_debit', ['debit', 'hold']],
    ['no_credit', ['credit']],
    ['frozen', ['credit', 'debit', 'hold', 'capture']],
  ])('%s refuses %s, and takes all else', (state, refused) => {
    for (const name of NAMES) {
      const account = story()
      account.tell(credit(100), hold('h1', 30), restrict(state))
      const before = account.account()
      const outcome = account.tell(EVENTS[name])
      expect([name, outcome === 'ACCOUNT_RESTRICTED']).toEqual([name, refused.includes(name)])
      if (!refused.includes(name)) continue
      expect(account.refusal()).toMatchObject({ balance: 100n, state, reason: 'a reason' })
      expect(account.account()).toBe(before)
    }
  })

  it('closed refuses all but another state', () => {
    for (const name of NAMES) {
      const account = story()
      account.tell(restrict('closed'))
      const is_taken = name === 'state' || name === 'declined'
      expect([name, account.tell(EVENTS[name])]).toEqual([
        name,
        is_taken ? 'balance 0' : 'ACCOUNT_RESTRICTED',
      ])
    }
  })

  it('closed needs a balance of 0 and no hold', () => {
    const account = story()
    account.tell(credit(30), hold('h1', 10))
    expect(account.tell(restrict('closed'))).toBe('NOT_EMPTY')
    expect(account.refusal()).toEqual({ balance: 30n, held: 10n })
    account.tell(limit(10), release('h1'), debit(30))
    account.tell(hold('h2', 10))
    expect(account.tell(restrict('closed'))).toBe('NOT_EMPTY')
    account.tell(release('h2'), debit(10))
    expect(account.tell(restrict('closed'))).toBe('NOT_EMPTY')
    expect(account.tell(credit(10), restrict('closed'))).toBe('balance 0')
    expect(account.tell(credit(1))).toBe('ACCOUNT_RESTRICTED')
    expect(account.tell(restrict('active'), credit(1))).toBe('balance 1')
  })

  it('ends at its time by itself, and not a millisecond earlier', () => {
    const account = story()
    account.tell(credit(100), restrict('frozen', 600))
    expect(account.clock(599.999).tell(debit(1))).toBe('ACCOUNT_RESTRICTED')
    expect(account.clock(600).tell(debit(1))).toBe('balance 99')
    expect(account.account().rules).toBeUndefined()
  })

  it('whose time has passed when it is stored restricts nothing', () => {
    const account = story()
    account.tell(restrict('frozen', 0))
    expect(account.account()).toStrictEqual({ balance: 0n, version: 1, seq: 1 })
  })

  it('takes the place of the one before it, whole', () => {
    const account = story()
    account.tell(credit(1), restrict('frozen', 600), restrict('no_debit'))
    expect(account.clock(700).tell(debit(1))).toBe('ACCOUNT_RESTRICTED')
    expect(account.account().rules?.restriction).toEqual({ state: 'no_debit', reason: 'a reason' })
    expect(account.tell(restrict('active'))).toBe('balance 1')
    expect(account.account().rules).toBeUndefined()
  })

  it('is asked first: before the money, and before the hold', () => {
    const account = story()
    account.tell(restrict('frozen'))
    for (const each of [debit(1), hold('h1', 1), capture('h1', 1), credit(LARGEST)])
      expect(account.tell(each)).toBe('ACCOUNT_RESTRICTED')
    expect(account.tell(release('h1'))).toBe('HOLD_NOT_OPEN')
  })

  it('lets a refused credit be tried again after it: the credit counts once', () => {
    const account = story()
    account.tell(restrict('frozen'), credit(5))
    expect(account.account().balance).toBe(0n)
    expect(account.tell(restrict('active'), credit(5))).toBe('balance 5')
  })
})

describe('the time of an account', () => {
  const timeOf = (account: ReturnType<typeof story>): number | undefined =>
    account.account().rules && (account.account().rules?.time_ms ?? 0) - Date.parse(momentAt(0))

  it('is what the writer claims, within a minute of the time at which the event is stored', () => {
    for (const [claimed_s, time_s] of [
      [0, 0],
      [60, 60],
      [60.001, 60],
      [9_000, 60],
      [-60, -60],
      [-60.001, -60],
    ] as const) {
      const account = story()
      account.tell(credit(10), at(claimed_s, hold('h1', 1, 90_000)))
      expect(timeOf(account)).toBe(time_s * 1_000)
    }
  })

  it('never goes back, whatever a writer claims and whatever the clock of a new leader says', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30, 600))
    account.clock(300).tell(declined())
    expect(timeOf(account)).toBe(300_000)
    account.clock(100).tell(credit(1), at(160, credit(1)))
    expect(timeOf(account)).toBe(300_000)
    account.tell(hold('h2', 1, 299))
    expect(account.account().rules?.held).toBe(30n)
  })

  it('is moved by no refused event: the hold counts again when the clock goes back', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30, 600))
    expect(account.clock(700).tell(capture('h1', 30))).toBe('HOLD_NOT_OPEN')
    expect(account.clock(500).tell(capture('h1', 30))).toBe('balance 70')
  })

  it('is kept only while something depends on it', () => {
    const account = story()
    account.tell(limit(5), restrict('no_credit'))
    expect(account.account().rules?.time_ms).toBe(0)
    account.clock(300).tell(hold('h1', 1))
    expect(timeOf(account)).toBe(300_000)
    account.tell(release('h1'))
    expect(account.account().rules?.time_ms).toBe(0)
    account.clock(10).tell(hold('h2', 1))
    expect(timeOf(account)).toBe(10_000)
  })
})

describe('the version of an account', () => {
  it('grows by one with each event that counts, but not with the record of a refusal', () => {
    const account = story()
    account.tell(credit(100), hold('h1', 30), capture('h1', 5, false), release('h1', 5), limit(5))
    account.tell(restrict('no_debit'), restrict('active'), release('h1'))
    expect(account.account()).toMatchObject({ version: 8, seq: 8 })
    account.tell(declined(), debit(5_000))
    expect(account.account()).toMatchObject({ version: 8, seq: 9 })
  })
})
