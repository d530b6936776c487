import { connect, createInbox, type NatsConnection } from 'nats'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startTestNats, type TestNats, until } from '../../test/support/servers.js'
import { TE } from '../fp.js'
import { catalogued } from './catalogue.js'
import type { ServiceConfig } from './config.js'
import { type Service, startService } from './service.js'
import { behind, endpointConfig, errorOf, gate, serviceConfig } from './testing/harness.js'
import { startRestrictedNats } from './testing/restricted-nats.js'

describe('a NATS service', () => {
  let nats: TestNats
  let server: NatsConnection
  let caller: NatsConnection
  let services: Service[]

  beforeAll(async () => {
    nats = await startTestNats()
  })
  afterAll(() => nats.stop())
  beforeEach(async () => {
    services = []
    server = await connect({ servers: nats.url })
    caller = await connect({ servers: nats.url })
  })
  afterEach(async () => {
    await Promise.all(services.map(service => service.stop()))
    await Promise.all([server.close(), caller.close()])
  })

  const start = async (config: ServiceConfig, nc = server): Promise<Service> => {
    const service = await startService(nc, config)
    services.push(service)
    return service
  }
  const ask = (subject: string, body = '') => caller.request(subject, body, { timeout: 5_000 })
  const everySubject = (verb: string, { id }: Service) => [
    `$SRV.${verb}`,
    `$SRV.${verb}.customer`,
    `$SRV.${verb}.customer.${id}`,
  ]
  const told = (verb: string, service: Service) =>
    Promise.all(everySubject(verb, service).map(async subject => (await ask(subject)).json<unknown>()))

  it('answers PING on all three subjects with exactly the fields of ADR-32', async () => {
    const service = await start(serviceConfig({}, { metadata: { region: 'eu' } }))
    const ping = {
      type: 'io.nats.micro.v1.ping_response',
      name: 'customer',
      id: service.id,
      version: '0.1.0',
      metadata: { region: 'eu' },
    }
    expect(await told('PING', service)).toStrictEqual([ping, ping, ping])
  })

  it('tells no id from which the inboxes of its process can be guessed', async () => {
    const ids = await Promise.all([start(serviceConfig()), start(serviceConfig())])
    // the part that all inboxes of a process have in common
    const secret = createInbox().slice('_INBOX.'.length, '_INBOX.'.length + 12)
    expect(ids.filter(({ id }) => id.startsWith(secret))).toEqual([])
  })

  it('answers INFO on all three subjects with its endpoints, their queue groups and metadata', async () => {
    const endpoints = [
      endpointConfig({ metadata: { format: 'application/json' } }),
      endpointConfig({ name: 'other', subject: 'customer.other', queue_group: 'mine' }),
    ]
    const service = await start(serviceConfig({}, { endpoints }))
    const description = 'Gives back what it gets'
    const info = {
      type: 'io.nats.micro.v1.info_response',
      name: 'customer',
      id: service.id,
      version: '0.1.0',
      metadata: {},
      description: 'customer service',
      endpoints: [
        {
          name: 'echo',
          subject: 'customer.echo',
          queue_group: 'q',
          metadata: { description, format: 'application/json' },
        },
        { name: 'other', subject: 'customer.other', queue_group: 'mine', metadata: { description } },
      ],
    }
    expect(await told('INFO', service)).toStrictEqual([info, info, info])
  })

  it('answers STATS on all three subjects: requests, errors, the last error, times and data', async () => {
    const refuse = endpointConfig({
      name: 'refuse',
      subject: 'customer.refuse',
      handle: () => TE.left(catalogued('BAD_REQUEST', { message: 'no' })),
    })
    const endpoints = [endpointConfig({ data: () => ({ cached: 7 }) }), refuse]
    const service = await start(serviceConfig({}, { endpoints }))
    await ask('customer.echo')
    await ask('customer.refuse')
    const counts = {
      queue_group: 'q',
      num_requests: 1,
      processing_time: expect.any(Number),
      average_processing_time: expect.any(Number),
    }
    const stats = {
      type: 'io.nats.micro.v1.stats_response',
      name: 'customer',
      id: service.id,
      version: '0.1.0',
      metadata: {},
      started: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      endpoints: [
        {
          name: 'echo',
          subject: 'customer.echo',
          ...counts,
          num_errors: 0,
          last_error: '',
          data: { cached: 7 },
        },
        {
          name: 'refuse',
          subject: 'customer.refuse',
          ...counts,
          num_errors: 1,
          last_error: '403:BAD_REQUEST',
        },
      ],
    }
    expect(await told('STATS', service)).toStrictEqual([stats, stats, stats])
    expect(service.stats()).toStrictEqual(stats)
  })

  it('is one of several: every instance answers PING, STATS of one id only that one', async () => {
    const [one, two] = [await start(serviceConfig()), await start(serviceConfig())]
    for (const subject of ['$SRV.PING', '$SRV.PING.customer']) {
      const replies = await caller.requestMany(subject, '', {
        strategy: 'count',
        maxMessages: 2,
        maxWait: 5_000,
      })
      const ids: string[] = []
      for await (const reply of replies) ids.push(reply.json<{ id: string }>().id)
      expect(ids.sort()).toEqual([one.id, two.id].sort())
    }
    expect((await ask(`$SRV.STATS.customer.${two.id}`)).json()).toMatchObject({ id: two.id })
  })

  it('shares the requests with its other instances: each request is handled once, by one of them', async () => {
    const other = await connect({ servers: nats.url })
    try {
      const [one, two] = [await start(serviceConfig()), await start(serviceConfig(), other)]
      await Promise.all(Array.from({ length: 200 }, () => ask('customer.echo')))
      const handled = [one, two].map(service => service.stats().endpoints[0]?.num_requests ?? 0)
      expect(handled.reduce((a, b) => a + b)).toBe(200)
      expect(Math.min(...handled)).toBeGreaterThan(0)
    } finally {
      await other.close()
    }
  })

  it('never leaves the first caller without a responder, once it has started', async () => {
    for (let i = 0; i < 50; i += 1) {
      const subject = `customer.first-${i}`
      await start(serviceConfig({ subject }))
      expect((await ask(subject, 'hello')).string()).toBe('hello')
    }
  })

  it('finishes what is in flight when it stops, and takes nothing new', async () => {
    const { opened, open } = gate()
    const service = await start(serviceConfig({ handle: behind({ opened }) }))
    const asked = ['a', 'b', 'c'].map(body => ask('customer.echo', body))
    await until(() => service.stats().endpoints[0]?.num_requests === 3, {
      deadline_ms: 30_000,
      what: 'three requests at work',
    })
    let stopped = false
    const stopping = service.stop().then(() => {
      stopped = true
    })
    // a request that is still accepted gets no answer before the gate opens, so it has a short timeout
    const refused = () =>
      caller.request('customer.echo', '', { timeout: 300 }).then(
        () => false,
        (thrown: unknown) => String(thrown).includes('no responders'),
      )
    await until(refused, {
      deadline_ms: 30_000,
      what: 'the subscription to be gone',
    }).finally(open)
    expect(stopped).toBe(false)
    expect((await Promise.all(asked)).map(reply => reply.string())).toEqual(['late', 'late', 'late'])
    await stopping
    await expect(ask(`$SRV.PING.customer.${service.id}`)).rejects.toThrow('no responders')
  })

  it.each([
    ['read', '503:UNAVAILABLE'],
    ['write', '504:OUTCOME_UNKNOWN'],
  ] as const)('answers a %s that is not finished within the bound of its stop %s', async (effect, code) => {
    const { opened, open } = gate()
    const config = serviceConfig({ effect, handle: behind({ opened }) }, { drain_timeout_ms: 50 })
    const service = await start(config)
    const asked = ask('customer.echo')
    await until(() => service.stats().endpoints[0]?.num_requests === 1, {
      deadline_ms: 30_000,
      what: 'a request at work',
    })
    await service.stop()
    expect(errorOf(await asked)).toBe(code)
    open()
  })

  it('stops once, however often it is asked to, and also when the connection is gone', async () => {
    const service = await start(serviceConfig())
    expect(service.stop()).toBe(service.stop())
    await service.stop()
    const orphan = await start(serviceConfig())
    await server.close()
    await orphan.stop()
  })

  it.each(['customer.echo', '$SRV.>'])(
    'refuses to start when it may not subscribe to %s, and leaves no subscription behind',
    async denied => {
      const restricted = await startRestrictedNats(denied)
      const nc = await connect({ servers: restricted.url })
      try {
        await expect(startService(nc, serviceConfig())).rejects.toThrow(
          /^service "customer" cannot start: Permissions Violation for Subscription/,
        )
        for (const subject of ['customer.echo', '$SRV.PING'])
          await expect(nc.request(subject)).rejects.toThrow('no responders')
      } finally {
        await nc.close()
        await restricted.stop()
      }
    },
  )

  it('refuses to start with a bad configuration, naming all that is wrong', async () => {
    await expect(startService(server, serviceConfig({ subject: 'a b' }, { version: '1' }))).rejects.toThrow(
      'service "customer" cannot start: the version "1" is not SemVer; endpoint "echo": "a b" is no subject to serve',
    )
  })
})
