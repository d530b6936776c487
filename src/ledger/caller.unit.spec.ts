import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CALLER_NAME_CHARS_MAX, callerFrom, callerIn, isCaller } from './caller.js'

const headersWith = (...values: string[]) => ({
  values: (name: string) => (name === 'Ledger-By' ? values : []),
})

describe('a caller', () => {
  it.each([
    ['token', 'shop', 'token:shop'],
    ['oidc', 'auth0|5f3c', 'oidc:auth0|5f3c'],
    ['nats', 'LEDGER/orders', 'nats:LEDGER/orders'],
    ['oidc', 'Ada L.', 'oidc:Ada%20L.'],
    ['oidc', '100%', 'oidc:100%25'],
    ['oidc', 'a\r\nLedger-By: token:root', 'oidc:a%0D%0ALedger-By:%20token:root'],
    ['oidc', '\ud800', 'oidc:%EF%BF%BD'],
  ] as const)('of %s with the name %j is %s', (voucher, name, written) => {
    expect(callerFrom(voucher, name)).toBe(written)
  })

  it('is a header value of one line for any name, and no two names become one', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 300 })
    fc.assert(
      fc.property(name, name, (one, other) => {
        const written = callerFrom('oidc', one)
        if (written === undefined) return
        expect(isCaller(written)).toBe(true)
        expect(callerIn(headersWith(written))).toBe(written)
        if (one !== other) expect(callerFrom('oidc', other)).not.toBe(written)
      }),
    )
  })

  it('has a name that is neither empty nor cut off', () => {
    expect(callerFrom('token', '')).toBeUndefined()
    expect(callerFrom('oidc', 'x'.repeat(CALLER_NAME_CHARS_MAX))).toHaveLength(5 + CALLER_NAME_CHARS_MAX)
    expect(callerFrom('oidc', 'x'.repeat(CALLER_NAME_CHARS_MAX + 1))).toBeUndefined()
    expect(callerFrom('oidc', 'ä'.repeat(50))).toBeUndefined()
  })

  it('may be asked for by its voucher', () => {
    expect(isCaller('token:shop', ['token', 'oidc'])).toBe(true)
    expect(isCaller('nats:A/b', ['token', 'oidc'])).toBe(false)
  })

  it.each([
    '',
    'shop',
    'token:',
    'token:a b',
    'root:shop',
    'Token:shop',
    ' token:a',
    'token:ä',
    `nats:${'x'.repeat(257)}`,
  ])('is not %j, which a raw publisher may have written', text => {
    expect(callerIn(headersWith(text))).toBeUndefined()
  })

  it('is not what two headers say', () => {
    expect(callerIn(headersWith('token:a', 'token:b'))).toBeUndefined()
    expect(callerIn(undefined)).toBeUndefined()
    expect(callerIn(headersWith())).toBeUndefined()
  })
})
