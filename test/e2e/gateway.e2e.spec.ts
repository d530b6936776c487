/** The gateway of the built program: the README's lines, tokens, HTTPS, roles, readiness, and a killed service behind it. */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type DynamodbProcess, startDynamodbProcess } from '../support/dynamodb-process.js'
import { openWorkbench, type Program, untilReady, type Workbench } from '../support/program.js'
import { untilEqualsFold } from '../support/questions.js'
import { startTestNats, type TestNats, until } from '../support/servers.js'

const MS_MAX = 30_000
const KILLS = 3
const CLIENTS = 12
const WRITES_BETWEEN_KILLS = 300

const run = promisify(execFile)

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

type Env = Readonly<Record<string, string>>

const servers = async (): Promise<{ nats: TestNats; dynamodb: DynamodbProcess; env: Env }> => {
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const dynamodb = await startDynamodbProcess(bench.folder)
  bench.atEnd(() => dynamodb.kill())
  const env = {
    NATS_URL: nats.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'dummy',
    AWS_SECRET_ACCESS_KEY: 'dummy',
    JETLEDGER_REPLICAS: '1',
    HTTP_PORT: '0',
  }
  return { nats, dynamodb, env }
}

type Serving = Program & { readonly url: string; readonly host: string }

const serve = async (env: Env, ready: string | undefined, ...args: readonly string[]): Promise<Serving> => {
  const program = bench.start(['serve', ...args], env)
  let found: RegExpExecArray | null = null
  await untilReady(program, `serve ${args.join(' ')}`, () => {
    found = /(https?):\/\/([\d.]+):(\d+)\/healthz/.exec(program.stderr())
    return found !== null && (ready === undefined || program.stderr().includes(ready))
  })
  const [, scheme = '', host = '', port = ''] = found ?? []
  return { ...program, host, url: `${scheme}://127.0.0.1:${port}` }
}

/** The table of an empty ledger is made after the start: until then it cannot be read. */
const untilReadyz = (url: string) =>
  until(async () => (await fetch(`${url}/readyz`)).status === 200, {
    deadline_ms: MS_MAX,
    what: 'readiness',
  })

const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

it('every line for curl in the README does what it says, and dev prints one', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, section = ''] = /## Over HTTP\n([\s\S]*?)\n## /.exec(readme) ?? []
  const lines = [...section.matchAll(/^ {4}\$ (curl .*)$/gm)].map(([, line = '']) => line)
  expect(lines.length).toBeGreaterThan(10)
  const dev = await bench.dev()
  const { host } = new URL(dev.health_url)
  const statusOf = async (line: string): Promise<string> => {
    const silent = line.replace(/^curl /, "curl -s -o /dev/null -w '%{http_code}' ")
    return (await run('sh', ['-c', silent])).stdout
  }
  for (const line of lines) {
    const status = await statusOf(line.replaceAll('localhost:8080', host))
    expect(status, line).toBe(/credits|debits|transfers/.test(line) ? '201' : '200')
  }
  const printed = [...dev.stdout().matchAll(/^ +(curl .*)$/gm)].map(([, line = '']) => line)
  expect(await Promise.all(printed.map(statusOf))).toEqual(['200', '201'])
})

it('without tokens it listens on the loopback interface and says so; with them everywhere, for whom they let in', async () => {
  const { env } = await servers()
  const open = await serve(env, 'commands: answering')
  expect(open.host).toBe('127.0.0.1')
  expect(open.stderr()).toContain('HTTP_TOKENS_FILE is not set')
  await open.end('SIGTERM')

  const file = join(bench.folder, 'tokens.json')
  const entry = (name: string, token: string, scopes: string[]) => ({
    name,
    sha256: createHash('sha256').update(token).digest('hex'),
    scopes,
  })
  const tokens = [entry('reader', 'r-secret', ['read']), entry('writer', 'w-secret', ['write'])]
  writeFileSync(file, JSON.stringify({ tokens }))
  const closed = await serve({ ...env, HTTP_TOKENS_FILE: file, LOG_LEVEL: 'trace' }, 'commands: answering')
  expect(closed.host).toBe('0.0.0.0')
  const credit = (authorization?: string) =>
    post(
      `${closed.url}/v1/customers/678/credits`,
      { amount: 1 },
      authorization === undefined ? {} : { authorization },
    )
  const answers = await Promise.all([
    credit(),
    credit('Bearer x-secret'),
    credit('Bearer r-secret'),
    credit('Bearer w-secret'),
    credit('w-secret'),
  ])
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 403, 201, 201])
  expect(await answers[0]?.text()).toBe(await answers[1]?.text())
  expect(closed.stderr()).not.toMatch(/[rwx]-secret/)

  writeFileSync(file, JSON.stringify({ tokens: [{ ...tokens[0], sha256: 'r-secret' }] }))
  const refused = await bench.run(['serve'], { ...env, HTTP_TOKENS_FILE: file })
  expect([refused.code, refused.stderr.includes('must be the SHA-256')]).toEqual([2, true])
})

it('speaks HTTPS when it is given a certificate', async () => {
  const { env } = await servers()
  const [key, cert] = [join(bench.folder, 'key.pem'), join(bench.folder, 'cert.pem')]
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await run('openssl', [...kind, '-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-days', '1'])
  const secure = await serve({ ...env, HTTP_TLS_CERT: cert, HTTP_TLS_KEY: key }, 'queries: answering')
  const { port } = new URL(secure.url)
  const line = ['-s', '--cacert', cert, '--resolve', `localhost:${port}:127.0.0.1`]
  const get = async (path: string) =>
    (await run('curl', [...line, `https://localhost:${port}${path}`])).stdout
  await until(async () => JSON.parse(await get('/readyz')).ready === true, {
    deadline_ms: MS_MAX,
    what: 'readiness',
  })
  expect(JSON.parse(await get('/v1/customers/678/balance'))).toMatchObject({ client_id: '678', balance: 0 })
  const half = await bench.run(['serve'], { ...env, HTTP_TLS_CERT: cert })
  expect([half.code, half.stderr.includes('both of them must be set')]).toEqual([2, true])
})

it('a process serves the roles and endpoints that it is configured for, and does not start with an unknown one', async () => {
  const { env } = await servers()
  const roles_file = join(bench.folder, 'roles.json')
  writeFileSync(
    roles_file,
    '{"endpoints":{"balance":{"concurrency":64}},"roles":["projections","queries","gateway"]}',
  )
  const some = await serve(env, 'queries: answering', '--roles-file', roles_file)
  await untilReadyz(some.url)
  expect((await fetch(`${some.url}/v1/customers/678/balance`)).status).toBe(200)
  const credit = await post(`${some.url}/v1/customers/678/credits`, { amount: 1 })
  expect([credit.status, credit.headers.get('retry-after')]).toEqual([503, '1'])

  const commands = await serve(env, 'commands: answering', '--roles', 'commands')
  expect(commands.host).toBe('0.0.0.0')
  expect((await fetch(`${commands.url}/v1/customers/678/balance`)).status).toBe(404)
  for (const path of ['/ping', '/healthz', '/readyz', '/metrics']) {
    expect((await fetch(commands.url + path)).status, path).toBe(200)
  }
  expect((await post(`${some.url}/v1/customers/678/credits`, { amount: 1 })).status).toBe(201)
  expect(await (await fetch(`${commands.url}/metrics`)).text()).toContain(
    'jetledger_service_requests_total{endpoint="credit"} 1',
  )

  writeFileSync(roles_file, '{"endpoints":{"balances":{}}}')
  const unknown = await bench.run(['serve', '--roles-file', roles_file], env)
  expect([unknown.code, unknown.stderr.includes('endpoints.balances: is no endpoint')]).toEqual([2, true])
  const cook = await bench.run(['serve', '--roles', 'cook'], env)
  expect([cook.code, cook.stderr.includes('JETLEDGER_ROLES: must be a list of')]).toEqual([2, true])
})

it('readiness names what is missing: DynamoDB, NATS; the gateway says 503 at once and comes back', async () => {
  const { nats, dynamodb, env } = await servers()
  const { url } = await serve(env, 'commands: answering')
  type Ready = { ready: boolean; checks: Record<string, { state: string }> }
  const readiness = async () => (await (await fetch(`${url}/readyz`)).json()) as Ready
  const untilDown = (part: string) =>
    until(
      async () => {
        const { ready, checks } = await readiness()
        return !ready && checks[part]?.state === 'down'
      },
      { deadline_ms: MS_MAX, what: `readiness to name ${part}` },
    )
  const untilUp = () => untilReadyz(url)
  await untilUp()
  await dynamodb.kill()
  await untilDown('dynamodb')
  // commands do not need DynamoDB
  expect((await post(`${url}/v1/customers/678/credits`, { amount: 1 })).status).toBe(201)
  await dynamodb.start()
  await untilUp()
  process.kill(nats.pid, 'SIGSTOP')
  try {
    await untilDown('nats')
    const began_ms = performance.now()
    const refused = await post(`${url}/v1/customers/678/credits`, { amount: 1 })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(performance.now() - began_ms).toBeLessThan(3_000)
  } finally {
    process.kill(nats.pid, 'SIGCONT')
  }
  await untilUp()
})

/** Sends credits of 1 with keys of their own, one after the other, until `stopped`. Returns the answers other than 201. */
const creditAlways = async (
  url: string,
  client: number,
  isStopped: () => boolean,
  acknowledged: Set<string>,
): Promise<string[]> => {
  const wrong: string[] = []
  for (let n = 0; !isStopped(); n += 1) {
    const key = `c${client}-${n}`
    const answer = await post(
      `${url}/v1/customers/acc-${n % 7}/credits`,
      { amount: 1 },
      { 'idempotency-key': key },
    )
    const text = await answer.text()
    if (answer.status === 201) acknowledged.add(key)
    else wrong.push(`${key}: ${text}`)
  }
  return wrong
}

it('command processes are killed with -9 behind it: every write is answered 201 and stored once', async () => {
  const { nats, env } = await servers()
  await serve(env, undefined, '--roles', 'projections')
  // a process with the role `gateway` alone needs neither DynamoDB nor a right on the stream
  const alone = { ...env, AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' }
  const gateway = await serve(alone, 'gateway: answering', '--roles', 'gateway')
  const start = () => serve(env, 'commands: answering', '--roles', 'commands')
  let [older, newer] = [await start(), await start()]

  let stopped = false
  const acknowledged = new Set<string>()
  const clients = Array.from({ length: CLIENTS }, (_, i) =>
    creditAlways(gateway.url, i, () => stopped, acknowledged),
  )
  for (let kill = 0; kill < KILLS; kill += 1) {
    const wanted = acknowledged.size + WRITES_BETWEEN_KILLS
    await until(() => acknowledged.size >= wanted, { deadline_ms: MS_MAX, what: `${wanted} writes` })
    await older.end('SIGKILL')
    older = newer
    newer = await start()
  }
  stopped = true
  expect((await Promise.all(clients)).flat()).toEqual([])
  const nc: NatsConnection = await bench.connect(nats.url)
  await serve(env, 'queries: answering', '--roles', 'queries')
  const { balances } = await untilEqualsFold(nc, MS_MAX)
  const sum = [...balances.values()].reduce((total, balance) => total + balance, 0n)
  expect(sum).toBe(BigInt(acknowledged.size))
  const text = await (await fetch(`${gateway.url}/metrics`)).text()
  const again = /jetledger_http_resubmissions_total\{subject="customer.credit"\} (\d+)/.exec(text)?.[1]
  expect(Number(again)).toBeGreaterThan(0)
})
