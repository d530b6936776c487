/** The predecessor's route: what a caller of Synadia's HTTP gateway sends and reads, with the host changed. */

import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNats, type TestNats } from '../../test/support/servers.js'
import { startTestGateway, startTestService, type TestGateway, type TestService } from './testing/gateway.js'

let service: TestService
let gateway: TestGateway
/** A gateway in front of a NATS without the service. */
let bare: TestGateway
let bare_nats: TestNats
let bare_nc: NatsConnection

beforeAll(async () => {
  service = await startTestService()
  gateway = await startTestGateway(service.ledger.nc)
  bare_nats = await startTestNats()
  bare_nc = await connect({ servers: bare_nats.url })
  bare = await startTestGateway(bare_nc)
})
afterAll(async () => {
  await gateway.stop()
  await bare.stop()
  await bare_nc.close()
  await bare_nats.stop()
  await service.stop()
})

const path = (subject: string): string => `/v1/nats/subjects/${subject}`

const ask = (
  subject: string,
  body: string,
  headers: Record<string, string> = {},
  to: TestGateway = gateway,
): Promise<Response> => to.call(path(subject), { method: 'POST', body, headers })

describe('a request by its subject', () => {
  it('gives the bare payload to whoever accepts text, with the headers of the reply', async () => {
    const headers = { 'content-type': 'application/json', accept: 'text/plain' }
    const answer = await ask('customer.balance', '{"client_id":"nobody"}', headers)
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe('{"balance":0}')
    expect(answer.headers.get('natsh-ledger-version')).toBe('0')
  })

  it('gives the message to whoever accepts JSON, its payload in base64, under both names of its headers', async () => {
    const answer = await ask('customer.balance', '{"client_id":"nobody"}', { accept: 'application/json' })
    const message = (await answer.json()) as Record<string, unknown>
    expect(Buffer.from(String(message.data), 'base64').toString()).toBe('{"balance":0}')
    // the gateway's inbox is not shown
    expect(message).toMatchObject({ subject: '', reply: '' })
    expect(message.headers).toMatchObject({ 'Ledger-Version': ['0'] })
    expect(message.header).toEqual(message.headers)
  })

  it('takes a body of any type, as curl sends it', async () => {
    for (const type of [
      'application/octet-stream',
      'application/text',
      'application/x-www-form-urlencoded',
    ]) {
      const answer = await ask('customer.balance', '{"client_id":"nobody"}', { 'content-type': type })
      expect(await answer.text()).toBe('{"balance":0}')
    }
  })

  it('carries a service error as an answer, told by its headers', async () => {
    const plain = await ask('customer.balance', 'no json')
    expect(plain.status).toBe(200)
    expect(plain.headers.get('natsh-nats-service-error-code')).toBe('403')
    const json = await ask('customer.debit', '{}', { accept: 'application/json' })
    const { headers } = (await json.json()) as { headers: Record<string, string[]> }
    expect(headers['Nats-Service-Error']).toEqual(['INVALID_REQUEST'])
  })

  it('sends the body as it is, and no header', async () => {
    bare_nc.subscribe('customer.list', {
      callback: (_, msg) => {
        const headers = Object.fromEntries((msg.headers?.keys() ?? []).map(n => [n, msg.headers?.values(n)]))
        msg.respond(JSON.stringify({ body: msg.string(), headers }))
      },
    })
    const body = ' {"limit" : 1}\n'
    const sent = { authorization: 'Bearer x', traceparent: '00-1', 'nats-trace-dest': 'x', 'x-natsh-a': '1' }
    expect(await (await ask('customer.list', body, sent, bare)).json()).toEqual({ body, headers: {} })
  })

  it('refuses a header that wants to be sent on, naming it, and sends nothing', async () => {
    let asked = 0
    bare_nc.subscribe('customer.statement', {
      callback: (_, msg) => {
        asked += 1
        msg.respond('{}')
      },
    })
    const names = ['NatsH-Nats-Trace-Dest', 'natsh-nats-msg-id', 'NATSH-Ledger-Batch', 'NatsH-Traceparent']
    for (const name of [...names, 'NatsH-X', 'NatsH-']) {
      const answer = await ask('customer.statement', '{}', { [name]: '$KV.config.projection.ledger' }, bare)
      expect(answer.status).toBe(400)
      expect(answer.headers.get('x-nats-api-gateway-error')).toContain('INVALID_REQUEST')
      const { message } = (await answer.json()) as { readonly message: string }
      expect(message.toLowerCase()).toContain(name.toLowerCase())
    }
    expect(asked).toBe(0)
    expect((await ask('customer.statement', '{}', {}, bare)).status).toBe(200)
  })
})

describe('what cannot be asked', () => {
  const told = async (answer: Response) => ({
    status: answer.status,
    reason: answer.headers.get('x-nats-api-gateway-error'),
    body: (await answer.json()) as Record<string, unknown>,
  })

  it.each(['customer.balance.678', 'customer.nope', '$JS.API.INFO', '>', 'customer.*', '_INBOX.a'])(
    'is the subject %s: it is not on the list',
    async subject => {
      const { status, reason, body } = await told(await ask(encodeURIComponent(subject), '{}'))
      expect(status).toBe(404)
      expect(reason).toContain('NOT_FOUND')
      expect(body.message).toBe('this gateway serves no such subject')
    },
  )

  it('is what nobody serves: 503 with a reason, and with the message that the specification wants', async () => {
    const { status, reason, body } = await told(await ask('customer.ranking', '{}', {}, bare))
    expect(status).toBe(503)
    expect(reason).toContain('nobody serves customer.ranking')
    expect(body).toMatchObject({
      code: 'UNAVAILABLE',
      message: 'nobody serves customer.ranking at the moment',
    })
  })

  it('waits as long as it is told: 504, of a write with the outcome unknown', async () => {
    for (const subject of ['customer.summary', 'customer.credit']) {
      bare_nc.subscribe(subject, { callback: () => undefined })
    }
    const began_ms = performance.now()
    const slow = (subject: string) => bare.post(`${path(subject)}?timeout=300`, {}).then(told)
    const [read, write] = await Promise.all([slow('customer.summary'), slow('customer.credit')])
    expect(performance.now() - began_ms).toBeLessThan(1_900)
    expect([read.status, read.body.code]).toEqual([504, 'TIMEOUT'])
    expect([write.status, write.body.code]).toEqual([504, 'OUTCOME_UNKNOWN'])
  })

  it('is a timeout that is none', async () => {
    const { status, body } = await told(await ask('customer.balance?timeout=never', '{}'))
    expect([status, body.code]).toEqual([400, 'INVALID_REQUEST'])
  })
})
