/** Which ledger a subcommand talks to, and as whom, when a `jetledger dev --secure` runs in its folder. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

let folder: string
let users: string
let environment: typeof import('./environment.js')

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'jetledger-test-'))
  users = join(folder, 'users')
  mkdirSync(users)
  for (const user of ['reader', 'client']) writeFileSync(join(users, `${user}.creds`), '')
  // the folder is read when the module is loaded
  vi.resetModules()
  vi.stubEnv('JETLEDGER_DATA_DIR', folder)
  vi.stubEnv('NATS_URL', '')
  environment = await import('./environment.js')
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const note = (has_logins: boolean): void =>
  environment.noteListening(folder, {
    nats_url: has_logins ? 'tls://127.0.0.1:4222' : 'nats://127.0.0.1:4222',
    dynamodb_endpoint: 'http://127.0.0.1:8000',
    replicas: 1,
    ...(has_logins ? { logins: { users, ca: join(folder, 'ca.pem'), dynamodb_key: 'k' } } : {}),
  })

it.each([
  ['', 'reader'],
  ['client', 'client'],
])(
  'JETLEDGER_USER=%s is the user %s, with its inboxes, the CA, and the key of the tables',
  (stated, user) => {
    note(true)
    vi.stubEnv('JETLEDGER_USER', stated)
    // a login for another NATS must not be sent
    vi.stubEnv('NATS_TOKEN', 'of another NATS')
    const { config, aws } = environment.readEnvironment()
    expect(config.nats).toMatchObject({
      is_tls: true,
      login: { tag: 'creds file', path: join(users, `${user}.creds`) },
      tls: { ca: join(folder, 'ca.pem') },
    })
    expect([config.NATS_INBOX_PREFIX, aws?.credentials.accessKeyId]).toEqual([`_INBOX.${user}`, 'k'])
  },
)

it.each(['stranger', '../users/reader', '*'])(
  'the user %s is refused with the names of those there are',
  user => {
    note(true)
    vi.stubEnv('JETLEDGER_USER', user)
    expect(() => environment.readEnvironment()).toThrow(
      `JETLEDGER_USER: there is no user "${user}"; the users are client, reader`,
    )
  },
)

it('a user is refused where it would not count', () => {
  const refusal = 'it counts only for a running "jetledger dev --secure"'
  vi.stubEnv('JETLEDGER_USER', 'client')
  expect(() => environment.readEnvironment()).toThrow(refusal)
  note(false)
  expect(() => environment.readEnvironment()).toThrow(refusal)
  note(true)
  vi.stubEnv('NATS_URL', 'nats://127.0.0.1:4222')
  expect(() => environment.readEnvironment()).toThrow(refusal)
})

const context = (name: string, file: unknown, kind = 'jetledger'): void => {
  const contexts = join(folder, kind, 'context')
  mkdirSync(contexts, { recursive: true })
  writeFileSync(join(contexts, `${name}.json`), JSON.stringify(file))
}

/** Where a subcommand goes, with which login. */
const goesTo = (options: Parameters<typeof environment.chooseConnection>[0] = {}) => {
  environment.chooseConnection(options)
  const { config } = environment.readEnvironment()
  const { urls, login } = config.nats
  return [urls[0], login.tag, config.DDB_TABLE]
}

it('the first source that names a ledger counts, and no login of another one is sent', () => {
  vi.stubEnv('XDG_CONFIG_HOME', folder)
  const nobody = 'nats://127.0.0.1:4222'
  expect(goesTo()).toEqual([nobody, 'none', 'customer-balances'])
  context('chosen', { url: 'nats://chosen:1', token: 'a', ddb_table: 'of-chosen' })
  writeFileSync(join(folder, 'jetledger', 'context.txt'), 'chosen\n')
  expect(goesTo()).toEqual(['nats://chosen:1', 'token', 'of-chosen'])
  expect(environment.readEnvironment({}, { may_use_selected: false }).config.nats.urls).toEqual([nobody])
  note(false)
  expect(goesTo()).toEqual([nobody, 'none', 'customer-balances'])
  // the stock command writes every field, and empty ones say nothing
  context('stock', { description: 'x', url: 'tls://stock:2', user: 'u', password: 'p', creds: '' }, 'nats')
  vi.stubEnv('JETLEDGER_CONTEXT', 'stock')
  expect(goesTo()).toEqual(['tls://stock:2', 'user', 'customer-balances'])
  vi.stubEnv('NATS_URL', 'nats://stated:3')
  expect(() => goesTo()).toThrow('NATS_URL, JETLEDGER_CONTEXT: only one of them may be set')
  vi.stubEnv('JETLEDGER_CONTEXT', '')
  vi.stubEnv('NATS_TOKEN', 'of the stated one')
  expect(goesTo()).toEqual(['nats://stated:3', 'token', 'customer-balances'])
  expect(goesTo({ server: 'nats://option:4' })).toEqual(['nats://option:4', 'token', 'customer-balances'])
  expect(goesTo({ creds: '/a.creds' })).toEqual(['nats://stated:3', 'creds file', 'customer-balances'])
  expect(goesTo({ context: 'chosen', creds: '/a.creds' })).toEqual([
    'nats://chosen:1',
    'creds file',
    'of-chosen',
  ])
  expect(goesTo({ context: 'stock', server: 'tls://option:4' })).toEqual([
    'tls://option:4',
    'user',
    'customer-balances',
  ])
})

it('a context that cannot be used is refused, and nothing of a password is shown', () => {
  vi.stubEnv('XDG_CONFIG_HOME', folder)
  context('socks', { url: 'nats://u:hunter2@a:1', socks_proxy: 'a' }, 'nats')
  context('number', { url: 7 })
  context('http', { url: 'http://u:hunter2@a' })
  for (const [name, sentence] of [
    ['socks', 'jetledger knows nothing of socks_proxy'],
    ['number', 'url: '],
    ['http', 'the context http is not right: NATS_URL: must be a URL'],
    ['none', '--context: there is no context "none"'],
    ['../number', '--context: there is no context "../number"'],
  ] as const) {
    expect(() => goesTo({ context: name })).toThrow(sentence)
    expect(() => goesTo({ context: name })).not.toThrow('hunter2')
  }
})
