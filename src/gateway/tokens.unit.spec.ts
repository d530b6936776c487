import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { readTokens, type Tokens } from './tokens.js'

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
