/** A NATS that cannot be used (no answer, untrusted certificate, refused credentials): each case has its error sentence. */

import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findServerBinary } from '../../src/embedded/binaries.js'
import { freePort, LOOPBACK } from '../../src/embedded/ports.js'
import { makeTrust } from '../support/nats-jwt.js'
import { killNow, openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

/** The program tells the user within 5 s; the rest is for a busy machine that starts the program. */
const TOLD_MS_MAX = 10_000
const CONNECTED_MS_MAX = 20_000
const MARK = '\ufeff'

let bench: Workbench
const at: Record<string, string> = {}
const file = (name: string): string => join(bench.folder, name)

const makeCertificate = (name: string, host: string): void => {
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-days', '1']
  const files = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)]
  execFileSync('openssl', [...kind, ...files, ...names], { stdio: 'ignore' })
}

const isListening = async (port: number): Promise<boolean> => {
  const answer = await fetch(`http://${LOOPBACK}:${port}/healthz`).catch(() => undefined)
  return answer?.ok === true
}

const startNats = async (name: string, conf: string): Promise<string> => {
  const [port, monitor] = [await freePort(), await freePort()]
  const jetstream = `jetstream { store_dir: ${JSON.stringify(file(name))} }`
  const lines = [`host: ${LOOPBACK}`, `port: ${port}`, `http: "${LOOPBACK}:${monitor}"`, jetstream, conf]
  writeFileSync(file(`${name}.conf`), lines.join('\n'))
  const { pid } = spawn(findServerBinary('nats-server'), ['--config', file(`${name}.conf`)], {
    stdio: 'ignore',
  })
  if (pid === undefined) throw new Error('nats-server could not be started')
  bench.atEnd(() => killNow(pid))
  await until(() => isListening(monitor), { deadline_ms: 30_000, what: `the server ${name}` })
  return `${LOOPBACK}:${port}`
}

/** Opens a port that accepts connections and never answers. */
const startSilence = (): Promise<string> =>
  new Promise(resolve => {
    const server = createServer(() => undefined)
    server.unref().listen(0, LOOPBACK, () => {
      const address = server.address()
      bench.atEnd(() => void server.close())
      resolve(`${LOOPBACK}:${typeof address === 'object' ? address?.port : 0}`)
    })
  })

beforeAll(async () => {
  bench = openWorkbench()
  for (const [name, host] of [
    ['server', 'localhost'],
    ['other', 'other.example'],
  ] as const) {
    makeCertificate(name, host)
  }
  const tls = (name: string): string =>
    `tls { cert_file: ${JSON.stringify(file(`${name}.pem`))}, key_file: ${JSON.stringify(file(`${name}.key`))} }`
  const [trust, others] = [makeTrust(), makeTrust()]
  writeFileSync(file('right.creds'), MARK + trust.creds)
  writeFileSync(file('foreign.creds'), others.creds)
  writeFileSync(file('half.creds'), trust.creds.slice(0, trust.creds.indexOf('-----BEGIN USER NKEY')))
  writeFileSync(file('marked.pem'), MARK + execFileSync('cat', [file('server.pem')]).toString())
  writeFileSync(file('no.pem'), 'nothing')
  at.tls = await startNats('tls', tls('server'))
  at.other = await startNats('other', tls('other'))
  at.jwt = await startNats('jwt', trust.auth_conf)
  at.absent = `${LOOPBACK}:${await freePort()}`
  at.silent = await startSilence()
})
afterAll(() => bench.end())

type Case = readonly [name: string, url: string, files: Readonly<Record<string, string>>, sentence: string]

const local = (address = ''): string => address.replace(LOOPBACK, 'localhost')
const envOf = ([, server, files]: Case): Record<string, string> => ({
  NATS_URL: `nats://${local(at[server])}`,
  AWS_REGION: 'local',
  ...Object.fromEntries(Object.entries(files).map(([variable, name]) => [variable, file(name)])),
})

const NOT_USABLE: readonly Case[] = [
  ['nobody is there', 'absent', {}, 'NATS does not answer at'],
  ['somebody is there and says nothing', 'silent', {}, 'NATS does not answer at'],
  ['nobody vouches for the certificate', 'tls', {}, 'is not trusted (self-signed certificate)'],
  ['another CA vouches', 'tls', { NATS_TLS_CA: 'other.pem' }, 'is not trusted (self-signed certificate)'],
  [
    'the certificate is of another host',
    'other',
    { NATS_TLS_CA: 'other.pem' },
    "is not trusted (Hostname/IP does not match certificate's altnames",
  ],
  ['there are no credentials', 'jwt', {}, 'refuses the credentials (Authorization Violation): set'],
  ['the credentials are of others', 'jwt', { NATS_CREDS_FILE: 'foreign.creds' }, 'refuses the credentials'],
]

const askStatus = async (one: Case): Promise<void> => {
  const began_ms = performance.now()
  const { code, stderr } = await bench.run(['status'], envOf(one))
  expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining(one[3]) })
  expect([stderr.trim().split('\n').length, stderr.includes('    at ')]).toEqual([1, false])
  expect(performance.now() - began_ms).toBeLessThan(TOLD_MS_MAX)
}

const askService = async (one: Case): Promise<void> => {
  const program = bench.start(['serve'], { ...envOf(one), HTTP_PORT: '0' })
  const url = await until(() => /http:\/\/[\d.]+:\d+\/healthz/.exec(program.stderr())?.[0], {
    deadline_ms: TOLD_MS_MAX,
    what: 'the port of health',
  })
  const detail = await until(
    async () => {
      const health = (await (await fetch(url)).json()) as { parts: { nats?: { detail: string } } }
      return health.parts.nats?.detail.includes(one[3]) ? health.parts.nats.detail : undefined
    },
    { deadline_ms: TOLD_MS_MAX, what: `health to say: ${one[3]}` },
  )
  const logged = program
    .stderr()
    .split('\n')
    .filter(line => line.includes(JSON.stringify(detail)))
  expect([logged.length, program.running()]).toEqual([1, true])
  await program.end('SIGKILL')
}

describe('a subcommand ends with 3 and a sentence, and a service waits and says it in health and log, when', () => {
  it.each(NOT_USABLE)('%s', async (...one) => {
    await Promise.all([askStatus(one), askService(one)])
  })
})

const PASSWORD = 'hunter2'

describe('a login', () => {
  it('is shown nowhere, whether it is taken or refused, in whichever form it comes', async () => {
    const creds = readFileSync(file('foreign.creds'), 'utf8')
    const [seed = ''] = /SU[A-Z2-7]{56}/.exec(creds) ?? []
    writeFileSync(file('user.nk'), seed)
    const secrets = [
      PASSWORD,
      seed,
      ...creds.split('\n').filter(line => line.length > 40 && !line.includes('--')),
    ]
    const encoded = Buffer.from(creds).toString('base64')
    const forms: readonly Readonly<Record<string, string>>[] = [
      { NATS_CREDENTIALS: encoded },
      { NATS_NKEY: file('user.nk') },
      { NATS_USER: 'ann', NATS_PASSWORD: PASSWORD },
      { login: `ann:${PASSWORD}@` },
    ]
    const outputs = forms.map(async ({ login = '', ...form }) => {
      const env = { ...form, LOG_LEVEL: 'trace', HTTP_PORT: '0', NATS_TLS_CA: file('server.pem') }
      const refused = bench.run(['status'], { ...form, NATS_URL: `nats://${login}${local(at.jwt)}` })
      // a server without users takes every login
      const program = bench.start(['serve', '--roles', 'gateway'], {
        ...env,
        NATS_URL: `tls://${login}${local(at.tls)}`,
      })
      await until(() => program.stderr().includes('gateway: answering'), {
        deadline_ms: CONNECTED_MS_MAX,
        what: 'a connection',
      })
      const url = /http:\/\/[\d.]+:\d+/.exec(program.stderr())?.[0]
      const pages = ['healthz', 'readyz', 'metrics', 'nothing'].map(async path =>
        (await fetch(`${url}/${path}`)).text(),
      )
      const shown = await Promise.all(pages)
      await program.end('SIGTERM')
      const { stdout, stderr } = await refused
      expect(stderr).toContain('refuses the credentials')
      return [...shown, program.stdout(), program.stderr(), stdout, stderr].join('\n')
    })
    for (const output of await Promise.all(outputs))
      for (const secret of [...secrets, encoded]) expect(output).not.toContain(secret)
  })
})

describe('a file that the environment names', () => {
  it.each<readonly [string, Readonly<Record<string, string>>, string]>([
    ['jwt', { NATS_CREDS_FILE: 'half.creds' }, 'NATS_CREDS_FILE: the file'],
    ['jwt', { NATS_CREDS_FILE: 'none.creds' }, 'NATS_CREDS_FILE: it cannot be read: ENOENT'],
    ['tls', { NATS_TLS_CA: 'no.pem' }, 'NATS_TLS_CA: the file'],
    ['tls', { NATS_TLS_CA: 'none.pem' }, 'NATS_TLS_CA: it cannot be read: ENOENT'],
  ])('at %s that is of no use is a wrong call: %j', async (server, files, sentence) => {
    const env = { ...envOf(['', server, files, '']), HTTP_PORT: '0' }
    for (const { code, stderr } of await Promise.all(['status', 'serve'].map(one => bench.run([one], env)))) {
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(sentence) })
    }
  })

  it.each([
    ['no.pem', 'no.pem'],
    ['server.pem', 'other.key'],
  ])('for HTTPS is a wrong call where %s and %s do not go together', async (cert, key) => {
    const tls = { HTTP_TLS_CERT: cert, HTTP_TLS_KEY: key }
    const { code, stderr } = await bench.run(['serve'], envOf(['', 'absent', tls, '']))
    expect([code, stderr.trim().split('\n').length]).toEqual([2, 1])
    expect(stderr).toContain('HTTP_TLS_CERT, HTTP_TLS_KEY: they are no certificate and its key')
  })

  it('may begin with a byte order mark', async () => {
    const hash = createHash('sha256').update('secret').digest('hex')
    const tokens = { tokens: [{ name: 'a', sha256: hash, scopes: ['read'] }] }
    writeFileSync(file('tokens.json'), MARK + JSON.stringify(tokens))
    writeFileSync(file('roles.json'), `${MARK}{"roles":["gateway"]}`)
    writeFileSync(file('batch.json'), `${MARK}[]`)
    const [jwt, tls] = await Promise.all([
      bench.run(['status'], envOf(['', 'jwt', { NATS_CREDS_FILE: 'right.creds' }, ''])),
      bench.run(['status'], envOf(['', 'tls', { NATS_TLS_CA: 'marked.pem' }, ''])),
    ])
    // the connection works, but there is no ledger
    for (const { code, stderr } of [jwt, tls]) {
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('there is no ledger at') })
    }
    const files = { HTTP_TOKENS_FILE: 'tokens.json', JETLEDGER_ROLES_FILE: 'roles.json' }
    const program = bench.start(['serve'], { ...envOf(['', 'absent', files, '']), HTTP_PORT: '0' })
    await until(() => program.stderr().includes('"roles":["gateway"]'), {
      deadline_ms: TOLD_MS_MAX,
      what: 'the roles of the file',
    })
    await program.end('SIGKILL')
    const batch = await bench.run(['batch', file('batch.json')], envOf(['', 'absent', {}, '']))
    expect(batch.stderr).toContain('NATS does not answer')
  })
})
