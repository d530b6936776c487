/** Connections to nats-servers that want a login, a certificate or a JWT: who gets in, and what those learn who do not. */

import { execFileSync } from 'node:child_process'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, credsAuthenticator, type NatsConnection, nkeys } from 'nats'
import pino from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ConfiguredNats, startConfiguredNats } from '../../test/support/configured-nats.js'
import { makeTrust } from '../../test/support/nats-jwt.js'
import { newFolder, removeFolder, until } from '../../test/support/servers.js'
import { createHealth, type Health } from '../health.js'
import { type Config, decodeConfig } from './config.js'
import { connectForEver, connectOnce } from './nats.js'

const DEADLINE = { deadline_ms: 30_000 }
/** Parts of the secrets below; no sentence may hold one. */
const SECRET = /hunter|t0ken/

const folder = newFolder()
const file = (name: string): string => join(folder, name)
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const trust = makeTrust()
const key = nkeys.createUser()
const servers: Record<string, ConfiguredNats> = {}

const makeCertificate = (name: string, host: string): void => {
  const kind = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '1',
  ]
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host},IP:127.0.0.1`]
  execFileSync('openssl', [...kind, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), ...names], {
    stdio: 'ignore',
  })
}

const in_s = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds
const writeCreds = (name: string, creds: string): string => {
  // by renaming, as whoever renews credentials should do it
  writeFileSync(file(`${name}.new`), creds)
  renameSync(file(`${name}.new`), file(name))
  return creds
}

beforeAll(async () => {
  makeCertificate('server', 'localhost')
  makeCertificate('client', 'client')
  const tls = `cert_file: "${file('server.pem')}", key_file: "${file('server.key')}", ca_file: "${file('client.pem')}"`
  const [cert, client_key] = [file('client.pem'), file('client.key')]
  const trusted = { tls: { caFile: file('server.pem'), certFile: cert, keyFile: client_key } }
  servers.jwt = await startConfiguredNats(trust.changeable_conf(file('accounts')), {
    authenticator: credsAuthenticator(new TextEncoder().encode(trust.creds)),
  })
  servers.users = await startConfiguredNats(
    `authorization { users: [ { user: ann, password: hunter2 }, { nkey: ${key.getPublicKey()} } ] }`,
    { user: 'ann', pass: 'hunter2' },
  )
  servers.mutual = await startConfiguredNats(`tls { ${tls}, verify: true }\nauthorization { token: t0ken }`, {
    token: 't0ken',
    ...trusted,
  })
  writeFileSync(file('right.creds'), trust.creds)
  writeFileSync(file('expired.creds'), trust.credsOf('late', {}, { exp: in_s(-60) }))
  writeFileSync(file('early.creds'), trust.credsOf('early', {}, { nbf: in_s(3_600) }))
  writeFileSync(file('foreign.creds'), makeTrust().creds)
  writeFileSync(file('right.nk'), `# the key of ann\n${text(key.getSeed())}\n`)
  writeFileSync(file('other.nk'), text(nkeys.createUser().getSeed()))
})
afterAll(async () => {
  await Promise.all(Object.values(servers).map(server => server.stop()))
  removeFolder(folder)
})

/** A URL such as `tls://user:password@jwt`, where the host is the name of a server here. */
const urlOf = (url: string): string =>
  url.replace(/\w+$/, name => servers[name]?.url.replace('nats://127.0.0.1', 'localhost') ?? name)

const configOf = (url: string, env: Readonly<Record<string, string>>): Config => {
  const files = Object.entries(env).map(([name, value]) => [name, value.includes('.') ? file(value) : value])
  const decoded = decodeConfig({ ...Object.fromEntries(files), NATS_URL: urlOf(url) })
  if (decoded._tag === 'Left') throw new Error(decoded.left)
  return decoded.right
}

const CLIENT = { NATS_TLS_CERT: 'client.pem', NATS_TLS_KEY: 'client.key' }

it.each<readonly [string, Readonly<Record<string, string>>]>([
  ['nats://jwt', { NATS_CREDS: 'right.creds' }],
  ['nats://users', { NATS_USER: 'ann', NATS_PASSWORD: 'hunter2' }],
  ['nats://ann:hunter2@users', {}],
  ['nats://users', { NATS_NKEY: 'right.nk' }],
  [
    'tls://mutual',
    { NATS_CA: 'server.pem', NATS_CERT: 'client.pem', NATS_KEY: 'client.key', NATS_TOKEN: 't0ken' },
  ],
  ['tls://t0ken@mutual', { NATS_TLS_CA: 'server.pem', ...CLIENT }],
])('%s lets in whoever has %j', async (url, env) => {
  const nc = await connectOnce(configOf(url, env))
  await nc.flush()
  await nc.close()
})

it.each<readonly [string, Readonly<Record<string, string>>, string]>([
  ['tls://users', {}, 'speaks no TLS'],
  ['nats://jwt', { NATS_CREDS_FILE: 'expired.creds' }, 'of the user "late", expired at 20'],
  ['nats://jwt', { NATS_CREDS_FILE: 'early.creds' }, 'of the user "early", are not valid before 20'],
  [
    'nats://jwt',
    { NATS_CREDS_FILE: 'foreign.creds' },
    'are revoked, or that server does not know the account',
  ],
  ['nats://ann:hunter3@users', {}, 'the user or the password in NATS_URL is wrong'],
  ['nats://users', { NATS_USER: 'ann', NATS_PASSWORD: 'hunter3' }, 'in NATS_USER and NATS_PASSWORD is wrong'],
  ['nats://users', { NATS_NKEY: 'other.nk' }, 'does not know the key U'],
  ['nats://users', {}, 'refuses the credentials (Authorization Violation): set NATS_CREDS_FILE'],
  [
    'tls://mutual',
    { NATS_TLS_CA: 'server.pem', ...CLIENT, NATS_TOKEN: 't0ken2' },
    'the token in NATS_TOKEN is wrong',
  ],
  // "wants" where the server's alert arrives, "may want" where the end of the connection overtakes it
  ['tls://t0ken@mutual', { NATS_TLS_CA: 'server.pem' }, 'another certificate of its client'],
  ['tls://mutual', { NATS_TLS_CA: 'client.pem', ...CLIENT }, 'was not signed by the CA in'],
])('%s tells whoever has %j: %s', async (url, env, sentence) => {
  const failure = await connectOnce(configOf(url, env)).then(
    () => expect.unreachable(),
    (thrown: Error) => thrown.message,
  )
  expect(failure).toContain(sentence)
  expect(failure).not.toMatch(SECRET)
})

it.each<readonly [Readonly<Record<string, string>>, string]>([
  [{ NATS_NKEY: 'server.pem' }, 'holds no seed of a user'],
  [{ NATS_CREDS_FILE: 'server.pem' }, 'holds no credentials'],
  [{ NATS_TLS_CERT: 'client.pem', NATS_TLS_KEY: 'server.key' }, 'they are no certificate and its key'],
])('%j names a file of no use, which is a wrong call', async (env, sentence) => {
  await expect(connectOnce(configOf('nats://users', env))).rejects.toMatchObject({
    message: expect.stringContaining(sentence),
    exit_code: 2,
  })
})

type Served = { readonly nc: NatsConnection; readonly health: Health; readonly said: string[] }

const serve = async (env: Readonly<Record<string, string>>): Promise<Served> => {
  const said: string[] = []
  const health = createHealth((_, { state, detail }) => said.push(`${state} ${detail}`))
  const log = pino({ level: 'silent' })
  const nc = await connectForEver(configOf('nats://jwt', env), log, health, async () => true)
  return { nc, health, said }
}

/** Makes the server take an account in which these users are revoked, as "nsc push" does. */
const revoke = async (...revoked: readonly string[]): Promise<void> => {
  const authenticator = credsAuthenticator(new TextEncoder().encode(trust.system_creds))
  const system = await connect({ servers: servers.jwt?.url ?? '', authenticator })
  const answer = await system.request('$SYS.REQ.CLAIMS.UPDATE', trust.accountWithout(...revoked))
  expect(answer.string()).toContain('"code":200')
  await system.close()
}

it('reads the credentials at each connect: a revoked user comes back with the file as it then is', async () => {
  const first = writeCreds('renewed.creds', trust.credsOf('first', {}))
  const { nc, health, said } = await serve({ NATS_CREDS_FILE: 'renewed.creds' })
  const second = writeCreds('renewed.creds', trust.credsOf('second', {}))
  await revoke(first)
  await until(() => said.includes('ok '), { ...DEADLINE, what: 'the connection with the new file' })
  expect(said[0]).toContain('refuses the credentials (User Authentication Revoked)')

  // now nobody has renewed the file, and then somebody has half done it
  said.length = 0
  rmSync(file('renewed.creds'))
  await revoke(first, second)
  await until(() => said.at(-1)?.includes('content from before is used'), {
    ...DEADLINE,
    what: 'a lost file',
  })
  expect(said.at(-1)).toContain('(User Authentication Revoked): those in')
  writeFileSync(file('renewed.creds'), 'half')
  await until(() => said.at(-1)?.includes('holds no credentials'), { ...DEADLINE, what: 'half a file' })
  writeCreds('renewed.creds', trust.credsOf('third', {}))
  await until(() => health.of('nats')?.state === 'ok', {
    ...DEADLINE,
    what: 'the connection with the third file',
  })
  await nc.flush()
  await nc.close()
})

it('says that the user expired while it was connected', async () => {
  // whole seconds: of one second nearly nothing may be left, and then the first connection is refused already
  writeCreds('short.creds', trust.credsOf('short', {}, { exp: in_s(3) }))
  const { nc, said } = await serve({ NATS_CREDS_FILE: 'short.creds' })
  await until(() => said.some(line => line.includes('of the user "short", expired at')), {
    ...DEADLINE,
    what: 'the end of the time',
  })
  expect(said[0]).toContain('down NATS at nats://localhost')
  await nc.close()
})
