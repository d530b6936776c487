import type { Msg } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../test/support/servers.js'
import { errorOf } from '../service/testing/harness.js'
import { type Rig, startRig } from './testing/rig.js'

const LIMIT = 50
const ROUNDS = 100
const TIMEOUT_MS = 5_000

let rig: Rig
/** Every read of the table waits for this promise. */
let gate: Promise<void> = Promise.resolve()

const ask = (client_id: string): Promise<Msg> => rig.ask('customer.balance', { client_id })

beforeAll(async () => {
  // without customers in memory every balance waits for a read of the table
  rig = await startRig({
    hot_customers_max: 0,
    limits: () => ({ max_in_flight: LIMIT, timeout_ms: TIMEOUT_MS }),
  })
  rig.deps.tables.middlewareStack.add(
    next => async args => {
      await gate
      return next(args)
    },
    { step: 'initialize' },
  )
  await rig.emit('rich', { type: 'credit', amount: 5 })
  rig.project()
  await rig.caughtUp()
  expect((await ask('rich')).string()).toBe('{"balance":5}')
})

afterAll(() => rig.stop())

describe('twice the load that the query side holds', () => {
  it('is answered BUSY for the excess, at once, while the rest is still at work', async () => {
    let open = (): void => undefined
    gate = new Promise(resolve => {
      open = resolve
    })
    const replies: Msg[] = []
    const asked = Array.from({ length: 2 * LIMIT }, async (_, i) => {
      replies.push(await ask(`busy-${i}`))
    })
    // nothing else can answer now: these replies do not wait for anything
    await until(() => replies.length >= LIMIT, { deadline_ms: TIMEOUT_MS, what: `${LIMIT} replies` })
    expect(replies.map(errorOf)).toEqual(Array.from({ length: LIMIT }, () => '429:BUSY'))
    open()
    await Promise.all(asked)
    expect(replies.slice(LIMIT).map(reply => reply.string())).toEqual(
      Array.from({ length: LIMIT }, () => '{"balance":0}'),
    )
  })

  it('has a bounded latency for the rest, round after round, and nothing is left of it afterwards', async () => {
    const latencies_ms: number[] = []
    let refused = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all(
        Array.from({ length: 2 * LIMIT }, async (_, i) => {
          const began_ms = performance.now()
          const reply = await ask(i % 2 === 0 ? 'rich' : `round-${round}-${i}`)
          if (errorOf(reply) === '') latencies_ms.push(performance.now() - began_ms)
          else {
            expect(errorOf(reply)).toBe('429:BUSY')
            refused += 1
          }
        }),
      )
    }
    expect(latencies_ms.length + refused).toBe(ROUNDS * 2 * LIMIT)
    expect(latencies_ms.length).toBeGreaterThanOrEqual(ROUNDS * LIMIT)
    expect(Math.max(...latencies_ms)).toBeLessThan(TIMEOUT_MS)

    const after = await Promise.all(Array.from({ length: LIMIT }, () => ask('rich')))
    expect(after.map(reply => reply.string())).toEqual(Array.from({ length: LIMIT }, () => '{"balance":5}'))
    const stats = rig.service.stats().endpoints.find(({ name }) => name === 'balance')
    expect(stats?.last_error === '' || stats?.last_error === '429:BUSY').toBe(true)
  })
})
