// has servers of its own, which die
import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { right, startTestStream, type TestStream } from '../../test/support/ledger.js'
import { dieAmidBatch } from '../../test/support/part-of-batch.js'
import { lookAtBatches } from './batches.js'
import { publish, publishBatch } from './publish.js'
import { readRange } from './read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from './settings.js'

const MESSAGES = 40

let stream: TestStream
let nc: NatsConnection
let jsm: JetStreamManager

beforeEach(async () => {
  stream = await startTestStream({
    sync_interval: 'always',
    connection: { maxReconnectAttempts: -1, reconnectTimeWait: 50 },
  })
  ;({ nc, jsm } = stream)
})
afterEach(() => stream.stop())

const messages = (n: number) =>
  Array.from({ length: n }, (_, i) => ({
    subject: `customer.balance.c${i % 5}`,
    body: JSON.stringify({ type: 'credit', amount: 100 + i }),
  }))

const single = () =>
  right(publish(nc, { subject: 'customer.balance.c1', body: '{"type":"credit","amount":1}' }, 5_000))

const lookFrom = async (from_seq: number, after_seq = 0) => {
  const { last_seq } = (await jsm.streams.info(LEDGER_STREAM)).state
  return { last_seq, found: await right(lookAtBatches(nc, { from_seq, last_seq, after_seq })) }
}

describe('the batches of a stream', () => {
  it('keep their headers, and are whole from any place of the stream on', async () => {
    await right(publishBatch(nc, messages(MESSAGES), 5_000))
    await single()
    await right(publishBatch(nc, messages(3), 5_000))
    const places: string[] = []
    const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: 1, to_seq: MESSAGES + 4 }
    for await (const { headers } of readRange(nc, range))
      places.push(
        `${headers?.get('Nats-Batch-Sequence') ?? ''}${headers?.get('Nats-Batch-Commit') === '1' ? '!' : ''}`,
      )
    expect(places.slice(MESSAGES - 2)).toEqual([`${MESSAGES - 1}`, `${MESSAGES}!`, '', '1', '2', '3!'])
    for (const from_seq of [1, 7, MESSAGES, MESSAGES + 1, MESSAGES + 2, MESSAGES + 4])
      expect((await lookFrom(from_seq)).found).toBeUndefined()
  })

  it.each([1, 20, 39])('are found in part where the machine died amid the last one: %s of 40', async kept => {
    await single()
    await dieAmidBatch(stream.nats, nc, messages(MESSAGES), kept)
    const { last_seq, found } = await lookFrom(1)
    expect(last_seq).toBe(1 + kept)
    expect(found).toMatchObject({
      part: { from_seq: 2, to_seq: last_seq, lacks: 'its end' },
      is_certain: false,
    })
    await single()
    expect((await lookFrom(last_seq)).found).toMatchObject({ part: { to_seq: last_seq }, is_certain: true })
    // a person has accepted the stream as it is
    expect((await lookFrom(last_seq, last_seq)).found).toBeUndefined()
  })
})
