import { describe, expect, it } from 'vitest'
import { INT64_MAX } from './amount.js'
import { TRANSACTION_ID_CHARS_MAX } from './event-body.js'
import { type AccountRules, HOLDS_MAX } from './rules.js'
import { readRules, rulesDigest, rulesText } from './rules-text.js'
import { at, credit, hold, limit, restrict, story, type Told } from './testing/story.js'

const LARGEST = '9223372036854775807'

describe('the text of the rules', () => {
  const rulesOf = (...told: readonly Told[]): AccountRules => {
    const account = story()
    account.tell(...told)
    return account.account().rules ?? expect.fail('the account is plain')
  }

  it('has a line for the account and one for each hold, and is read back', () => {
    const rules = rulesOf(credit(100), limit(5), hold('h1', 36), hold('h2', 1), restrict('no_credit', 900))
    const text = rulesText(rules)
    expect(text).toBe('1795773600000 5 no_credit 1795774500000 "a reason"\nh1 10 mwytlcqo\nh2 1 mwytlcqo')
    expect(readRules(text)).toEqual(rules)
  })

  it('is read back with any reason, ends of lines and halves of characters included', () => {
    const restriction = { state: 'frozen', reason: 'a\n\r\u2028\u2029 "b" \ud800' } as const
    const rules = { ...rulesOf(limit(5)), restriction }
    expect(readRules(rulesText(rules))).toEqual(rules)
  })

  it.each([
    ['nothing', ''],
    ['a limit with a zero before it', '0 05 - - -'],
    ['a state that is not known', '0 5 gone - "r"'],
    ['a state without a reason', '0 5 frozen - -'],
    ['a reason without a state', '0 5 - - "r"'],
    ['a reason that is no text', '0 5 frozen - 5'],
    ['a reason that is written in another way', '0 5 frozen - "\\u0061"'],
    ['a hold without an end', '9 5 - - -\nh1 10'],
    ['a hold of nothing', '9 5 - - -\nh1 0 z'],
    ['a hold that is too large', '9 5 - - -\nh1 1y2p0ij32e8e8 z'],
    ['a hold with capitals', '9 5 - - -\nh1 A z'],
    ['a hold whose id is too long', `9 5 - - -\n${'x'.repeat(129)} 1 z`],
    ['an empty line', '9 5 - - -\n'],
    ['one hold too many', `9 5 - - -${'\nh1 1 z'.repeat(257)}`],
  ])('is not read with %s', (_, text) => {
    expect(readRules(text)).toBeUndefined()
  })

  it('of 256 holds with the longest ids is below 40 KB', () => {
    const holds = Array.from({ length: HOLDS_MAX }, (_, i) => ({
      id: String(i).padStart(TRANSACTION_ID_CHARS_MAX, 'x'),
      amount: INT64_MAX,
      expires_ms: Date.parse('9999-12-31T23:59:59.999Z'),
    }))
    const text = rulesText({ ...rulesOf(limit(LARGEST)), holds })
    expect(text.length).toBeLessThan(40_000)
    expect(readRules(text)?.holds).toEqual(holds)
  })
})

describe('the digest of the rules', () => {
  it('differs when anything of them does, and is that of the same text for ever', () => {
    const told = [
      [limit(5)],
      [limit(6)],
      [restrict('frozen')],
      [restrict('no_debit')],
      [restrict('frozen', 100)],
      [credit(9), hold('h1', 5)],
      [credit(9), hold('h1', 6)],
      [credit(9), hold('h2', 5)],
      [credit(9), hold('h1', 5, 601)],
      [credit(9), at(1, hold('h1', 5))],
    ]
    const digests = told.map(events => {
      const account = story()
      account.tell(...events)
      return rulesDigest(account.account().rules)
    })
    expect(new Set(digests).size).toBe(told.length)
    expect(digests[0]).toBe('6cc79ea82403a8f8')
    expect(rulesDigest(undefined)).toBeUndefined()
  })
})
