/**
 * Tests the image without Docker: performs the Dockerfile's own steps in a clean folder, and starts the result as the image
 * would be started. It takes packages from the registry, as `npm ci` does.
 */

import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../../src/embedded/ports.js'
import { filesIn, type Image, performDockerfile } from '../support/dockerfile.js'
import { openWorkbench, type Program, programOf, untilReady, type Workbench } from '../support/program.js'
import { balanceOf, errorOf, request, untilBalance, untilEqualsFold } from '../support/questions.js'
import { startTestServers, until } from '../support/servers.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const READY_MS_MAX = 30_000
const VISIBLE_MS_MAX = 5_000
/** As root the test runs as the image's user, who can only read the files; otherwise it runs as the current user. */
const AS_USER = process.getuid?.() === 0 ? { uid: 1_000, gid: 1_000 } : {}

let bench: Workbench
let image: Image
let nc: NatsConnection
let env: Record<string, string>
let serving: Program

/** Does what `docker run <image> <args>` does, with the image's entrypoint, working directory, variables and user. */
const start = (args: readonly string[], command: readonly string[] = image.entrypoint): Program => {
  const [file = '', ...first] = command
  const cwd = join(image.root, image.workdir)
  return programOf(
    spawn(file, [...first, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], ...AS_USER }),
  )
}

const ended = async (program: Program): Promise<Program> => {
  await until(() => !program.running(), { deadline_ms: READY_MS_MAX, what: 'the program to end' })
  return program
}

beforeAll(async () => {
  bench = openWorkbench()
  chmodSync(bench.folder, 0o755)
  image = performDockerfile(ROOT, bench.folder)
  const servers = await startTestServers()
  bench.atEnd(() => servers.stop())
  nc = await bench.connect(servers.nats.url)
  env = {
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    ...image.env,
    NATS_URL: servers.nats.url,
    AWS_ENDPOINT_URL_DYNAMODB: servers.dynamodb.endpoint,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'dummy',
    AWS_SECRET_ACCESS_KEY: 'dummy',
    JETLEDGER_REPLICAS: '1',
    HTTP_PORT: String(await freePort()),
  }
})
afterAll(() => bench.end())

it('is pinned by digest, runs as a number that is not root, and starts by exec', () => {
  expect(image.base).toMatch(/^node:\d+\.\d+\.\d+-\w+-slim@sha256:[0-9a-f]{64}$/)
  expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  expect(image.entrypoint).toEqual(['node', 'bin/jetledger.js'])
  expect(image.cmd).toEqual(['serve'])
  expect(Object.keys(image.labels)).toContain('org.opencontainers.image.version')
})

const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, { readonly dev?: true }>
}

it('holds the program and its production dependencies, and nothing else', () => {
  const app = join(image.root, image.workdir)
  const files = filesIn(app)
  expect([...new Set(files.map(path => path.split('/')[0]))].toSorted()).toEqual([
    'assets',
    'bin',
    'dist',
    'node_modules',
    'package.json',
  ])
  expect(files.filter(path => /^dist.*\.spec\.|\/(nats-server|dynoxide)$/.test(path))).toEqual([])
  const { devDependencies } = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  // a package of the tests may be one that a production dependency needs
  const needed = Object.keys(packages).flatMap(path => (packages[path]?.dev === true ? [] : [path]))
  for (const name of Object.keys(devDependencies)) {
    if (needed.includes(`node_modules/${name}`)) continue
    expect(
      files.filter(path => path.startsWith(`node_modules/${name}/`)),
      name,
    ).toEqual([])
  }
})

it('has no printer of readable lines, so that its log on a terminal is JSON too', () => {
  const script = "import { createLog } from './dist/process/log.js'; createLog('info', true).info('here')"
  const { status, stderr } = spawnSync('node', ['--input-type=module', '--eval', script], {
    cwd: join(image.root, image.workdir),
    env,
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  expect(JSON.parse(stderr)).toMatchObject({ msg: 'here' })
})

it('serves the tour', async () => {
  const seeding = await ended(start(['seed', '--json']))
  expect(JSON.parse(seeding.stdout())).toEqual({ events: 1_000 })
  serving = start(image.cmd)
  await untilReady(serving, 'the first answer', async () => {
    const reply = await request(nc, '{"client_id":"678"}').catch(() => undefined)
    return reply !== undefined
  })

  const opening = await balanceOf(nc, '678')
  const credit = '{"client_id":"678","amount":100,"transaction_id":"order-5512"}'
  const first = await request(nc, credit, 'customer.credit')
  expect(first.json()).toMatchObject({ balance: Number(opening) + 100, version: 2, seq: 1_001 })
  expect((await request(nc, credit, 'customer.credit')).json()).toMatchObject({ seq: 1_001, replayed: true })
  const transfer = await request(nc, '{"from":"678","to":"679","amount":50}', 'customer.transfer')
  expect(transfer.json()).toMatchObject({ from: { seq: 1_002 }, to: { seq: 1_003 } })
  nc.publish('customer.balance.678', '{"type":"debit","amount":25}')
  nc.publish('customer.balance.678', '{"type":"debit","amount":1000000}')
  await untilBalance(nc, '678', opening + 25n, VISIBLE_MS_MAX)
  expect(errorOf(await request(nc, '{"client_id":"678","amount":1000000}', 'customer.debit'))).toContain(
    'INSUFFICIENT_FUNDS',
  )
  await untilEqualsFold(nc, VISIBLE_MS_MAX)
  const rest = await fetch(`http://127.0.0.1:${env.HTTP_PORT}/v1/customers/678/balance`)
  expect(await rest.json()).toMatchObject({ balance: Number(opening) + 25 })
  const letters = await ended(start(['dead-letters', 'list', '--json']))
  expect(JSON.parse(letters.stdout())).toMatchObject([{ reason: 'INSUFFICIENT_FUNDS', seq: 1_005 }])
})

it('is found healthy by its own health check, ends on SIGTERM, and is then found unhealthy', async () => {
  const check = () => ended(start([], image.healthcheck))
  expect((await (await check()).end('SIGKILL')).code).toBe(0)
  expect(await serving.end('SIGTERM')).toEqual({ code: 0, signal: null })
  const late = await check()
  expect((await late.end('SIGKILL')).code).toBe(1)
  expect(late.stderr()).toContain('not healthy')
})

it('writes settings that are files into its one volume, for its own user alone', () => {
  const volume = join(image.root, image.volumes[0] ?? '')
  expect(statSync(volume).mode & 0o777).toBe(0o700)
  const write = (...args: string[]) =>
    spawnSync('node', ['bin/write-files.js', ...args], {
      cwd: join(image.root, image.workdir),
      env: { ...env, NATS_TLS_CA: 'a certificate' },
      encoding: 'utf8',
    })
  const file = join(volume, 'ca.pem')
  expect(write(`NATS_TLS_CA=${file}`).status).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe('a certificate')
  expect(statSync(file).mode & 0o777).toBe(0o400)
  expect(write(`HTTP_TOKENS_FILE=${file}`)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('each variable set'),
  })
})
