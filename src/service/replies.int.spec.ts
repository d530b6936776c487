import { connect, type NatsConnection } from 'nats'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ConfiguredNats, startConfiguredNats } from '../../test/support/configured-nats.js'
import { startTestNats, type TestNats, until } from '../../test/support/servers.js'
import { E, TE } from '../fp.js'
import { metrics } from '../metrics.js'
import type { AnyEndpointConfig, CallbackHandler, Handler } from './config.js'
import { type Service, startService } from './service.js'
import { endpointConfig, memoryLog, serviceConfig } from './testing/harness.js'

const HOSTILE = [
  'customer.balance.victim',
  'customer.credit',
  'customer.dead-letter.600.7',
  '$KV.config.projection.ledger',
  '$JS.API.STREAM.INFO.customer-balances',
  '$SRV.PING',
  'anything.else',
  'reply.acmes.a',
  '_INBOX',
  '_INBOX.a*b',
  `_INBOX.${'a'.repeat(300)}`,
]

describe('the replies of a service', () => {
  let nats: TestNats
  let nc: NatsConnection
  let caller: NatsConnection
  let service: Service
  let handled: string[]
  let seen: string[]
  let { log, lines } = memoryLog()

  const keep = (body: Uint8Array): void => {
    handled.push(Buffer.from(body).toString())
  }
  /** The handlers of three endpoints, one of each kind. */
  const atOnce: Handler = ({ body }) => {
    keep(body)
    return E.right({ body: 'done' })
  }
  const task: Handler = ({ body }) => {
    keep(body)
    return TE.right({ body: 'done' })
  }
  const { handle: _, ...rest } = endpointConfig({ name: 'callback', subject: 'customer.callback' })
  const callback: CallbackHandler = ({ body }, answer) => {
    keep(body)
    answer(E.right({ body: 'done' }))
  }
  const endpoints: AnyEndpointConfig[] = [
    endpointConfig({ name: 'at-once', subject: 'customer.at-once', handle: atOnce }),
    endpointConfig({ name: 'task', subject: 'customer.task', handle: task }),
    { ...rest, callback },
  ]
  const control = ['PING', 'INFO', 'STATS'].flatMap(verb => [`$SRV.${verb}`, `$SRV.${verb}.customer`])
  const everything = [...endpoints.map(({ subject }) => subject), ...control]

  beforeAll(async () => {
    nats = await startTestNats()
  })
  afterAll(() => nats.stop())
  beforeEach(async () => {
    ;({ log, lines } = memoryLog())
    handled = []
    seen = []
    nc = await connect({ servers: nats.url })
    caller = await connect({ servers: nats.url })
    service = await startService(nc, serviceConfig({}, { endpoints, log, reply_prefixes: ['reply.acme'] }))
  })
  afterEach(async () => {
    await service.stop()
    await Promise.all([nc.close(), caller.close()])
  })

  const watch = async (): Promise<void> => {
    const watcher = (subject: string) =>
      caller.subscribe(subject, { callback: (_, msg) => void seen.push(msg.subject) })
    for (const subject of HOSTILE) if (!/[*>]/.test(subject)) watcher(subject)
    await caller.flush()
  }
  const refusedTotal = async (): Promise<number> =>
    [...(await metrics.text()).matchAll(/^jetledger_refused_replies_total\{.*\} (\d+)$/gm)]
      .map(match => Number(match[1]))
      .reduce((sum, count) => sum + count, 0)

  it('go to no subject that is no inbox, and such a request is not carried out, but counted', async () => {
    await watch()
    const before = await refusedTotal()
    for (const reply of HOSTILE)
      for (const subject of everything) caller.publish(subject, `for ${reply}`, { reply })
    await caller.flush()
    // a later request on the same connection is answered, so the service has seen all earlier ones
    for (const subject of everything) expect((await caller.request(subject, 'last')).string()).not.toBe('')
    const sent = HOSTILE.length * everything.length
    expect((await refusedTotal()) - before).toBe(sent)
    expect(handled.every(body => body === 'last')).toBe(true)
    expect(service.stats().endpoints.every(({ num_requests }) => num_requests === 1)).toBe(true)
    await caller.flush()
    // the watched subjects may carry the hostile requests themselves; no other message may appear on them
    expect(seen.filter(subject => !everything.includes(subject))).toEqual([])
    expect(lines.filter(({ msg }) => msg.includes('is no inbox'))).toHaveLength(1)
  })

  it('go to inboxes of both prefixes', async () => {
    const inboxes: string[] = []
    for (const reply of ['_INBOX.one', 'reply.acme.two']) {
      caller.subscribe(reply, { callback: (_, msg) => void inboxes.push(msg.subject) })
      for (const subject of everything) caller.publish(subject, '', { reply })
    }
    const all = 2 * everything.length
    await until(() => inboxes.length === all, { deadline_ms: 30_000, what: `${all} replies` })
    expect(lines.filter(({ msg }) => msg.includes('is no inbox'))).toEqual([])
  })

  it('are not wanted by a request without a reply subject, which is carried out as ever', async () => {
    for (const { subject } of endpoints) caller.publish(subject, 'quiet')
    await until(() => handled.length === endpoints.length, { deadline_ms: 30_000, what: 'every handler' })
    expect(handled).toEqual(['quiet', 'quiet', 'quiet'])
  })
})

it('refuses to start with prefixes that lead elsewhere', async () => {
  const nats = await startTestNats()
  const nc = await connect({ servers: nats.url })
  const config = serviceConfig({}, { reply_prefixes: ['fine', 'customer.balance', '$KV', 'a.*'] })
  await expect(startService(nc, config)).rejects.toThrow(
    /"customer\.balance" must not cover.*"\$KV" must not cover.*"a\.\*" must be tokens/,
  )
  await nc.close()
  await nats.stop()
})

describe('a caller in another account', () => {
  let nats: ConfiguredNats

  beforeAll(async () => {
    nats = await startConfiguredNats(
      `accounts {
  LEDGER { users: [ { user: ledger, password: x } ], exports: [ { service: "customer.echo" } ] }
  SHOP { users: [ { user: shop, password: x } ], imports: [ { service: { account: LEDGER, subject: "customer.echo" } } ] }
}`,
      { user: 'shop', pass: 'x' },
    )
  })
  afterAll(() => nats.stop())

  it('is answered although the server replaces its inbox by one of its own', async () => {
    const nc = await connect({ servers: nats.url, user: 'ledger', pass: 'x' })
    const shop = await connect({ servers: nats.url, user: 'shop', pass: 'x' })
    const service = await startService(nc, serviceConfig())
    expect((await shop.request('customer.echo', 'hello', { timeout: 10_000 })).string()).toBe('hello')
    await service.stop()
    await Promise.all([nc.close(), shop.close()])
  })
})
