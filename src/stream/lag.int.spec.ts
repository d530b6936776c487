import { AckPolicy, jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { left, right, startTestStream, type TestStream } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { projectionLag } from './lag.js'
import { manager } from './provision.js'
import { publish } from './publish.js'
import { LEDGER_STREAM } from './settings.js'

let stream: TestStream
let nc: NatsConnection

beforeAll(async () => {
  stream = await startTestStream()
  nc = stream.nc
})
afterAll(() => stream.stop())

const NAME = 'folding'

const emit = async (times: number): Promise<void> => {
  for (let i = 0; i < times; i += 1) {
    await right(publish(nc, { subject: `customer.balance.c${i}`, body: '{}' }, 5_000))
  }
}

/** Takes `count` events, without acknowledging them. */
const take = async (count: number) => {
  const consumer = await jetstream(nc).consumers.get(LEDGER_STREAM, NAME)
  const taken = []
  for await (const message of await consumer.fetch({ max_messages: count, expires: 2_000 }))
    taken.push(message)
  return taken
}

describe('the lag of a projection', () => {
  it('is an error that says so where it has no consumer', async () => {
    expect(await left(projectionLag(nc, 'nobody'))).toMatchObject({ tag: 'NotFound' })
  })

  it('counts what is not acknowledged, delivered or not, and is as old as the first of it', async () => {
    const jsm = await right(manager(nc))
    await jsm.consumers.add(LEDGER_STREAM, { durable_name: NAME, ack_policy: AckPolicy.All })
    expect(await right(projectionLag(nc, NAME))).toEqual({ seq: 0, lag_events: 0, lag_ms: 0 })

    const began_ms = Date.now()
    await emit(5)
    expect(await right(projectionLag(nc, NAME))).toMatchObject({ seq: 0, lag_events: 5 })
    const taken = await take(3)
    expect(await right(projectionLag(nc, NAME))).toMatchObject({ seq: 0, lag_events: 5 })
    taken[1]?.ack()
    const lag = await until(
      async () => {
        const found = await right(projectionLag(nc, NAME))
        return found.seq === 2 && found
      },
      { deadline_ms: 30_000, what: 'the acknowledgement to arrive' },
    )
    expect(lag.lag_events).toBe(3)
    const third = await jsm.streams.getMessage(LEDGER_STREAM, { seq: 3 })
    const age_ms = Date.now() - (third?.time.getTime() ?? 0)
    expect(lag.lag_ms).toBeLessThanOrEqual(age_ms)
    expect(age_ms).toBeLessThanOrEqual(Date.now() - began_ms + 1)
    await until(async () => (await right(projectionLag(nc, NAME))).lag_ms >= 50, {
      deadline_ms: 30_000,
      what: 'the first event to age',
    })
  })

  it('is nothing once everything is acknowledged', async () => {
    for (const message of await take(2)) message.ack()
    const lag = await until(
      async () => {
        const found = await right(projectionLag(nc, NAME))
        return found.lag_events === 0 && found
      },
      { deadline_ms: 30_000, what: 'the projection to be caught up' },
    )
    expect(lag).toEqual({ seq: 5, lag_events: 0, lag_ms: 0 })
  })
})
