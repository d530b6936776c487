import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { anyOfTokens, readTokens, type Tokens } from './tokens.js'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const ONE = { name: 'shop', sha256: sha256('s3cret'), scopes: ['read'] }

const tokensOf = (...tokens: unknown[]): Tokens => {
  const read = readTokens(JSON.stringify({ tokens }))
  if (E.isLeft(read)) throw new Error(read.left)
  return read.right
}
const problemOf = (text: string): string => {
  const read = readTokens(text)
  return E.isLeft(read) ? read.left : 'none'
}

describe('a token', () => {
  const tokens = tokensOf(ONE, { name: 'till', sha256: sha256('other').toUpperCase(), scopes: [] })

  it.each(['Bearer s3cret', 'bearer s3cret', 's3cret'])('is known as %j', authorization => {
    expect(tokens.callerOf(authorization)).toMatchObject({ name: 'shop', scopes: ['read'] })
  })

  it('may be hashed in capitals', () => {
    expect(tokens.callerOf('Bearer other')?.name).toBe('till')
  })

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer s3cre',
    'Bearer s3crett',
    'Basic s3cret',
    sha256('s3cret'),
  ])('is not known as %j', authorization => {
    expect(tokens.callerOf(authorization)).toBeUndefined()
  })
})

describe('a tokens file', () => {
  it.each<[string, string]>([
    ['no json', 'it is not JSON'],
    ['{}', 'tokens: is missing'],
    ['{"tokens":[]}', 'tokens: must be 1 to'],
    [JSON.stringify({ tokens: [{ ...ONE, sha256: 's3cret' }] }), 'sha256: must be the SHA-256'],
    [JSON.stringify({ tokens: [{ ...ONE, scopes: ['admin'] }] }), 'scopes'],
    [JSON.stringify({ tokens: [{ ...ONE, name: 'a b' }] }), 'name: must be'],
    [JSON.stringify({ tokens: [ONE, ONE] }), 'the name shop is there twice'],
    [JSON.stringify({ tokens: [{ ...ONE, scope: ['write'] }] }), 'scope: is no field of this file'],
    [`{"tokens":[{"scopes":["write"],${JSON.stringify(ONE).slice(1)}]}`, 'scopes: is there twice'],
  ])('%s is refused', (text, problem) => {
    expect(problemOf(text)).toContain(problem)
    expect(problemOf(text)).not.toContain('s3cret')
  })
})

describe('a token with limits', () => {
  const NOON = Date.parse('2026-11-27T12:00:00Z')

  it('counts until it expires, and then says that it has', async () => {
    let now = NOON
    const read = readTokens(
      JSON.stringify({
        tokens: [
          { ...ONE, expires_at: '2026-11-27T12:00:01Z' },
          { ...ONE, name: 'b', sha256: sha256('b') },
        ],
      }),
      () => now,
    )
    if (E.isLeft(read)) throw new Error(read.left)
    expect(read.right.callerOf('s3cret')?.name).toBe('shop')
    now += 1_000
    expect(read.right.callerOf('s3cret')).toBeUndefined()
    expect(await read.right.check('s3cret')).toMatchObject({ left: { tag: 'EXPIRED' } })
    expect(await read.right.check('other')).toMatchObject({ left: { tag: 'INVALID' } })
    expect(read.right.callerOf('b')?.name).toBe('b')
  })

  it('names its caller, customers, rate and day', () => {
    const limits = { customer_prefixes: ['shop-', 'a'], requests_per_second: 5, requests_per_day: 100 }
    expect(tokensOf({ ...ONE, ...limits }).callerOf('s3cret')).toEqual({
      name: 'shop',
      by: 'token:shop',
      scopes: ['read'],
      ...limits,
    })
  })

  it.each<[object, string]>([
    [{ expires_at: 'tomorrow' }, 'expires_at: must be a time'],
    [{ customer_prefixes: [] }, 'customer_prefixes: must be a list of 1 to'],
    [{ customer_prefixes: 'shop-' }, 'customer_prefixes: must be'],
    [{ customer_prefixes: ['a.b'] }, 'customer_prefixes: must be'],
    [{ customer_prefixes: ['a', 7] }, 'customer_prefixes: must be'],
    [{ requests_per_second: 0 }, 'requests_per_second: must be a whole number from 1'],
    [{ requests_per_day: 1.5 }, 'requests_per_day: must be a whole number from 1'],
    [{ requests_per_hour: 5 }, 'requests_per_hour: is no field of this file'],
  ])('is refused with %j', (limits, problem) => {
    expect(problemOf(JSON.stringify({ tokens: [{ ...ONE, ...limits }] }))).toContain(problem)
  })
})

describe('tokens of several sources', () => {
  const file = tokensOf(ONE)
  const known = { name: 'ada', by: 'oidc:ada', scopes: [] }
  const issuer = (answer: Awaited<ReturnType<Tokens['check']>>): Tokens => ({
    callerOf: () => undefined,
    check: async () => answer,
  })

  it('count if one of them knows them', async () => {
    const both = anyOfTokens([file, issuer(E.right(known))])
    expect(both.callerOf('s3cret')?.name).toBe('shop')
    expect(await both.check('x')).toEqual(E.right(known))
  })

  it('are refused for the reason that says most', async () => {
    const unavailable = { tag: 'UNAVAILABLE', reason: 'keys' } as const
    const invalid = { tag: 'INVALID', reason: 'forged' } as const
    expect(await anyOfTokens([file, issuer(E.left(unavailable))]).check('x')).toEqual(E.left(unavailable))
    expect(await anyOfTokens([issuer(E.left(unavailable)), file]).check('x')).toEqual(E.left(unavailable))
    expect(await anyOfTokens([file, issuer(E.left(invalid))]).check('x')).toEqual(E.left(invalid))
  })
})
