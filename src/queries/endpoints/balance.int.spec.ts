import type { Msg } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorOf } from '../../service/testing/harness.js'
import { ledgerOf, type Rig, startRig } from '../testing/rig.js'

let rig: Rig
let [calls, in_flight, in_flight_max] = [0, 0, 0]

const credit = (id: string, amount: number | string): Promise<number> =>
  rig.emit(id, { type: 'credit', amount })
const ask = (request: unknown): Promise<Msg> => rig.ask('customer.balance', request)

beforeAll(async () => {
  rig = await startRig()
  rig.deps.tables.middlewareStack.add(
    next => async args => {
      calls += 1
      in_flight += 1
      in_flight_max = Math.max(in_flight_max, in_flight)
      try {
        return await next(args)
      } finally {
        in_flight -= 1
      }
    },
    { step: 'initialize' },
  )
  await credit('678', 7_000)
  await credit('678', 120)
  await credit('rich', '9223372036854775807')
  rig.project()
  await rig.caughtUp()
})

afterAll(() => rig.stop())

describe('customer.balance', () => {
  it('answers exactly as its predecessor did, from the table and from memory', async () => {
    for (const body of [
      '{"client_id":"678"}',
      '{"client_id":"678"}',
      '{"customer_id":"678"}',
      '{ "client_id" : "678", "more": 1 }',
    ]) {
      expect((await ask(body)).string()).toBe('{"balance":7120}')
    }
  })

  it('gives a customer without events a balance of 0', async () => {
    const reply = await ask('{"client_id":"no-such"}')
    expect(reply.string()).toBe('{"balance":0}')
    expect(errorOf(reply)).toBe('')
    expect(ledgerOf(reply)).toBe('0 0 table')
  })

  it('gives a balance beyond 2^53-1 as a string', async () => {
    expect((await ask('{"client_id":"rich"}')).string()).toBe('{"balance":"9223372036854775807"}')
  })

  it('says in headers how new the answer is and where it is from', async () => {
    await credit('header', 5)
    await rig.caughtUp()
    expect(ledgerOf(await ask('{"client_id":"header"}'))).toMatch(/^1 \d+ table$/)
    expect(ledgerOf(await ask('{"client_id":"header"}'))).toMatch(/^1 \d+ memory$/)
    const seq = await credit('header', 5)
    const strong = await ask({ client_id: 'header', consistency: 'strong' })
    expect([strong.string(), ledgerOf(strong)]).toEqual(['{"balance":10}', `2 ${seq} memory`])
  })

  it('answers a body that is not JSON with 403 BAD_REQUEST and the text of the parser', async () => {
    const reply = await ask('no json')
    expect(errorOf(reply)).toBe('403:BAD_REQUEST')
    expect(reply.string()).toContain('not valid JSON')
    expect(rig.service.stats().endpoints[0]?.last_error).toBe('403:BAD_REQUEST')
  })

  it.each([
    '{}',
    '{"client_id":""}',
    '{"client_id":"a.b"}',
    '{"client_id":7}',
    '{"client_id":null}',
    '[]',
    '7',
    'null',
  ])('answers %s with 400 and a text that names client_id', async body => {
    const reply = await ask(body)
    expect(errorOf(reply)).toBe('400:INVALID_REQUEST')
    expect(reply.string()).toContain('client_id')
  })

  it.each([
    [{ min_version: -1 }, 'min_version'],
    [{ min_version: '3' }, 'min_version'],
    [{ consistency: 'weak' }, 'consistency'],
    [{ as_of: 'yesterday' }, 'as_of'],
    [{ as_of_seq: 1.5 }, 'as_of_seq'],
    [{ as_of_seq: 1, as_of: '2026-01-01T00:00:00Z' }, 'as_of_seq'],
    [{ as_of_seq: 1, min_version: 1 }, 'as_of_seq'],
  ])('answers %j with 400 and a text that names %s', async (fields, named) => {
    const reply = await ask({ client_id: '678', ...fields })
    expect(errorOf(reply)).toBe('400:INVALID_REQUEST')
    expect(reply.string()).toContain(named)
  })

  it('shares BatchGetItem calls between requests that are under way at the same time', async () => {
    const before = calls
    const bodies = Array.from({ length: 500 }, (_, i) => `{"client_id":"shared-${i % 250}"}`)
    const replies = await Promise.all(bodies.map(ask))
    expect(replies.every(reply => reply.string() === '{"balance":0}')).toBe(true)
    expect(calls - before).toBeLessThan(50)
    expect(in_flight_max).toBeLessThanOrEqual(8 + 4)
  })

  it('waits for min_version, and says NOT_REACHED for one that the stream does not have', async () => {
    await credit('own', 1)
    await ask({ client_id: 'own' })
    const waiting = ask({ client_id: 'own', min_version: 2 })
    await credit('own', 1)
    expect(await waiting.then(reply => [reply.string(), ledgerOf(reply).slice(0, 2)])).toEqual([
      '{"balance":2}',
      '2 ',
    ])
    const never = await ask({ client_id: 'own', min_version: 3 })
    expect(errorOf(never)).toBe('409:NOT_REACHED')
    expect(never.string()).toContain('version 2')
  })

  it('gives a customer in memory at its newest event', async () => {
    for (let balance = 1; balance <= 50; balance += 1) {
      const seq = await credit('followed', 1)
      const reply = await ask({ client_id: 'followed', min_version: balance })
      expect([reply.string(), reply.headers?.get('Ledger-Seq')]).toEqual([
        `{"balance":${balance}}`,
        String(seq),
      ])
    }
  })

  it('carries the lag of the projection in STATS', async () => {
    const stats = JSON.parse((await rig.ask('$SRV.STATS.customer', '')).string())
    const { data } = stats.endpoints.find(({ name }: { name: string }) => name === 'balance')
    expect(data.lag).toMatchObject({ projection: 'ledger', lag_events: expect.any(Number) })
    expect(data.hot_customers).toBeGreaterThan(0)
    expect(data.answers.memory).toBeGreaterThan(0)
  })
})
