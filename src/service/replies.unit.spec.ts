import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createInboxRule, replyPrefixProblem } from './replies.js'

describe('a reply subject', () => {
  const isInbox = createInboxRule([])

  it.each([
    '_INBOX.a',
    '_R_.a.b',
    '_GR_.a1.b2._INBOX.c',
    '_INBOX.CL7b.K2146zKG',
    '_INBOX.bob.XYZ.1',
    '_INBOX.a$b',
    `_INBOX.${'a'.repeat(248)}`,
  ])('is an inbox: %s', reply => {
    expect(isInbox(reply)).toBe(true)
  })

  it.each([
    '',
    '_INBOX',
    '_INBOX.',
    '_INBOX.*',
    '_INBOX.>',
    '_INBOX.a.>',
    '_INBOX.a*b',
    '_INBOX..a',
    '_INBOX.a.',
    '_INBOX.a b',
    '_INBOX.a\tb',
    '_INBOX.a\r\nPUB x 0',
    '_INBOX.a\u0000',
    '_INBOX.a\u007f',
    '_INBOX.ä',
    '_inbox.a',
    '_INBOXES.a',
    'a._INBOX.b',
    ' _INBOX.a',
    `_INBOX.${'a'.repeat(249)}`,
    'inbox.a',
    '_R_',
    '_GR_.a1.b2.customer.balance.678',
    '_GR_.a1.b2.$KV.config.x',
    '_GR_.a1._INBOX.c',
    'customer.balance.678',
    'customer.credit',
    'customer.dead-letter.678.1',
    '$KV.config.projection.ledger',
    '$JS.API.STREAM.PURGE.customer-balances',
    '$SYS.REQ.SERVER.PING',
    '$SRV.PING',
    '$JS.ACK.customer-balances.ledger.1.1.1.1.0',
  ])('is none: %j', reply => {
    expect(isInbox(reply)).toBe(false)
  })

  it('may begin with a prefix that was configured, token by token', () => {
    const rule = createInboxRule(['_INBOX_bob', 'reply.acme'])
    for (const reply of ['_INBOX_bob.x', 'reply.acme.1', '_INBOX.a', '_GR_.a.b.reply.acme.1'])
      expect(rule(reply)).toBe(true)
    for (const reply of [
      '_INBOX_bob',
      '_INBOX_bobby.y',
      'reply.acmes.1',
      'reply.acme',
      'reply.x',
      'reply.acme.*',
    ])
      expect(rule(reply)).toBe(false)
  })

  it('never leads to the ledger, the server or a wildcard, whatever the prefixes that pass the check', () => {
    const tokens = fc.constantFrom(
      'customer',
      'balance',
      '$KV',
      '$JS',
      '_INBOX',
      '_GR_',
      'a',
      '*',
      '>',
      '',
      'x y',
    )
    const subject = fc.array(tokens, { minLength: 1, maxLength: 6 }).map(parts => parts.join('.'))
    fc.assert(
      fc.property(fc.array(subject, { maxLength: 3 }), subject, (prefixes, reply) => {
        const rule = createInboxRule(prefixes.filter(prefix => replyPrefixProblem(prefix) === undefined))
        if (rule(reply))
          expect(reply).not.toMatch(
            /^(?:_GR_\.[^.]+\.[^.]+\.)?(?:customer|\$\w+)(?:\.|$)|[*>\s]|\.\.|^\.|\.$/,
          )
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a prefix of inboxes', () => {
  it.each(['_INBOX', '_R_', '_INBOX_acme', 'reply.acme', 'customers', 'a'])('may be %s', prefix => {
    expect(replyPrefixProblem(prefix)).toBeUndefined()
  })

  it.each([
    '',
    '.',
    'a.',
    '.a',
    '>',
    '*',
    'a.*',
    'a b',
    'ä',
    'customer',
    'customer.balance',
    '$JS',
    '$KV.config',
    '_GR_',
  ])('may not be %j', prefix => {
    expect(replyPrefixProblem(prefix)).toMatch(/^must /)
  })

  it('may not be longer than 100 characters', () => {
    expect(replyPrefixProblem('a'.repeat(100))).toBeUndefined()
    expect(replyPrefixProblem('a'.repeat(101))).toMatch(/100/)
  })
})
