import { createHmac, createSign, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { type IssuerKey, keysFrom, readJwt, verifyJwt } from './jwt.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 })

const jwk = (key: KeyObject, more: object) => ({ ...key.export({ format: 'jwk' }), use: 'sig', ...more })
const SET = {
  keys: [
    jwk(rsa.publicKey, { kid: 'rsa' }),
    jwk(ec.publicKey, { kid: 'ec', alg: 'ES256' }),
    jwk(rsa.publicKey, { kid: 'only-rs', alg: 'RS256' }),
    jwk(ed.publicKey, { kid: 'ed' }),
  ],
}
const keysOf = (set: unknown): readonly IssuerKey[] => {
  const keys = keysFrom(set)
  if (E.isLeft(keys)) throw new Error(keys.left)
  return keys.right
}
const KEYS = keysOf(SET)

const NOW_S = 1_800_000_000
const CLAIMS = { iss: 'https://id.example', sub: 'ada', aud: ['jetledger', 'x'], exp: NOW_S + 60 }
const EXPECTED = { issuer: 'https://id.example', audience: 'jetledger', now_s: NOW_S }

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
type Signer = (data: Buffer) => Buffer
const SIGNERS = {
  RS256: data => createSign('sha256').update(data).sign(rsa.privateKey),
  PS256: data => sign('sha256', data, { key: rsa.privateKey, padding: 6, saltLength: 32 }),
  ES256: data => sign('sha256', data, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
  EdDSA: data => sign(null, data, ed.privateKey),
} satisfies Record<string, Signer>

const token = (header: unknown, claims: unknown, signer: Signer): string => {
  const text = `${part(header)}.${part(claims)}`
  return `${text}.${signer(Buffer.from(text)).toString('base64url')}`
}
const verdict = (text: string, keys = KEYS, expected = EXPECTED): string => {
  const read = readJwt(text)
  if (E.isLeft(read)) return `unread: ${read.left}`
  const verified = verifyJwt(read.right, keys, expected)
  return E.isLeft(verified) ? verified.left : `verified: ${verified.right.sub}`
}
const UNSIGNED = 'no key of the issuer has signed it'

describe('a token that one of the keys has signed', () => {
  it.each([
    ['RS256', 'rsa'],
    ['PS256', 'rsa'],
    ['ES256', 'ec'],
    ['EdDSA', 'ed'],
  ] as const)('by %s counts, with the name of its key and without', (alg, kid) => {
    expect(verdict(token({ alg, kid }, CLAIMS, SIGNERS[alg]))).toBe('verified: ada')
    expect(verdict(token({ alg, typ: 'at+jwt' }, { ...CLAIMS, aud: 'jetledger' }, SIGNERS[alg]))).toBe(
      'verified: ada',
    )
  })

  it.each<[string, object, string]>([
    ['of another issuer', { iss: 'https://id.example/' }, 'another issuer has made it'],
    ['for others', { aud: ['x'] }, 'it is for another audience'],
    ['for nobody', { aud: undefined }, 'it is for another audience'],
    ['of nobody', { sub: '' }, 'it names no subject'],
    ['without a subject', { sub: undefined }, 'its claims are not right'],
    ['that never expires', { exp: undefined }, 'its claims are not right'],
    ['that expires at a text', { exp: '9999999999' }, 'its claims are not right'],
    ['that has expired', { exp: NOW_S - 31 }, 'EXPIRED'],
    ['of the future', { nbf: NOW_S + 31 }, 'it is not valid yet'],
  ])('does not count if it is one %s', (_, claims, why) => {
    const made = token({ alg: 'ES256', kid: 'ec' }, { ...CLAIMS, ...claims }, SIGNERS.ES256)
    expect(verdict(made)).toBe(why)
  })

  it('counts while clocks may differ', () => {
    for (const claims of [{ exp: NOW_S - 29 }, { nbf: NOW_S + 29 }])
      expect(verdict(token({ alg: 'EdDSA' }, { ...CLAIMS, ...claims }, SIGNERS.EdDSA))).toBe('verified: ada')
  })
})

describe('a token that nobody of the issuer has signed', () => {
  const good = token({ alg: 'RS256', kid: 'rsa' }, CLAIMS, SIGNERS.RS256)
  const [head = '', body = '', signature = ''] = good.split('.')
  const public_pem = rsa.publicKey.export({ type: 'spki', format: 'pem' })
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  it.each<[string, string]>([
    ['without an algorithm', token({ alg: 'none', kid: 'rsa' }, CLAIMS, () => Buffer.from('x'))],
    [
      'with the public key as a secret',
      token({ alg: 'HS256', kid: 'rsa' }, CLAIMS, data =>
        createHmac('sha256', public_pem).update(data).digest(),
      ),
    ],
    ['with changed claims', `${head}.${part({ ...CLAIMS, sub: 'root' })}.${signature}`],
    ['with another header', `${part({ alg: 'PS256', kid: 'rsa' })}.${body}.${signature}`],
    ['by a key of another name', token({ alg: 'RS256', kid: 'ec' }, CLAIMS, SIGNERS.RS256)],
    [
      'by an algorithm that its key is not for',
      token({ alg: 'PS256', kid: 'only-rs' }, CLAIMS, SIGNERS.PS256),
    ],
    ['by an unknown key', token({ alg: 'RS256', kid: 'nope' }, CLAIMS, SIGNERS.RS256)],
    [
      'by a stranger under a known name',
      token({ alg: 'ES256', kid: 'ec' }, CLAIMS, data =>
        sign('sha256', data, { key: other.privateKey, dsaEncoding: 'ieee-p1363' }),
      ),
    ],
    [
      'by a key that it brings',
      token({ alg: 'ES256', jwk: jwk(other.publicKey, {}) }, CLAIMS, data =>
        sign('sha256', data, { key: other.privateKey, dsaEncoding: 'ieee-p1363' }),
      ),
    ],
    ['with a short signature', `${head}.${body}.AA`],
    ['by an algorithm of every object', token({ alg: 'constructor' }, CLAIMS, () => Buffer.from('x'))],
  ])('%s does not count', (_, text) => {
    expect(verdict(text)).toBe(UNSIGNED)
  })

  it.each<[string, string]>([
    ['of two parts', `${head}.${body}`],
    ['of four parts', `${good}.${signature}`],
    ['without a signature', `${head}.${body}.`],
    ['with other characters', `${head}.${body}.${signature}=`],
    ['with a claim twice', `${head}.${part('{"sub":"ada","sub":"root"}')}.${signature}`],
    ['that is no object', `${head}.${part('[]')}.${signature}`],
    ['whose header is no JSON', `eyJ.${body}.${signature}`],
    ['with an extension', token({ alg: 'RS256', crit: ['b64'], b64: false }, CLAIMS, SIGNERS.RS256)],
    ['for logging out', token({ alg: 'RS256', typ: 'logout+jwt' }, CLAIMS, SIGNERS.RS256)],
  ])('%s is not read', (_, text) => {
    expect(verdict(text)).toMatch(/^unread: /)
  })
})

describe('a set of keys', () => {
  it('gives the keys for signatures that are strong enough, and passes over the others', () => {
    const set = {
      keys: [
        jwk(weak.publicKey, { kid: 'weak' }),
        jwk(rsa.publicKey, { kid: 'enc', use: 'enc' }),
        jwk(rsa.publicKey, { kid: 'later', alg: 'RS512' }),
        { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' },
        { kty: 'RSA', n: 'AA', e: 7, kid: 'broken' },
        7,
        jwk(ed.publicKey, { kid: 'ed' }),
      ],
    }
    expect(keysOf(set).map(({ kid }) => kid)).toEqual(['ed'])
  })

  it.each([[{}], [{ keys: [] }], [{ keys: [jwk(weak.publicKey, {})] }], ['x'], [null]])('%j is none', set => {
    expect(E.isLeft(keysFrom(set))).toBe(true)
  })
})
