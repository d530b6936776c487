// has a server of its own: it is killed
import type { JetStreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { dieWithout } from '../../test/support/part-of-batch.js'
import { startTestNats, type TestNats, until } from '../../test/support/servers.js'
import { manager, provision } from './provision.js'
import { publishBatch } from './publish.js'
import { readPages, readRange } from './read.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from './settings.js'

const EVENTS = 30_000

let nats: TestNats
let nc: NatsConnection
let jsm: JetStreamManager

beforeEach(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url, reconnectTimeWait: 50, maxReconnectAttempts: -1 })
  await right(provision(nc, { replicas: 1 }))
  jsm = await right(manager(nc))
  await store(EVENTS)
})

/** Stores events, each with its number as the body. */
const store = async (events: number, note = ''): Promise<void> => {
  for (let from = 0; from < events; from += 1_000) {
    const messages = Array.from({ length: 1_000 }, (_, i) => ({
      subject: `customer.balance.c${(from + i) % 3}`,
      body: `${note}${from + i + 1}`,
    }))
    await right(publishBatch(nc, messages, 10_000))
  }
}

afterEach(async () => {
  await nc.close()
  await nats.stop()
})

const all = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: 1, to_seq: EVENTS }
const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)
const text = (body: Uint8Array): string => new TextDecoder().decode(body)

/** Reads everything, and does something once, after the first page. */
const readWith = async (disturb: () => Promise<void> | void): Promise<Recorded[]> => {
  const records: Recorded[] = []
  for await (const page of readPages(nc, all)) {
    if (records.length === 0) await disturb()
    records.push(...page)
  }
  return records
}

it('reads a range whole, in order, with bodies, times and subjects as they were stored', async () => {
  const records: Recorded[] = []
  for await (const record of readRange(nc, { ...all, from_seq: 7, to_seq: 21_005 })) records.push(record)
  expect(records.map(({ seq }) => seq)).toEqual(numbers(7, 21_005))
  expect(records.every(({ seq, body }) => text(body) === String(seq))).toBe(true)
  const [first] = records
  const stored = await jsm.streams.getMessage(LEDGER_STREAM, { seq: 7 })
  expect(first?.at).toEqual(stored?.time)
  expect(first?.headers?.get('Nats-Batch-Sequence')).toBe('7')
})

it('reads one subject of many, and ends where the stream ends', async () => {
  const seqs: number[] = []
  const range = { ...all, subject: 'customer.balance.c1', to_seq: Number.MAX_SAFE_INTEGER }
  for await (const { seq } of readRange(nc, range)) seqs.push(seq)
  expect(seqs).toEqual(numbers(1, EVENTS).filter(seq => seq % 3 === 2))
})

it('goes on without a gap when the server dies and comes back', async () => {
  const records = await readWith(() => void process.kill(nats.pid, 'SIGKILL'))
  expect(records.map(({ seq }) => seq)).toEqual(numbers(1, EVENTS))
})

it('reads a range by a consumer, without a gap when the consumer is lost', async () => {
  const seqs: number[] = []
  for await (const page of readPages(nc, { ...all, may_consume: true, to_seq: EVENTS - 5 })) {
    if (seqs.length === 0) {
      for await (const { name } of jsm.consumers.list(LEDGER_STREAM))
        await jsm.consumers.delete(LEDGER_STREAM, name)
    }
    seqs.push(...page.map(({ seq }) => seq))
  }
  expect(seqs).toEqual(numbers(1, EVENTS - 5))
})

it('reads messages of all sizes, also such that a request brings only a few of', async () => {
  const large = Array.from({ length: 40 }, (_, i) => ({
    subject: 'customer.balance.c1',
    body: `${i}`.padEnd(60_000),
  }))
  for (let times = 0; times < 3; times += 1) await right(publishBatch(nc, large, 10_000))
  const end = EVENTS + 120
  for (const subject of [LEDGER_SUBJECTS, 'customer.balance.c1']) {
    const seqs: number[] = []
    for await (const { seq } of readRange(nc, { ...all, subject, from_seq: EVENTS - 1_000, to_seq: end }))
      seqs.push(seq)
    expect(seqs.slice(-120)).toEqual(numbers(EVENTS + 1, end))
  }
})

it('asks for no more than it may hold while its reader is busy', async () => {
  const pages = readPages(nc, all)
  await pages.next()
  // what has arrived has come to rest when two round trips bring nothing but themselves
  let before = -1
  await until(
    async () => {
      const is_at_rest = nc.stats().inMsgs === before
      await nc.flush()
      before = nc.stats().inMsgs
      return is_at_rest
    },
    { deadline_ms: 30_000, what: 'the connection to come to rest' },
  )
  expect(before).toBeLessThan(EVENTS / 2)
  const seqs: number[] = []
  for await (const page of pages) seqs.push(...page.map(({ seq }) => seq))
  expect(seqs.at(-1)).toBe(EVENTS)
})

it('fails, and mixes nothing, when the stream is set back while it is read', async () => {
  const pages = readPages(nc, { ...all, to_seq: Number.MAX_SAFE_INTEGER })
  await dieWithout(nats, nc, async () => {
    await store(12_000, 'lost ')
    for (let seq = 0; seq < EVENTS + 500; )
      seq = ((await pages.next()).value as readonly Recorded[]).at(-1)?.seq ?? 0
  })
  await store(13_000, 'other ')
  const rest = async (): Promise<void> => {
    for await (const _ of pages);
  }
  await expect(rest()).rejects.toThrow('the stream was set back while it was read')
})
