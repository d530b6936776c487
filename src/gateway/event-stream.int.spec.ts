/** Events as server-sent events, and the routes for operators: who may, what is told, and who did it. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../test/support/servers.js'
import {
  startTestGateway,
  startTestService,
  type TestGateway,
  type TestService,
  tokensNamed,
} from './testing/gateway.js'

const WAIT = { deadline_ms: 30_000 }

type Content = Readonly<Record<string, unknown>>

let service: TestService
let gateway: TestGateway

beforeAll(async () => {
  service = await startTestService()
  gateway = await startTestGateway(service.ledger.nc, {
    tokens: tokensNamed(
      { name: 'reader', scopes: ['read'] },
      { name: 'shop', scopes: ['read', 'write'], customer_prefixes: ['shop-'] },
      { name: 'ops', scopes: ['read', 'operate'] },
    ),
  })
})
afterAll(async () => {
  await gateway.stop()
  await service.stop()
})

const as = (name: string, headers: Record<string, string> = {}) => ({
  headers: { authorization: `Bearer ${name}`, ...headers },
})
const get = async (path: string, name = 'ops') => {
  const answer = await gateway.call(path, as(name))
  return { status: answer.status, body: (await answer.json()) as Content }
}
const post = async (path: string, body: unknown, name = 'ops') => {
  const answer = await gateway.post(path, body, as(name).headers)
  return { status: answer.status, body: (await answer.json()) as Content }
}
const credit = (id: string, amount: number) => service.ledger.emit(id, { type: 'credit', amount })
const lastSeq = async () => Number((await get('/v1/events')).body.through_seq)

/** Listens to a stream until it has brought `count` events. Gives their ids and data, and the text of all. */
const listen = async (path: string, count: number, headers: Record<string, string> = {}) => {
  const ending = new AbortController()
  const answer = await gateway.call(path, {
    ...as('reader', { accept: 'text/event-stream', ...headers }),
    signal: ending.signal,
  })
  const decoder = new TextDecoder()
  let text = ''
  const dataIn = () => [...text.matchAll(/^id: (\d+)\ndata: (.*)\n\n/gm)]
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    if (dataIn().length >= count) break
  }
  ending.abort()
  return {
    type: answer.headers.get('content-type'),
    text,
    events: dataIn().map(([, id, data]): Content => ({ id: Number(id), ...JSON.parse(data ?? '') })),
  }
}

describe('a stream of events', () => {
  it('brings what is stored, in order, and goes on where the client was', async () => {
    const before = await lastSeq()
    for (const amount of [1, 2, 3]) await credit('ann', amount)
    const first = await listen(`/v1/events?after_seq=${before}`, 2)
    expect(first.type).toBe('text/event-stream; charset=utf-8')
    expect(first.events.slice(0, 2)).toMatchObject([
      { id: before + 1, seq: before + 1, client_id: 'ann', type: 'credit', amount: 1 },
      { id: before + 2, amount: 2 },
    ])
    // the header says more than the address, which a browser sends again as it was
    const next = await listen(`/v1/events?after_seq=${before}`, 1, { 'last-event-id': String(before + 2) })
    expect(next.events[0]).toMatchObject({ id: before + 3, amount: 3 })
  })

  it('brings what is stored while it is open, and a place to come back to before that', async () => {
    const before = await lastSeq()
    const listening = listen('/v1/events', 1)
    // a stream without a place begins at the end that it finds: events are stored until it brings one
    let is_over = false
    void listening.finally(() => {
      is_over = true
    })
    const creditUntilOver = async () => {
      if (!is_over) await credit('bea', 7)
      return is_over
    }
    await until(creditUntilOver, { ...WAIT, what: 'an event' })
    const { text, events } = await listening
    expect(events[0]).toMatchObject({ client_id: 'bea', amount: 7 })
    expect(Number(/^id: (\d+)/m.exec(text)?.[1])).toBeGreaterThanOrEqual(before)
    expect(text).toMatch(/^retry: \d+\n/)
  })

  it('of one customer brings no other, and a token for some customers gets no more than that', async () => {
    const before = await lastSeq()
    await credit('shop-1', 5)
    await credit('cid', 6)
    await credit('shop-1', 7)
    const { events } = await listen(`/v1/events?after_seq=${before}&client_id=shop-1`, 2)
    expect(events.map(({ amount }) => amount)).toEqual([5, 7])
    expect((await get('/v1/events', 'shop')).status).toBe(403)
    expect((await get('/v1/events?client_id=shop-1', 'shop')).status).toBe(200)
  })

  it('shows whatever was published, page by page', async () => {
    const before = await lastSeq()
    await service.ledger.nc.request('customer.balance.dan', 'no JSON')
    await credit('dan', 1)
    const { body } = await get(`/v1/events?after_seq=${before}&limit=1`)
    expect(body).toMatchObject({
      events: [{ type: 'unreadable', client_id: 'dan' }],
      through_seq: before + 1,
    })
    expect((await get(`/v1/events?after_seq=${before + 1}`)).body).toMatchObject({ events: [{ amount: 1 }] })
  })

  it('is refused for a place that the ledger does not have, or that is none', async () => {
    const far = await gateway.call(
      '/v1/events?after_seq=900000',
      as('reader', { accept: 'text/event-stream' }),
    )
    expect([far.status, ((await far.json()) as Content).code]).toEqual([409, 'NOT_REACHED'])
    const odd = as('reader', { accept: 'text/event-stream', 'last-event-id': 'x' })
    expect((await gateway.call('/v1/events', odd)).status).toBe(400)
  })

  it('is given to a caller a bounded number of times at once', async () => {
    const ending = new AbortController()
    const open = () =>
      gateway.call('/v1/events', { ...as('ops', { accept: 'text/event-stream' }), signal: ending.signal })
    const answers = await Promise.all(Array.from({ length: 21 }, open))
    expect(answers.map(({ status }) => status).filter(status => status !== 200)).toEqual([429])
    ending.abort()
    await until(async () => (await gateway.call('/v1/events', as('ops'))).status === 200, {
      ...WAIT,
      what: 'a place',
    })
  })
})

describe('an operator', () => {
  const letters = async (id: string) =>
    (await get(`/v1/operations/dead-letters?client_id=${id}`)).body.letters as Content[]

  it('needs the scope for it', async () => {
    for (const path of ['/v1/operations/status', '/v1/operations/dead-letters', '/v1/operations/parked'])
      expect((await get(path, 'reader')).status).toBe(403)
    expect((await post('/v1/operations/projections/ledger/replay', {}, 'shop')).status).toBe(403)
    expect((await get('/v1/operations/status')).status).toBe(200)
  })

  it('retries a dead letter once, is told what became of it, and stands on the event', async () => {
    const seq = await lastSeq()
    await service.ledger.nc.request('customer.balance.eve', '{"type":"debit","amount":5}')
    await until(async () => (await letters('eve')).length === 1, { ...WAIT, what: 'the dead letter' })
    const path = `/v1/operations/dead-letters/${seq + 1}`
    await credit('eve', 20)
    const retried = await post(`${path}/retry`, { reason: 'the money came' })
    expect(retried).toMatchObject({ status: 200, body: { became: 'applied', seq: seq + 3 } })
    const again = await post(`${path}/retry`, {})
    expect(again).toMatchObject({ status: 409, body: { code: 'REFUSED' } })
    expect((await get(`/v1/events?after_seq=${seq + 2}`)).body).toMatchObject({
      events: [{ client_id: 'eve', type: 'debit', by: 'token:ops' }],
    })
    expect(await letters('eve')).toEqual([])
  })

  it('discards a dead letter with a reason, and retries one that is refused again', async () => {
    const seq = await lastSeq()
    for (const amount of [6, 7])
      await service.ledger.nc.request('customer.balance.fay', JSON.stringify({ type: 'debit', amount }))
    await until(async () => (await letters('fay')).length === 2, { ...WAIT, what: 'both dead letters' })
    expect((await post(`/v1/operations/dead-letters/${seq + 1}/discard`, {})).status).toBe(400)
    expect(
      await post(`/v1/operations/dead-letters/${seq + 1}/discard`, { reason: 'a mistake' }),
    ).toMatchObject({
      status: 200,
      body: { state: 'discarded', by: 'token:ops' },
    })
    expect(await post(`/v1/operations/dead-letters/${seq + 2}/retry`, {})).toMatchObject({
      body: { became: 'refused', reason: expect.stringContaining('INSUFFICIENT_FUNDS') },
    })
  })

  it('rebuilds a projection, sees how far it is, and is named where it serves', async () => {
    const begun = await post('/v1/operations/projections/ledger/replay', {})
    expect(begun).toMatchObject({ status: 200, body: { projection: 'ledger', by: 'token:ops' } })
    const done = await until(
      async () => {
        const { replays, ...rest } = (await get('/v1/operations/status')).body
        return (replays as Content[]).every(({ state }) => state === 'done') && { replays, ...rest }
      },
      { ...WAIT, what: 'the end of the replay' },
    )
    expect(done).toMatchObject({
      replays: [{ projection: 'ledger', generation: 2 }],
      projections: [{ projection: 'ledger', generation: 2, by: 'token:ops' }],
      stream: { replicas: 1 },
    })
    expect(await post('/v1/operations/projections/ledger/cancel', {})).toMatchObject({
      body: { projection: 'ledger', dropped: false },
    })
    expect((await post('/v1/operations/projections/nothing/replay', {})).status).toBe(400)
  })
})
