/** The server as a process runs it: its limit, its stop, and what it reports about itself. */

import { connect, type Msg, type NatsConnection } from 'nats'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startTestNats, type TestNats, until } from '../../test/support/servers.js'
import { createHealth } from '../health.js'
import { metrics } from '../metrics.js'
import { startTestGateway, type TestGateway } from './testing/gateway.js'

const MS_MAX = 5_000

let nats: TestNats
let nc: NatsConnection
let responder: NatsConnection
let held: Msg[]
let gateway: TestGateway

beforeAll(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url })
})
afterAll(async () => {
  await nc.close()
  await nats.stop()
})
beforeEach(async () => {
  held = []
  responder = await connect({ servers: nats.url })
  responder.subscribe('customer.balance', { callback: (_, msg) => void held.push(msg) })
  await responder.flush()
  gateway = await startTestGateway(nc, { max_in_flight: 2 }, { metrics })
})
afterEach(async () => {
  await gateway.stop()
  await responder.close()
})

const READ = '/v1/customers/678/balance'

const untilHeld = (count: number) =>
  until(() => held.length >= count, { deadline_ms: MS_MAX, what: `${count} requests at the service` })

const answer = (): void => {
  for (const msg of held) msg.respond('{"balance":7}')
}

describe('the limit of requests at work', () => {
  it('answers BUSY at once to what is beyond it, and takes more when there is room', async () => {
    const first = [gateway.call(READ), gateway.call(READ)]
    await untilHeld(2)
    const third = await gateway.call(READ)
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '1'])
    expect(await third.json()).toMatchObject({ code: 'BUSY' })
    answer()
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200])
    const fourth = gateway.call(READ)
    await untilHeld(3)
    answer()
    expect((await fourth).status).toBe(200)
  })
})

describe('the stop', () => {
  it('lets what was begun end, takes nothing new, and answers about health meanwhile', async () => {
    const begun = gateway.call(READ)
    await untilHeld(1)
    let drained = false
    const draining = gateway.drain().then(() => {
      drained = true
    })
    const late = await gateway.call(READ)
    expect([late.status, late.headers.get('connection')]).toEqual([503, 'close'])
    expect(await late.json()).toMatchObject({ code: 'UNAVAILABLE' })
    expect((await gateway.call('/ping')).status).toBe(200)
    expect(drained).toBe(false)
    answer()
    expect((await begun).status).toBe(200)
    await draining
    await gateway.stop()
    await expect(gateway.call('/ping')).rejects.toThrow()
  })
})

describe('a write whose first answer was lost', () => {
  const REPLY = { transaction_id: 'k', client_id: '678', balance: 1, version: 1, seq: 1, replayed: true }

  /** Leaves the first request without an answer, and answers every later one as a repetition. */
  const loseOne = async (): Promise<void> => {
    let lost = false
    const callback = (_: Error | null, msg: Msg): void => {
      if (lost) msg.respond(JSON.stringify(REPLY))
      lost = true
    }
    responder.subscribe('customer.credit', { callback })
    await responder.flush()
  }

  const credit = async (headers: Record<string, string>) => {
    const answer = await gateway.post('/v1/customers/678/credits?timeout=2000', { amount: 1 }, headers)
    const { replayed } = (await answer.json()) as { replayed?: boolean }
    return { status: answer.status, replayed, header: answer.headers.get('idempotency-replayed') }
  }

  it('is no repetition to a caller who sent it once', async () => {
    await loseOne()
    expect(await credit({})).toEqual({ status: 201, replayed: undefined, header: null })
  })

  it('may be one to a caller with a key: who knows how often it was sent', async () => {
    await loseOne()
    expect(await credit({ 'idempotency-key': 'k' })).toEqual({ status: 201, replayed: true, header: 'true' })
  })
})

describe('a gateway without NATS', () => {
  it('says so at once, and that a write was not stored', async () => {
    const alone = await startTestGateway(undefined)
    try {
      const read = await alone.call(READ)
      const write = await alone.post('/v1/customers/678/credits', { amount: 1 })
      expect([read.status, write.status]).toEqual([503, 503])
      expect(await write.json()).toMatchObject({
        code: 'UNAVAILABLE',
        detail: expect.stringContaining('NATS'),
      })
    } finally {
      await alone.stop()
    }
  })
})

describe('what operators ask', () => {
  it('is answered: alive, ready, and what is not', async () => {
    const health = createHealth(() => undefined)
    let stream: 'ok' | 'down' = 'ok'
    const readiness = async () => ({ stream: { state: stream, detail: stream === 'ok' ? '' : 'away' } })
    const one = await startTestGateway(nc, {}, { health, readiness })
    try {
      const statusOf = async (path: string) => (await one.call(path)).status
      expect(await (await one.call('/ping')).text()).toBe('ok\n')
      expect([await statusOf('/healthz'), await statusOf('/readyz')]).toEqual([200, 200])
      health.report('projection', 'degraded', 'one customer')
      expect(await statusOf('/healthz')).toBe(200)
      health.report('projection', 'down', 'gone')
      stream = 'down'
      expect([await statusOf('/healthz'), await statusOf('/readyz')]).toEqual([503, 503])
      expect(await (await one.call('/readyz')).json()).toEqual({
        ready: false,
        checks: { stream: { state: 'down', detail: 'away' } },
      })
    } finally {
      await one.stop()
    }
  })

  it('is all that a process without the role gateway serves', async () => {
    const other = await startTestGateway(nc, {}, { gateway: undefined })
    try {
      const statuses = await Promise.all(
        ['/ping', '/healthz', '/readyz', '/metrics', READ, '/docs', '/openapi.json'].map(
          async path => (await other.call(path)).status,
        ),
      )
      expect(statuses).toEqual([200, 200, 200, 200, 404, 404, 404])
    } finally {
      await other.stop()
    }
  })

  it('has the requests by route and status, the errors by code, and the latencies', async () => {
    const ranking = await gateway.call('/v1/ranking')
    expect(ranking.status).toBe(503)
    await gateway.call('/v1/customers/a.b/balance')
    const text = await (await gateway.call('/metrics')).text()
    expect(text).toContain('jetledger_http_requests_total{method="GET",route="/v1/ranking",status="503"} ')
    expect(text).toContain('jetledger_http_errors_total{code="UNAVAILABLE"} ')
    expect(text).toContain('jetledger_http_errors_total{code="INVALID_REQUEST"} ')
    expect(text).toMatch(/_request_duration_seconds_bucket\{method="GET",route="\/v1\/ranking",le="10"\} \d+/)
    // customers' ids in labels would make one series for each customer
    expect(text).not.toContain('a.b')
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [\d.e+-]+)$/)
    }
  })
})

describe('the page', () => {
  it('and everything it needs come from here', async () => {
    const page = await gateway.call('/docs')
    const html = await page.text()
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path)
    expect(named).toContain('/docs/page.js')
    for (const path of named) expect((await gateway.call(path)).status, path).toBe(200)
    const script = await (await gateway.call('/docs/page.js')).text()
    expect(`${html}${script}`).not.toMatch(/https?:\/\//)
    expect((await gateway.call('/', { redirect: 'manual' })).headers.get('location')).toBe('/docs')
  })
})
