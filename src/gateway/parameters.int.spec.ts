/** Hostile paths and query strings, and times that get the same answer over NATS and over HTTP. */

import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestGateway, startTestService, type TestGateway, type TestService } from './testing/gateway.js'

const SEED = 5_512
const RUNS = 400
const ANSWER_MS_MAX = 10_000

let service: TestService
let gateway: TestGateway

beforeAll(async () => {
  service = await startTestService()
  gateway = await startTestGateway(service.ledger.nc)
  await service.ledger.emit('678', { type: 'credit', amount: 5 })
})
afterAll(async () => {
  await gateway.stop()
  await service.stop()
})

type ProblemReply = { readonly status: number; readonly code: string; readonly detail: string }

/** Sends a request line as it is: an HTTP client would mend what is odd about it. */
const get = (target: string): Promise<ProblemReply> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(gateway.url)
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.setEncoding('latin1').setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error('no answer')))
    socket.on('data', chunk => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('end', () => {
      const [head = '', body = ''] = text.split('\r\n\r\n')
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0)
      const { code = '', detail = '' } = body.startsWith('{') ? JSON.parse(body) : {}
      resolve({ status, code, detail })
    })
    socket.write(`GET ${target} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`, 'latin1')
  })

const refused = (detail: string): ProblemReply => ({
  status: 400,
  code: 'INVALID_REQUEST',
  detail: expect.stringContaining(detail),
})

const BALANCE = '/v1/customers/678/balance'
const STATEMENT = '/v1/customers/678/statement'

describe('a request over HTTP', () => {
  it.each([
    [`${BALANCE}?min_version=`, 'min_version: must be a whole number'],
    [`${BALANCE}?min_version=1&min_version=2`, 'min_version: must be'],
    [`${BALANCE}?min_version[]=1`, 'min_version[]: is no parameter'],
    [`${BALANCE}?min_version=-1`, 'min_version: must be'],
    [`${BALANCE}?min_version=1e2`, 'min_version: must be'],
    [`${BALANCE}?min_version=0x10`, 'min_version: must be'],
    [`${BALANCE}?min_version=9007199254740993`, 'min_version: must be'],
    [`${BALANCE}?min_version=1.5`, 'min_version: must be'],
    [`${BALANCE}?min_version=%00`, 'min_version: must be'],
    [`${BALANCE}?min_version=%zz`, 'min_version: must be'],
    [`${BALANCE}?min_verison=1`, 'min_verison: is no parameter'],
    [`${BALANCE}?__proto__=1`, '__proto__: is no parameter'],
    [`${BALANCE}?__proto__[min_version]=1`, '__proto__[min_version]: is no parameter'],
    [`${BALANCE}?constructor=1`, 'constructor: is no parameter'],
    [`${BALANCE}?consistency=Strong`, 'consistency: must be strong'],
    [`${BALANCE}?as_of=2026-01-01T00:00:00Z&as_of_seq=1`, 'only one of them'],
    [`${BALANCE}?timeout=0`, 'timeout: must be'],
    [`${STATEMENT}?limit=0`, 'limit: must be'],
    [`${STATEMENT}?limit=1001`, 'limit: must be'],
    [`${STATEMENT}?cursor=`, 'cursor: must be'],
    [`${STATEMENT}?cursor=a&cursor=b`, 'cursor: must be'],
    [`${STATEMENT}?cursor=${'a'.repeat(513)}`, 'cursor: must be'],
    [`${STATEMENT}?cursor=${'a'.repeat(8_000)}`, 'cursor: must be'],
    ['/v1/ranking?cursor=eyJyYW5rIjo5MDA3MTk5MjU0NzQwOTkxfQ', 'cursor: must be'],
    ['/v1/customers?cursor=e30', 'cursor: must be'],
    ['/v1/summary?from=', 'from: must be a day'],
    ['/v1/summary?from=9999-12-31', 'from: must be a day'],
    ['/v1/summary?to=2026-02-30', 'to: must be a day'],
    ['/v1/customers/%00/balance', 'client_id: must be'],
    ['/v1/customers/6%2F8/balance', 'client_id: must be'],
    ['/v1/customers//balance', 'client_id: must be'],
    ['/v1/customers/6+8/balance', 'client_id: must be'],
    ['/v1/customers/%E4%F6/balance', 'is not a valid url component'],
    ['/v1/customers/%zz/balance', 'is not a valid url component'],
    [`/v1/customers/${'a'.repeat(65)}/balance`, 'client_id: must be'],
    [`/v1/customers/${'a'.repeat(8_000)}/balance`, 'client_id: must be'],
    ['/v1/transactions/%0d%0aX', 'transaction_id: must be'],
  ])('GET %.100s is refused, and the text names what is wrong', async (target, detail) => {
    expect(await get(target)).toEqual(refused(detail))
  })

  it('with an unencoded + in a time is told how to write it', async () => {
    const hint = 'a "+" in a URL stands for a blank, so write it as %2B'
    for (const [target, field] of [
      [`${BALANCE}?as_of=2026-01-01T00:00:00+02:00`, 'as_of'],
      [`${STATEMENT}?from=2026-01-01T00:00:00.5+0200`, 'from'],
      [`${STATEMENT}?to=2026-01-01T00:00:00%2002:00`, 'to'],
    ] as const) {
      expect(await get(target)).toEqual(refused(`${field}: ${hint}`))
    }
    expect((await get(`${STATEMENT}?from=2026-01-01T00:00:00%2B02:00`)).status).toBe(200)
    expect((await get(`${STATEMENT}?from=2026-01-01`)).detail).not.toContain('%2B')
  })

  it('for a time has the answer that the subject gives', async () => {
    const times = [
      '1969-12-31T23:59:59Z',
      '1970-01-01T00:00:00Z',
      '2026-01-01T00:00:00.123456789Z',
      '2026-01-01T00:00:00.1234567890Z',
      '2026-01-01T00:00:60Z',
      '2026-01-01T24:00:00Z',
      '2026-01-01T00:00:00+24:00',
      '2262-04-11T23:47:16.854775807Z',
      '2262-04-11T23:47:16.854775808Z',
      '9999-12-31T23:59:59Z',
      '2026-02-30T00:00:00Z',
    ]
    const asked = [
      ['customer.balance', 'as_of', BALANCE],
      ['customer.statement', 'from', STATEMENT],
      ['customer.statement', 'to', STATEMENT],
    ] as const
    for (const time of times) {
      for (const [subject, field, path] of asked) {
        const request = JSON.stringify({ client_id: '678', [field]: time })
        const reply = await service.ledger.nc.request(subject, request, { timeout: ANSWER_MS_MAX })
        const { error } = reply.json<{ error?: { code: string; message: string } }>()
        const answer = await get(`${path}?${field}=${encodeURIComponent(time)}`)
        const { code = '', message = '' } = error ?? {}
        // the text for a time that is not reached yet says how late it is, so it differs each time
        const detail = code === 'NOT_REACHED' ? answer.detail : message
        expect([time, field, answer.code, answer.detail]).toEqual([time, field, code, detail])
      }
    }
  })

  it('of any path and query is answered, and never with 500', async () => {
    const segment = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('678', 'v1', 'customers', 'balance', 'ranking', '') },
      { weight: 2, arbitrary: fc.constantFrom('%00', '%zz', '%', '..', '.', ';', '%2e%2e', '%F0%9F') },
      { weight: 1, arbitrary: fc.stringMatching(/^[!$&'()*+,;=:@\w.~%-]{0,20}$/) },
    )
    const paths = [BALANCE, STATEMENT, '/v1/customers', '/v1/ranking', '/v1/summary', '/v1/transactions/a']
    const path = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...paths) },
      { weight: 1, arbitrary: fc.array(segment, { maxLength: 5 }).map(parts => `/${parts.join('/')}`) },
      { weight: 2, arbitrary: segment.map(part => `/v1/customers/${part}/statement`) },
    )
    const names = ['limit', 'cursor', 'from', 'to', 'as_of', 'as_of_seq', 'min_version', 'timeout', 'pretty']
    const name = fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...names) },
      { weight: 1, arbitrary: segment },
    )
    const value = fc.oneof(
      segment,
      fc.constantFrom('1', '0', '1000', '2026-01-01', '2026-01-01T00:00:00Z', '9007199254740991', 'strong'),
      fc.integer().map(String),
    )
    const query = fc
      .array(fc.tuple(name, fc.constantFrom('=', '[]=', '', '=='), value), { maxLength: 4 })
      .map(parts => parts.map(part => part.join('')).join('&'))
    const seen = new Set<number>()
    await fc.assert(
      fc.asyncProperty(path, query, async (target, search) => {
        const { status, code } = await get(`${target}?${search}`)
        seen.add(status)
        expect([status < 500 || code === 'TIMEOUT', status >= 200]).toEqual([true, true])
      }),
      { numRuns: RUNS, seed: SEED },
    )
    expect([...seen]).toEqual(expect.arrayContaining([200, 400, 404]))
  })
})

describe('what is not there', () => {
  const problemIn = async (answer: Response) => (await answer.json()) as ProblemReply

  it('is 404 for a path, and 405 for a method, which says the ones there are', async () => {
    const path = await gateway.call('/v2/customers')
    expect([path.status, (await problemIn(path)).code]).toEqual([404, 'NOT_FOUND'])
    const method = await gateway.call('/v1/transfers')
    expect([method.status, (await problemIn(method)).code]).toEqual([405, 'METHOD_NOT_ALLOWED'])
    expect(method.headers.get('allow')).toBe('POST')
    const deletion = await gateway.call('/v1/customers/678/balance', { method: 'DELETE' })
    expect([deletion.status, deletion.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    const options = await gateway.call('/v1/transfers', { method: 'OPTIONS' })
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST'])
  })

  it('has no body for HEAD', async () => {
    const answer = await gateway.call('/v1/customers/678/balance', { method: 'HEAD' })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  })
})
