import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { E, pipe } from '../fp.js'
import { callersOf, decodeConfig, settingsOf } from './config.js'

/** The credentials that a configuration holds. */
const textOf = (decoded: ReturnType<typeof decodeConfig>): string | undefined =>
  E.isRight(decoded) && decoded.right.nats.login.tag === 'creds' ? decoded.right.nats.login.text() : undefined

const problemsOf = (env: Record<string, string>): string => {
  const decoded = decodeConfig(env)
  return E.isLeft(decoded) ? decoded.left : 'none'
}

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(decodeConfig({})).toMatchObject(
      E.right({
        nats: { urls: ['nats://127.0.0.1:4222'], is_tls: false, login: { tag: 'none' } },
        DDB_TABLE: 'customer-balances',
        JETLEDGER_ROLES: ['commands', 'projections', 'queries', 'gateway', 'operations'],
        HTTP_PORT: 8080,
        LOG_LEVEL: 'info',
      }),
    )
  })

  it('knows nobody unless it says who vouches for callers', () => {
    const callers = (env: Record<string, string>): unknown => pipe(decodeConfig(env), E.map(callersOf))
    expect(callers({})).toEqual(E.right(undefined))
    expect(callers({ JETLEDGER_CALLERS: 'gateway' })).toEqual(E.right({ vouched_by: 'gateway' }))
    expect(callers({ JETLEDGER_CALLERS: 'request-info', JETLEDGER_GATEWAY_ACCOUNT: 'GATEWAY' })).toEqual(
      E.right({ vouched_by: 'request-info', gateway_account: 'GATEWAY' }),
    )
    for (const env of [{}, { JETLEDGER_CALLERS: 'gateway' }])
      expect(problemsOf({ ...env, JETLEDGER_GATEWAY_ACCOUNT: 'G' })).toContain(
        'JETLEDGER_GATEWAY_ACCOUNT: it counts only',
      )
  })

  it('keeps heads in a bucket only with a key and a region', () => {
    const all = {
      JETLEDGER_HEAD_BUCKET: 'heads',
      JETLEDGER_HEAD_SEED_FILE: 'seed',
      AWS_REGION: 'eu-central-1',
    }
    expect(decodeConfig(all)).toMatchObject(E.right({ ...all, JETLEDGER_HEAD_LOCK_DAYS: 3_650 }))
    for (const missing of ['JETLEDGER_HEAD_SEED_FILE', 'AWS_REGION'])
      expect(problemsOf({ ...all, [missing]: '' })).toContain('JETLEDGER_HEAD_BUCKET: it counts only with')
    expect(problemsOf({ ...all, JETLEDGER_HEAD_BUCKET: 'a/b' })).toContain('the name of a bucket')
  })

  it.each(['http://id.example', 'id.example', 'https://a:b@id.example', 'https://id.example/?a=b'])(
    'takes no tokens of %s',
    issuer => {
      const env = { HTTP_JWT_ISSUER: issuer, HTTP_JWT_AUDIENCE: 'jetledger' }
      expect(problemsOf(env)).toContain('HTTP_JWT_ISSUER: must be the URL of an issuer')
    },
  )

  it('takes tokens of an issuer only with their audience', () => {
    const both = { HTTP_JWT_ISSUER: 'https://id.example/realm', HTTP_JWT_AUDIENCE: 'jetledger' }
    expect(decodeConfig(both)).toMatchObject(E.right(both))
    expect(problemsOf({ HTTP_JWT_ISSUER: both.HTTP_JWT_ISSUER })).toContain('both of them must be set')
    expect(problemsOf({ HTTP_JWT_AUDIENCE: 'jetledger' })).toContain('both of them must be set')
  })

  it('has three replicas unless it says otherwise', () => {
    const replicasOf = (env: Record<string, string>): unknown =>
      pipe(
        decodeConfig(env),
        E.map(settingsOf),
        E.map(({ replicas }) => replicas),
      )
    expect([replicasOf({}), replicasOf({ JETLEDGER_REPLICAS: '1' })]).toEqual([E.right(3), E.right(1)])
  })

  it('takes an empty variable for one that is not set', () => {
    expect(decodeConfig({ DDB_TABLE: '', HTTP_PORT: '' })).toEqual(decodeConfig({}))
  })

  it('reads each variable', () => {
    const creds = '-----BEGIN NATS USER JWT-----\nabc\n------END NATS USER JWT------'
    const decoded = decodeConfig({
      NATS_URL: 'tls://a:4222, tls://b:4222',
      NATS_CREDENTIALS: Buffer.from(creds).toString('base64'),
      DDB_TABLE: 'x',
      AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:8000',
      JETLEDGER_ROLES: 'queries',
      JETLEDGER_REPLICAS: '1',
      HTTP_PORT: '0',
      LOG_LEVEL: 'debug',
    })
    expect(decoded).toMatchObject(
      E.right({
        nats: { urls: ['tls://a:4222', 'tls://b:4222'], login: { tag: 'creds' } },
        JETLEDGER_ROLES: ['queries'],
        JETLEDGER_REPLICAS: 1,
        HTTP_PORT: 0,
      }),
    )
    expect(textOf(decoded)).toBe(creds)
  })

  it('reports every problem at once, by the names of the variables', () => {
    const problems = problemsOf({
      NATS_URL: 'http://x',
      HTTP_PORT: 'eighty',
      LOG_LEVEL: 'loud',
      JETLEDGER_ROLES: 'queries,cook',
      JETLEDGER_REPLICAS: '0',
    })
    for (const name of ['NATS_URL', 'HTTP_PORT', 'LOG_LEVEL', 'JETLEDGER_ROLES', 'JETLEDGER_REPLICAS']) {
      expect(problems).toContain(`${name}: must be`)
    }
  })

  it('takes prefixes of inboxes, with a dot at the end or without, and none that leads elsewhere', () => {
    const JETLEDGER_REPLY_PREFIXES = '_INBOX_acme, reply.shop.'
    expect(decodeConfig({ JETLEDGER_REPLY_PREFIXES })).toMatchObject(
      E.right({ JETLEDGER_REPLY_PREFIXES: ['_INBOX_acme', 'reply.shop'] }),
    )
    for (const wrong of [
      'customer',
      'customer.',
      'customer.balance',
      '$KV',
      '$JS.',
      'a,$SRV',
      '>',
      'a.*',
      ',',
      'a b',
    ])
      expect(problemsOf({ JETLEDGER_REPLY_PREFIXES: wrong })).toContain('JETLEDGER_REPLY_PREFIXES: must be')
  })

  it('takes an inbox of its own, as a permission names it or without what follows, and none that leads elsewhere', () => {
    for (const given of ['_INBOX.shop', '_INBOX.shop.', '_INBOX.shop.>', '_INBOX.shop.*'])
      expect(decodeConfig({ NATS_INBOX_PREFIX: given })).toMatchObject(
        E.right({ NATS_INBOX_PREFIX: '_INBOX.shop' }),
      )
    for (const wrong of ['customer.balance', '$KV.config', '>', '_INBOX.*.x', '_INBOX..x', 'a b', '.'])
      expect(problemsOf({ NATS_INBOX_PREFIX: wrong }), wrong).toContain('NATS_INBOX_PREFIX: must be')
  })

  it('never shows a secret that it refuses', () => {
    expect(problemsOf({ NATS_CREDENTIALS: 'hunter2' })).toBe(
      'NATS_CREDENTIALS: must be a .creds file in base64',
    )
  })

  it('names wrong values and misspelt variables at once', () => {
    const problems = problemsOf({ HTTP_PORT: 'eighty', JETLEDGER_ROLE: 'queries' })
    expect(problems).toContain('HTTP_PORT: must be')
    expect(problems).toContain('JETLEDGER_ROLE: is no variable of jetledger (did you mean JETLEDGER_ROLES?)')
  })

  it('knows the variable of the data folder, and one that is set to nothing', () => {
    expect(problemsOf({ JETLEDGER_DATA_DIR: '/tmp/x', JETLEDGER_ROLES: '' })).toBe('none')
  })

  it('passes over a byte order mark before the credentials', () => {
    const creds = '-----BEGIN NATS USER JWT-----\nabc\n------END NATS USER JWT------'
    const NATS_CREDENTIALS = Buffer.from(`\ufeff${creds}`).toString('base64')
    expect(textOf(decodeConfig({ NATS_CREDENTIALS }))).toBe(creds)
  })

  it('holds no secret that a log of it would show', () => {
    const creds = Buffer.from('-----BEGIN NATS USER JWT-----hunter2').toString('base64')
    for (const env of [
      { NATS_CREDENTIALS: creds },
      { NATS_USER: 'a', NATS_PASSWORD: 'hunter2' },
      { NATS_TOKEN: 'hunter2' },
      { NATS_URL: 'nats://a:hunter2@b' },
    ]) {
      const decoded = decodeConfig(env)
      expect(E.isRight(decoded)).toBe(true)
      for (const shown of [inspect(decoded, { depth: 9 }), JSON.stringify(decoded)])
        expect(shown).not.toMatch(new RegExp(`hunter2|${creds}`))
    }
  })
})
