import { setTimeout as pause } from 'node:timers/promises'
import { connect, headers, type NatsConnection } from 'nats'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startTestNats, type TestNats, until } from '../../test/support/servers.js'
import { TE } from '../fp.js'
import { catalogued } from './catalogue.js'
import type { EndpointConfig, Handler } from './config.js'
import type { ServiceError } from './error.js'
import { headerLines } from './headers.js'
import type { EndpointStats } from './protocol.js'
import { type Service, startService } from './service.js'
import { behind, errorOf, gate, memoryLog, serviceConfig } from './testing/harness.js'

describe('an endpoint', () => {
  let nats: TestNats
  let nc: NatsConnection
  let service: Service | undefined
  let log: ReturnType<typeof memoryLog>

  beforeAll(async () => {
    nats = await startTestNats()
  })
  afterAll(() => nats.stop())
  beforeEach(async () => {
    log = memoryLog()
    nc = await connect({ servers: nats.url })
  })
  afterEach(async () => {
    await service?.stop()
    await nc.close()
  })

  const start = async (endpoint: Partial<EndpointConfig>): Promise<void> => {
    service = await startService(nc, serviceConfig(endpoint, { log: log.log }))
  }
  const ask = (body: string | Uint8Array = '') => nc.request('customer.echo', body, { timeout: 5_000 })
  const stats = (): Partial<EndpointStats> => service?.stats().endpoints[0] ?? {}
  const received = (count: number) =>
    until(() => stats().num_requests === count, { deadline_ms: 30_000, what: `${count} requests received` })

  it('gives the handler subject, body and headers, and the caller its body and headers', async () => {
    await start({
      subject: 'customer.*',
      handle: ({ subject, body, headers }) =>
        TE.right({
          body: `${subject} ${new TextDecoder().decode(body)} ${headers?.get('A')}`,
          lines: headerLines({ 'Ledger-Source': 'memory', B: 'x\r\nNats-Service-Error-Code: 1' }),
        }),
    })
    const a = headers()
    a.set('A', '1')
    const reply = await nc.request('customer.balance', 'body', { timeout: 5_000, headers: a })
    expect(reply.string()).toBe('customer.balance body 1')
    expect(reply.headers?.get('Ledger-Source')).toBe('memory')
    expect(errorOf(reply)).toBe('')
  })

  it('measures the whole of an asynchronous handler, in nanoseconds', async () => {
    await start({
      handle: () =>
        TE.rightTask(async () => {
          await pause(55)
          return { body: '' }
        }),
    })
    await ask()
    await ask()
    expect(stats().processing_time).toBeGreaterThanOrEqual(2 * 50_000_000)
    expect(stats().processing_time).toBeLessThan(5_000_000_000)
    expect(stats().average_processing_time).toBe(Math.trunc((stats().processing_time ?? 0) / 2))
  })

  it('answers a service error with its headers and body, and counts it as <status>:<code>', async () => {
    await start({ handle: () => TE.left(catalogued('BAD_REQUEST', { message: 'not JSON' })) })
    const reply = await ask()
    expect(errorOf(reply)).toBe('403:BAD_REQUEST')
    expect(reply.json()).toEqual({ error: { code: 'BAD_REQUEST', message: 'not JSON' } })
    expect(stats()).toMatchObject({ num_requests: 1, num_errors: 1, last_error: '403:BAD_REQUEST' })
  })

  const bug = new Error('the bug')
  const broken: [string, Handler][] = [
    [
      'throws at once',
      () => {
        throw bug
      },
    ],
    [
      'throws when its task starts',
      () => () => {
        throw bug
      },
    ],
    ['rejects', () => () => Promise.reject(bug)],
  ]
  it.each(broken)('answers 500 when the handler %s, logs why, and serves on', async (_, handle) => {
    await start({ handle })
    for (let i = 0; i < 2; i += 1) {
      const reply = await ask()
      expect(errorOf(reply)).toBe('500:INTERNAL_ERROR')
      expect(reply.string()).not.toContain('the bug')
    }
    expect(stats()).toMatchObject({ num_requests: 2, num_errors: 2, last_error: '500:INTERNAL_ERROR' })
    expect(log.lines.filter(({ err }) => err?.message === 'the bug')).toHaveLength(2)
  })

  it('logs 20 of the requests that fail alike while something is away, and answers each', async () => {
    await start({ handle: () => TE.left(catalogued('UNAVAILABLE')) })
    const replies = await Promise.all(Array.from({ length: 100 }, () => ask()))
    expect(new Set(replies.map(errorOf))).toEqual(new Set(['503:UNAVAILABLE']))
    expect(stats()).toMatchObject({ num_requests: 100, num_errors: 100 })
    expect(log.lines.filter(({ msg }) => msg === 'a request failed')).toHaveLength(20)
  })

  it('answers 500 when the reply cannot be sent, be it too large or with a header that is none', async () => {
    const replies = [
      () => ({ body: 'x'.repeat(2 * 1_048_576) }),
      () => ({ body: '', lines: headerLines({ 'no name': '' }) }),
      () => ({ body: 'fine' }),
    ]
    await start({ handle: () => TE.right(replies.shift()?.() ?? { body: '' }) })
    expect(errorOf(await ask())).toBe('500:INTERNAL_ERROR')
    expect(errorOf(await ask())).toBe('500:INTERNAL_ERROR')
    expect((await ask()).string()).toBe('fine')
    expect(stats()).toMatchObject({ num_requests: 3, num_errors: 2 })
  })

  it('answers 429 BUSY at once at its limit, while the others go on', async () => {
    const { opened, open } = gate()
    await start({ max_in_flight: 2, handle: behind({ opened }) })
    const served = [ask(), ask()]
    await received(2)
    expect(errorOf(await ask())).toBe('429:BUSY')
    expect(stats()).toMatchObject({ num_requests: 3, num_errors: 1, last_error: '429:BUSY' })
    open()
    expect((await Promise.all(served)).map(errorOf)).toEqual(['', ''])
    expect(errorOf(await ask())).toBe('')
  })

  it('answers 504 TIMEOUT at the deadline and drops the late result', async () => {
    const { opened, open } = gate()
    const handle: Handler = request =>
      request.body.length === 0 ? TE.right({ body: 'next' }) : behind({ opened })(request)
    await start({ timeout_ms: 50, handle })
    const replies: string[] = []
    nc.subscribe('_INBOX.late', {
      callback: (_, reply) => {
        replies.push(errorOf(reply) || reply.string())
      },
    })
    nc.publish('customer.echo', 'slow', { reply: '_INBOX.late' })
    await until(() => replies.length > 0, { deadline_ms: 30_000, what: 'an answer at the deadline' })
    open()
    await until(() => log.lines.some(({ msg }) => msg.includes('too late')), {
      deadline_ms: 30_000,
      what: 'the late result',
    })
    nc.publish('customer.echo', '', { reply: '_INBOX.late' })
    await until(() => replies.includes('next'), { deadline_ms: 30_000, what: 'the next answer' })
    expect(replies).toEqual(['504:TIMEOUT', 'next'])
    expect(stats()).toMatchObject({ num_requests: 2, num_errors: 1, last_error: '504:TIMEOUT' })
    expect(stats().processing_time).toBeGreaterThanOrEqual(50_000_000)
  })

  it('answers a write at its deadline that the outcome is unknown, in the form that the endpoint gives errors', async () => {
    const { opened, open } = gate()
    const errorForm = (error: ServiceError): ServiceError => ({ ...error, body: `{"was":"${error.code}"}` })
    await start({ timeout_ms: 50, effect: 'write', errorForm, max_in_flight: 1, handle: behind({ opened }) })
    const late = await ask()
    expect([errorOf(late), late.string()]).toEqual(['504:OUTCOME_UNKNOWN', '{"was":"OUTCOME_UNKNOWN"}'])
    const refused = await ask()
    expect([errorOf(refused), refused.string()]).toEqual(['429:BUSY', '{"was":"BUSY"}'])
    open()
  })

  it('counts a request beyond its deadline against the limit until its handler ends', async () => {
    const { opened, open } = gate()
    await start({ max_in_flight: 1, timeout_ms: 50, handle: behind({ opened }) })
    expect(errorOf(await ask())).toBe('504:TIMEOUT')
    expect(errorOf(await ask())).toBe('429:BUSY')
    open()
    await until(async () => errorOf(await ask()) === '', { deadline_ms: 30_000, what: 'a free place' })
  })

  it('handles and counts a request without a reply subject, and says so at debug', async () => {
    const bodies: number[] = []
    await start({
      handle: ({ body }) => {
        bodies.push(body.length)
        return TE.right({ body: 'nobody reads this' })
      },
    })
    nc.publish('customer.echo', 'abc')
    await until(() => log.lines.some(({ msg }) => msg.includes('without a reply subject')), {
      deadline_ms: 30_000,
      what: 'the log line',
    })
    expect(bodies).toEqual([3])
    expect(stats()).toMatchObject({ num_requests: 1, num_errors: 0 })
  })

  it.each([
    [
      'fails',
      () => {
        throw bug
      },
    ],
    ['gives what JSON cannot hold', () => ({ big: 1n })],
    ['gives nothing', () => undefined],
  ])('reports STATS without data when its data function %s', async (_, data) => {
    await start({ data })
    expect((await nc.request('$SRV.STATS.customer')).json()).not.toHaveProperty('endpoints.0.data')
  })
})
