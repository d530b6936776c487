import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { decodeConfig } from './config.js'

const CREDS = Buffer.from('-----BEGIN NATS USER JWT-----').toString('base64')

const accessOf = (env: Readonly<Record<string, string>>): unknown => {
  const decoded = decodeConfig(env)
  return E.isLeft(decoded) ? decoded.left : decoded.right.nats
}

const login = (env: Readonly<Record<string, string>>, tag: string, variable?: string): void =>
  expect(accessOf(env)).toMatchObject({ login: { tag, ...(variable === undefined ? {} : { variable }) } })

describe('the login', () => {
  it('is none, or of one kind, under the names of the stock command, too', () => {
    login({}, 'none')
    login({ NATS_CREDENTIALS: CREDS }, 'creds', 'NATS_CREDENTIALS')
    login({ NATS_CREDS_FILE: 'x' }, 'creds file', 'NATS_CREDS_FILE')
    login({ NATS_CREDS: 'x' }, 'creds file', 'NATS_CREDS')
    login({ NATS_NKEY: 'x' }, 'nkey file', 'NATS_NKEY')
    login({ NATS_USER: 'a', NATS_PASSWORD: 'b' }, 'user', 'NATS_USER and NATS_PASSWORD')
    login({ NATS_USER: 'a' }, 'token', 'NATS_USER')
    login({ NATS_TOKEN: 'a' }, 'token', 'NATS_TOKEN')
    login({ NATS_URL: 'nats://a:b@c' }, 'user', 'NATS_URL')
    login({ NATS_URL: 'nats://a@c' }, 'token', 'NATS_URL')
  })

  it('is refused when there are two kinds, by the names of both and without a value', () => {
    const kinds = [
      { NATS_CREDENTIALS: CREDS },
      { NATS_CREDS_FILE: 'hunter2' },
      { NATS_CREDS: 'hunter2' },
      { NATS_NKEY: 'hunter2' },
      { NATS_USER: 'hunter2', NATS_PASSWORD: 'hunter2' },
      { NATS_TOKEN: 'hunter2' },
      { NATS_URL: 'nats://hunter2:hunter2@c' },
    ] as const
    for (const [i, one] of kinds.entries()) {
      for (const other of kinds.slice(i + 1)) {
        const problem = accessOf({ ...one, ...other })
        for (const name of [...Object.keys(one), ...Object.keys(other)]) expect(problem).toContain(name)
        expect(problem).toContain('only one of them may be set')
        expect(problem).not.toContain('hunter2')
      }
    }
    expect(accessOf({ NATS_PASSWORD: 'hunter2' })).toBe('NATS_PASSWORD: it needs NATS_USER')
  })
})

describe('TLS', () => {
  it('is wanted by the scheme, and has its files under two names each', () => {
    expect(accessOf({ NATS_URL: 'tls://a' })).toMatchObject({ is_tls: true, tls: { is_first: false } })
    const pair = { cert: 'c', key: 'k' }
    for (const env of [
      { NATS_TLS_CA: 'x', NATS_TLS_CERT: 'c', NATS_TLS_KEY: 'k', NATS_TLS_FIRST: 'true' },
      { NATS_CA: 'x', NATS_CERT: 'c', NATS_KEY: 'k', NATS_TLS_FIRST: 'true' },
    ])
      expect(accessOf(env)).toMatchObject({ is_tls: false, tls: { ca: 'x', pair, is_first: true } })
  })

  it('is refused with two names for one file, and with a certificate without its key', () => {
    expect(accessOf({ NATS_TLS_CA: 'x', NATS_CA: 'x' })).toBe(
      'NATS_TLS_CA, NATS_CA: only one of them may be set',
    )
    for (const env of [{ NATS_TLS_CERT: 'x' }, { NATS_KEY: 'x' }])
      expect(accessOf(env)).toBe('NATS_TLS_CERT, NATS_TLS_KEY: both of them must be set, or none')
    expect(accessOf({ NATS_TLS_FIRST: 'yes' })).toBe('NATS_TLS_FIRST: must be true or false')
  })
})
