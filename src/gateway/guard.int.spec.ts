/** The guard of the gateway. Requests that pass it meet a gateway without NATS, and get 503. */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect as tcpConnect } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { newFolder, removeFolder } from '../../test/support/servers.js'
import { E } from '../fp.js'
import { createHealth } from '../health.js'
import { memoryLog } from '../service/testing/harness.js'
import { createRateLimit } from './rate-limit.js'
import { startTestGateway, type TestGateway } from './testing/gateway.js'
import { readTokens, type Tokens } from './tokens.js'

const opened: TestGateway[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map(gateway => gateway.stop()))
})

const open = async (...args: Parameters<typeof startTestGateway> | []): Promise<TestGateway> => {
  const [nc, gateway, server] = args
  const started = await startTestGateway(nc, gateway, server)
  opened.push(started)
  return started
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const tokensOf = (...tokens: readonly object[]): Tokens => {
  const read = readTokens(JSON.stringify({ tokens }))
  if (E.isLeft(read)) throw new Error(read.left)
  return read.right
}
const TOKENS = tokensOf(
  { name: 'reader', sha256: sha256('r-token'), scopes: ['read'] },
  { name: 'writer', sha256: sha256('w-token'), scopes: ['read', 'write'] },
  { name: 'loader', sha256: sha256('l-token'), scopes: ['write'] },
)

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const codeOf = async (answer: Response): Promise<string> => ((await answer.json()) as { code: string }).code

const READ = '/v1/customers/678/balance'
const WRITE = '/v1/customers/678/credits'
const NATS_WRITE = '/v1/nats/subjects/customer.debit'

describe('with tokens', () => {
  it('nobody comes in without one, or with one that is not known, and is not told which part was wrong', async () => {
    const { call, post } = await open(undefined, { tokens: TOKENS })
    const answers = await Promise.all([
      call(READ),
      call(READ, { headers: bearer('x-token') }),
      call(READ, { headers: bearer('r-toke') }),
      call(READ, { headers: { authorization: 'Basic ci10b2tlbg==' } }),
      post(WRITE, { amount: 1 }),
      post(NATS_WRITE, {}),
    ])
    const bodies = await Promise.all(answers.slice(0, 5).map(answer => answer.text()))
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(401))
    expect(new Set(bodies).size).toBe(1)
    expect(bodies[0]).not.toContain('token>')
    expect(answers[0]?.headers.get('www-authenticate')).toBe('Bearer')
    expect(answers[5]?.headers.get('x-nats-api-gateway-error')).toContain('UNAUTHORIZED')
  })

  it('a token may do what its scopes say', async () => {
    const { call, post } = await open(undefined, { tokens: TOKENS })
    const statusOf = async (token: string) =>
      Promise.all([
        call(READ, { headers: bearer(token) }),
        post(WRITE, { amount: 1 }, bearer(token)),
        post(NATS_WRITE, {}, { authorization: token }),
        post('/v1/nats/subjects/customer.balance', {}, { authorization: token }),
      ]).then(answers => answers.map(({ status }) => status))
    expect(await statusOf('r-token')).toEqual([503, 403, 403, 503])
    expect(await statusOf('w-token')).toEqual([503, 503, 503, 503])
    expect(await statusOf('l-token')).toEqual([403, 503, 503, 403])
    expect(await codeOf(await post(WRITE, { amount: 1 }, bearer('r-token')))).toBe('FORBIDDEN')
  })

  it('one that has expired is told so, and a header that is there twice is refused', async () => {
    const old = {
      name: 'old',
      sha256: sha256('o-token'),
      scopes: ['read'],
      expires_at: '2026-01-01T00:00:00Z',
    }
    const gateway = await open(undefined, { tokens: tokensOf(old) })
    const expired = await gateway.call(READ, { headers: bearer('o-token') })
    expect([expired.status, await expired.text()]).toEqual([401, expect.stringContaining('has expired')])
    const twice = ['r-token', 'w-token'].map(token => `Authorization: Bearer ${token}\r\n`).join('')
    const known = await open(undefined, { tokens: TOKENS })
    const said = await raw(
      known,
      `GET ${READ} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${twice}\r\n`,
    )
    expect(said).toMatch(/^HTTP\/1\.1 400 [\s\S]*Authorization is there twice/)
  })

  it('strangers see that something is wrong, and no details, which name customers', async () => {
    const health = createHealth(() => undefined)
    health.report('parked customers', 'degraded', '678 (schema 2)')
    const readiness = async () => ({ 'parked customers': { state: 'ok' as const, detail: '678 (schema 2)' } })
    const { call } = await open(undefined, { tokens: TOKENS }, { health, readiness })
    for (const path of ['/healthz', '/readyz']) {
      const stranger = await (await call(path)).text()
      expect(stranger).toContain('parked customers')
      expect(stranger).not.toContain('678')
      expect(await (await call(path, { headers: bearer('r-token') })).text()).toContain('678')
    }
  })

  it('no token is ever logged', async () => {
    const { log, lines } = memoryLog()
    const { call, post } = await open(undefined, { tokens: TOKENS }, { log })
    await call(`${READ}?x=1`, { headers: bearer('x-token') })
    await call(READ, { headers: bearer('r-token') })
    await post(WRITE, { amount: 1 }, bearer('r-token'))
    expect(lines.length).toBeGreaterThan(0)
    expect(JSON.stringify(lines)).not.toMatch(/[xr]-token/)
  })
})

describe('without tokens', () => {
  const statusFor = (gateway: TestGateway, headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = httpRequest(gateway.url + READ, { headers }, answer => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      })
      sent.on('error', reject)
      sent.end()
    })

  it('everybody on this machine may do everything', async () => {
    const { call, post } = await open()
    expect((await call(READ)).status).toBe(503)
    expect((await post(WRITE, { amount: 1 })).status).toBe(503)
  })

  it('a page of another origin may not, nor a name that somebody points here', async () => {
    const gateway = await open()
    const { host } = new URL(gateway.url)
    expect(await statusFor(gateway, { host, origin: 'https://evil.example' })).toBe(403)
    expect(await statusFor(gateway, { host, origin: 'null' })).toBe(403)
    expect(await statusFor(gateway, { host: 'evil.example' })).toBe(403)
    expect(await statusFor(gateway, { host: 'evil.example', origin: 'http://evil.example' })).toBe(403)
    expect(await statusFor(gateway, { host, origin: gateway.url })).toBe(503)
    expect(await statusFor(gateway, { host: 'localhost:8080' })).toBe(503)
  })
})

describe('CORS', () => {
  const ORIGIN = 'https://shop.example'

  it('answers the question of a page on the list before it asks for a token', async () => {
    const { call } = await open(undefined, { tokens: TOKENS, origins: [ORIGIN] })
    const headers = { origin: ORIGIN, 'access-control-request-method': 'POST' }
    const answer = await call(WRITE, { method: 'OPTIONS', headers })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN)
    expect(answer.headers.get('access-control-allow-headers')).toContain('idempotency-key')
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
    const other = { ...headers, origin: 'https://other.example' }
    const refused = await call(WRITE, { method: 'OPTIONS', headers: other })
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([403, null])
  })

  it('lets a page on the list read the answer, also of an error', async () => {
    const { call } = await open(undefined, { tokens: TOKENS, origins: [ORIGIN] })
    const answer = await call(READ, { headers: { origin: ORIGIN } })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN)
    expect(answer.headers.get('vary')).toBe('Origin')
  })
})

/** Sends bytes as they are, and reads until the server ends the connection. */
const raw = (gateway: TestGateway, bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    const { port } = new URL(gateway.url)
    const socket = tcpConnect(Number(port), '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('utf8').on('data', chunk => {
      text += chunk
    })
    socket.on('error', reject).on('close', () => resolve(text))
  })

describe('limits', () => {
  it('of requests per second count for each token, and for strangers together', async () => {
    const { call } = await open(undefined, { tokens: TOKENS, rate: createRateLimit(1) })
    const statusOf = async (headers: Record<string, string>) => (await call(READ, { headers })).status
    expect([await statusOf({}), await statusOf({}), await statusOf(bearer('guess'))]).toEqual([401, 401, 429])
    expect([await statusOf(bearer('r-token')), await statusOf(bearer('r-token'))]).toEqual([503, 503])
    const limited = await call(READ, { headers: bearer('r-token') })
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '1'])
    expect(await codeOf(limited)).toBe('RATE_LIMITED')
    expect(await statusOf(bearer('w-token'))).toBe(503)
    expect((await call('/healthz')).status).toBe(200)
  })

  it('of strangers count for their addresses, as the balancers before the gateway tell them', async () => {
    const { call } = await open(undefined, { tokens: TOKENS, rate: createRateLimit(1), proxies: 1 })
    const statusOf = async (forwarded: string) =>
      (await call(READ, { headers: { 'x-forwarded-for': forwarded } })).status
    const statuses: number[] = []
    for (const forwarded of ['192.0.2.1', '1.1.1.1, 192.0.2.1', '2.2.2.2, 192.0.2.1', '192.0.2.1, 192.0.2.2'])
      statuses.push(await statusOf(forwarded))
    expect(statuses).toEqual([401, 401, 429, 401])
  })

  it('of headers and of what is no HTTP are told as problems, and the server goes on', async () => {
    const gateway = await open()
    const large = await gateway.call(READ, { headers: { 'x-large': 'x'.repeat(20_000) } })
    expect([large.status, await codeOf(large)]).toEqual([431, 'HEADERS_TOO_LARGE'])
    expect(await raw(gateway, '\u0000\u0001 this is no HTTP\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/,
    )
    expect((await gateway.call('/ping')).status).toBe(200)
  })

  it('of time end a request that never arrives whole', async () => {
    const said = await raw(await open(), 'GET /ping HTTP/1.1\r\nhost: localhost\r\n')
    expect(said).toMatch(/^HTTP\/1\.1 408 Request Timeout[\s\S]*REQUEST_TIMEOUT/)
  })
})

describe('security headers', () => {
  it.each(['/ping', '/healthz', READ, '/nope', '/%zz', '/docs', '/openapi.json'])('are on %s', async path => {
    const { call } = await open()
    const { headers } = await call(path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('strict-transport-security')).toBeNull()
    expect(headers.get('x-powered-by')).toBeNull()
  })

  it('hold the browser to HTTPS where it is HTTPS', async () => {
    const folder = newFolder()
    try {
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
      const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes']
      const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
      execFileSync('openssl', [...kind, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' })
      const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
      const gateway = await open(undefined, {}, { tls })
      const answer = await new Promise<{ status: number | undefined; hsts: unknown }>((resolve, reject) => {
        const sent = httpsRequest(`${gateway.url}/ping`, { ca: tls.cert, servername: 'localhost' }, found => {
          found.resume()
          resolve({ status: found.statusCode, hsts: found.headers['strict-transport-security'] })
        })
        sent.on('error', reject)
        sent.end()
      })
      expect(answer).toEqual({ status: 200, hsts: 'max-age=31536000' })
      await expect(fetch(gateway.url.replace('https', 'http'))).rejects.toThrow()
    } finally {
      removeFolder(folder)
    }
  })
})
