/** Three replicas and a malicious publisher, who cannot stop or delay the stream through `customer.event`. */

import { jetstream } from '@nats-io/jetstream'
import { headers, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Dev, openWorkbench, type Workbench } from '../support/program.js'
import { untilBalance, untilEqualsFold } from '../support/questions.js'

const MS_MAX = 60_000

let bench: Workbench
let dev: Dev
let nc: NatsConnection

beforeAll(async () => {
  bench = openWorkbench()
  dev = await bench.dev('--cluster')
  nc = await bench.connect(dev.nats_url)
}, 2 * MS_MAX)
afterAll(() => bench.end())

const CREDIT = '{"type":"credit","amount":1}'

const refusal = async (name: string, value: string): Promise<string> => {
  const h = headers()
  h.set(name, value)
  const reply = await nc.request('customer.event.mallory', CREDIT, { headers: h, timeout: 10_000 })
  return reply.json<{ error?: { description: string } }>().error?.description ?? 'it was stored'
}

it('no header that JetStream obeys is sent on, and the stream of three replicas goes on', async () => {
  const { streams } = await jetstream(nc).jetstreamManager()
  const before = (await streams.info('customer-balances')).state.last_seq
  for (const [name, value] of [
    ['Nats-Expected-Last-Msg-Id', 'nope'],
    ['nats-expected-last-msg-id', 'nope'],
    ['Nats-Expected-Last-Sequence', '1'],
    ['Nats-Rollup', 'all'],
    ['Nats-TTL', '1s'],
    ['Nats-Trace-Dest', '$KV.config.seed'],
  ] as const) {
    // the server itself publishes a trace, and the event is refused all the same
    expect(await refusal(name, value), name).toContain(name)
  }
  const batches = await Promise.all(
    Array.from({ length: 60 }, (_, i) => refusal('Nats-Batch-Id', `held-${i}`)),
  )
  expect(batches.every(text => text.includes('Nats-Batch-Id'))).toBe(true)
  for (const schema of [2, 99]) {
    const body = `{"schema":${schema},"type":"credit","amount":1}`
    const reply = await nc.request('customer.event.mallory', body, { timeout: 10_000 })
    expect(reply.headers?.get('Nats-Service-Error')).toBe('INVALID_REQUEST')
  }
  expect((await streams.info('customer-balances')).state).toMatchObject({ last_seq: before })

  const credit = await bench.run(['credit', 'mallory', '5'])
  expect(credit).toMatchObject({ code: 0, stderr: '' })
  const published = await bench.run(['publish', 'mallory', 'credit', '2'])
  expect(published).toMatchObject({ code: 0, stdout: `stored at sequence ${before + 2}\n` })
  await untilBalance(nc, 'mallory', 7n, MS_MAX)
  await untilEqualsFold(nc, MS_MAX)
})
