/** The outcome of a request whose answer does not come: real NATS, and responders that fail in every way there is. */

import { connect, type Msg, type NatsConnection } from 'nats'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startTestNats, type TestNats } from '../../test/support/servers.js'
import { E } from '../fp.js'
import { catalogued, stopped, timedOut } from '../service/catalogue.js'
import type { EndpointConfig, ServiceRequest } from '../service/config.js'
import type { ServiceError } from '../service/error.js'
import { errorLines, headerLines } from '../service/headers.js'
import { type Service, startService } from '../service/service.js'
import { behind, gate, serviceConfig } from '../service/testing/harness.js'
import { wireOf } from '../wire.js'
import { ask } from './ask.js'
import { checkWith } from './check.js'
import type { Problem } from './problem.js'
import { object } from './schema.js'

let nats: TestNats
let nc: NatsConnection
let responder: NatsConnection
let subject: string
let seen: string[]

beforeAll(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url })
})
afterAll(async () => {
  await nc.close()
  await nats.stop()
})
beforeEach(async () => {
  responder = await connect({ servers: nats.url })
  subject = `test.${Math.random().toString(36).slice(2)}`
  seen = []
})
afterEach(() => responder.close())

type Act = (msg: Msg) => void
const silence: Act = () => undefined
const succeed: Act = msg => void msg.respond('{"ok":true}')
const failWith =
  (error: ServiceError): Act =>
  msg =>
    wireOf(responder).publish(msg.reply ?? '', error.body, errorLines(error))

/** A service that performs the acts in turn, and then the last one again and again. */
const serve = async (...acts: readonly Act[]): Promise<void> => {
  responder.subscribe(subject, {
    callback: (_, msg) => {
      seen.push(msg.string())
      const act = acts[Math.min(seen.length, acts.length) - 1] ?? silence
      act(msg)
    },
  })
  await responder.flush()
}

const OK = object({ ok: { type: 'boolean' } })

const asked = (effect: 'read' | 'write', timeout_ms = 2_000) =>
  ask(
    { nc },
    {
      subject,
      body: '{"transaction_id":"t-1"}',
      effect,
      check: checkWith(OK),
      timeout_ms,
      ...(effect === 'write' ? { transaction_id: 't-1' } : {}),
    },
  )()

const problemOf = async (effect: 'read' | 'write', timeout_ms?: number): Promise<Problem> => {
  const answer = await asked(effect, timeout_ms)
  if (E.isRight(answer)) throw new Error('it should have failed')
  return answer.left
}

describe('a write without an answer', () => {
  it('is sent again, the same, until it has one', async () => {
    await serve(silence, silence, succeed)
    expect(await asked('write')).toMatchObject(E.right({ body: { ok: true } }))
    expect(seen).toEqual(Array(3).fill('{"transaction_id":"t-1"}'))
  })

  it.each<[string, ServiceError]>([
    ['OUTCOME_UNKNOWN', catalogued('OUTCOME_UNKNOWN', { transaction_id: 't-1' })],
    ['the deadline of its endpoint', timedOut(1, 'write')],
    ['the stop of the service', stopped('write')],
  ])('is sent again after %s too', async (_, error) => {
    await serve(failWith(error), succeed)
    expect(await asked('write')).toMatchObject(E.right({ body: { ok: true } }))
    expect(seen).toHaveLength(2)
  })

  it('becomes OUTCOME_UNKNOWN with its id when the time is over, and not before', async () => {
    await serve(silence)
    const began_ms = performance.now()
    expect(await problemOf('write', 800)).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      fields: { transaction_id: 't-1' },
    })
    const took_ms = performance.now() - began_ms
    expect(took_ms).toBeGreaterThan(750)
    expect(took_ms).toBeLessThan(1_900)
    expect(seen.length).toBeGreaterThan(1)
  })

  it.each<[string, Act]>([
    ['UNAVAILABLE', failWith(catalogued('UNAVAILABLE', { transaction_id: 't-1' }))],
    ['BUSY', failWith(catalogued('BUSY', { transaction_id: 't-1' }))],
    ['CONFLICT', failWith(catalogued('CONFLICT', { transaction_id: 't-1' }))],
    ['STREAM_FULL', failWith(catalogued('STREAM_FULL', { transaction_id: 't-1' }))],
  ])('is not taken for one that stored nothing because a later try says %s', async (_, act) => {
    await serve(silence, act)
    expect(await problemOf('write', 1_000)).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  })

  it('stays unknown when the service is gone at the second try', async () => {
    await serve(() => void responder.close())
    expect(await problemOf('write', 1_000)).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      fields: { transaction_id: 't-1' },
    })
  })

  it.each(['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT', 'TRANSACTION_ID_REUSED'] as const)(
    'is settled by %s: the stream says so',
    async code => {
      await serve(silence, failWith(catalogued(code, { transaction_id: 't-1' })))
      expect(await problemOf('write')).toMatchObject({ code })
      expect(seen).toHaveLength(2)
    },
  )
})

describe('a write with an answer', () => {
  it.each(['UNAVAILABLE', 'CONFLICT', 'STREAM_FULL', 'INSUFFICIENT_FUNDS'] as const)(
    'is not sent again after %s: the caller decides',
    async code => {
      await serve(failWith(catalogued(code, { transaction_id: 't-1' })))
      expect(await problemOf('write')).toMatchObject({ code, fields: { transaction_id: 't-1' } })
      expect(seen).toHaveLength(1)
    },
  )

  it('is unavailable soon where nobody serves it, and nothing was stored', async () => {
    const began_ms = performance.now()
    expect(await problemOf('write', 10_000)).toMatchObject({ code: 'UNAVAILABLE' })
    expect(performance.now() - began_ms).toBeLessThan(4_000)
  })
})

describe.each(['read', 'write'] as const)('a %s that is turned away', effect => {
  const busy = failWith(catalogued('BUSY'))

  it('is sent again until somebody has a place for it', async () => {
    await serve(busy, busy, busy, busy, succeed)
    expect(await asked(effect)).toMatchObject(E.right({ body: { ok: true } }))
    expect(seen).toHaveLength(5)
  })

  it('is sent again until somebody is there', async () => {
    const answer = asked(effect, 10_000)
    await serve(succeed)
    expect(await answer).toMatchObject(E.right({ body: { ok: true } }))
  })

  it('is BUSY after 20 tries or 2 s, whichever comes first', async () => {
    await serve(busy)
    const began_ms = performance.now()
    expect(await problemOf(effect, 10_000)).toMatchObject({ code: 'BUSY' })
    expect(performance.now() - began_ms).toBeLessThan(4_000)
    expect(seen.length).toBeGreaterThan(5)
    expect(seen.length).toBeLessThanOrEqual(20)
  })

  it('is not sent again where there is no time for an answer: what was certain would be lost', async () => {
    await serve(busy, silence)
    expect(await problemOf(effect, 100)).toMatchObject({ code: 'BUSY' })
    expect(seen).toHaveLength(1)
  })

  it('is BUSY when the time of its caller is over', async () => {
    await serve(busy)
    const began_ms = performance.now()
    expect(await problemOf(effect, 400)).toMatchObject({ code: 'BUSY' })
    expect(performance.now() - began_ms).toBeLessThan(1_500)
  })

  it('after a time-out is asked again for as long as its caller waits', async () => {
    await serve(silence, busy, busy, busy, succeed)
    expect(await asked(effect)).toMatchObject(E.right({ body: { ok: true } }))
    expect(seen).toHaveLength(5)
  })

  it('after a time-out does not end before the time of its caller is over', async () => {
    await serve(silence, failWith(catalogued('UNAVAILABLE')))
    const began_ms = performance.now()
    const code = effect === 'read' ? 'TIMEOUT' : 'OUTCOME_UNKNOWN'
    expect(await problemOf(effect, 1_200)).toMatchObject({ code })
    expect(performance.now() - began_ms).toBeGreaterThan(1_100)
  })
})

describe('a read', () => {
  it('is sent again while there is time, and then is a time-out', async () => {
    await serve(silence, succeed)
    expect(await asked('read')).toMatchObject(E.right({ body: { ok: true } }))
    await responder.drain()
    responder = await connect({ servers: nats.url })
    seen = []
    await serve(silence)
    expect(await problemOf('read', 600)).toMatchObject({ code: 'TIMEOUT' })
  })

  it.each<[string, Act]>([
    ['no JSON', msg => void msg.respond('oops')],
    ['another shape', msg => void msg.respond('{"ok":1}')],
    ['an error that nobody knows', failWith({ status: 418, code: 'TEAPOT', body: '{}' })],
  ])('that is answered with %s is an internal error with its cause', async (_, act) => {
    await serve(act)
    expect(await problemOf('read')).toMatchObject({
      code: 'INTERNAL_ERROR',
      cause: expect.objectContaining({ message: expect.stringContaining(subject) }),
    })
  })
})

describe('the roles of this process', () => {
  /** A service that is connected to no server of `nc`: only this process can ask it. */
  const startLocal = async (endpoint: Partial<EndpointConfig>): Promise<Service> => {
    const service = await startService(elsewhere, serviceConfig({ subject, effect: 'write', ...endpoint }))
    services.push(service)
    return service
  }
  const askBoth = (local: Service, timeout_ms = 2_000) =>
    ask(
      { nc, local },
      {
        subject,
        body: '{"transaction_id":"t-1"}',
        effect: 'write',
        check: checkWith(OK),
        timeout_ms,
        transaction_id: 't-1',
        lines: headerLines({ 'Ledger-Caller': 'token:shop' }),
      },
    )()
  const ok = { body: '{"ok":true}' }
  let other_nats: TestNats
  let elsewhere: NatsConnection
  const services: Service[] = []

  beforeAll(async () => {
    other_nats = await startTestNats()
    elsewhere = await connect({ servers: other_nats.url })
  })
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop()
  })
  afterAll(async () => {
    await elsewhere.close()
    await other_nats.stop()
  })

  it('are asked without NATS: body, headers and counts are those of every request', async () => {
    const requests: ServiceRequest[] = []
    const lines = headerLines({ 'Ledger-Version': '12', 'Ledger-Seq': '7' })
    const local = await startLocal({
      handle: request => {
        requests.push(request)
        return E.right({ ...ok, lines })
      },
    })
    expect(await askBoth(local)).toEqual(
      E.right({ body: { ok: true }, headers: { 'Ledger-Version': '12', 'Ledger-Seq': '7' } }),
    )
    const [request] = requests
    expect(new TextDecoder().decode(request?.body)).toBe('{"transaction_id":"t-1"}')
    expect(request?.headers?.get('Ledger-Caller')).toBe('token:shop')
    expect(request?.is_local).toBe(true)
    expect(local.stats().endpoints[0]).toMatchObject({ num_requests: 1, num_errors: 0 })
  })

  it('refuse as they do over NATS, and a refusal is counted', async () => {
    const local = await startLocal({ handle: () => E.left(catalogued('INSUFFICIENT_FUNDS', { balance: 3 })) })
    const answer = await askBoth(local)
    expect(E.isLeft(answer) && answer.left).toMatchObject({
      code: 'INSUFFICIENT_FUNDS',
      fields: { balance: 3 },
    })
    expect(local.stats().endpoints[0]).toMatchObject({
      num_errors: 1,
      last_error: '422:INSUFFICIENT_FUNDS',
    })
  })

  it('that have no room leave the request to the others', async () => {
    await serve(succeed)
    const held = gate()
    const local = await startLocal({ max_in_flight: 1, handle: behind(held) })
    const first = askBoth(local)
    expect(E.isRight(await askBoth(local))).toBe(true)
    expect(seen).toHaveLength(1)
    held.open()
    await first
  })

  it('that do not answer in time leave the next try, with the same id, to the others', async () => {
    await serve(succeed)
    const held = gate()
    const local = await startLocal({ handle: behind(held) })
    expect(await askBoth(local, 800)).toEqual(E.right({ body: { ok: true }, headers: {} }))
    expect(seen).toEqual(['{"transaction_id":"t-1"}'])
    held.open()
  })

  it('are not asked for what they do not serve', async () => {
    await serve(succeed)
    const local = await startLocal({ subject: `${subject}.another` })
    expect(E.isRight(await askBoth(local))).toBe(true)
    expect(seen).toHaveLength(1)
  })
})
