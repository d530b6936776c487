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
