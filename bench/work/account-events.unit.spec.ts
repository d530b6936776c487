import { expect, it } from 'vitest'
import { E } from '../../src/fp.js'
import { apply } from '../../src/ledger/apply.js'
import { claimedAfter, decodeBody } from '../../src/ledger/event.js'
import { rulesDigest } from '../../src/ledger/rules-text.js'
import { createAccountEvents } from './account-events.js'

it('the events of an account claim what they come to, and most of them are of schema 2', () => {
  const events = createAccountEvents(1)
  const now_ms = 1_795_773_600_000
  let account: Parameters<typeof apply>[0] = { balance: 0n, version: 0, seq: 0 }
  let plain = 0
  for (let seq = 1; seq <= 40; seq += 1) {
    const { body } = events.next(now_ms + seq)
    if (body.startsWith('{"schema":1')) plain += 1
    const decoded = decodeBody(Buffer.from(body))
    if (decoded.tag !== 'event') throw new Error(body)
    const applied = apply(account, decoded.event, { seq, at: new Date(now_ms + seq) })
    if (E.isLeft(applied)) throw new Error(applied.left.code)
    account = applied.right
    const { balance, version, rules } = account
    expect(claimedAfter(decoded.event)).toEqual({
      ...{ balance, version },
      ...(rules === undefined ? {} : { rules: rulesDigest(rules) }),
    })
  }
  expect(account).toEqual({ balance: 4n * 740n, version: 40, seq: 40 })
  expect(plain).toBe(4)
})
