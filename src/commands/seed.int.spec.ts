// a server per test: each is about the first events of a new stream
import { setTimeout as pause } from 'node:timers/promises'
import type { JetStreamManager } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import { connect, type NatsConnection, nanos } from 'nats'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { startTestNats, type TestNats, until } from '../../test/support/servers.js'
import { getText } from '../stream/config-bucket.js'
import { manager, provision, streamInfo } from '../stream/provision.js'
import { publish } from '../stream/publish.js'
import { readRange } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { type SeedDeps, seed } from './seed.js'

let nats: TestNats
let nc: NatsConnection

beforeEach(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url })
})

afterEach(async () => {
  await nc.close()
  await nats.stop()
})

const BUCKET_STREAM = 'KV_config'
const NOT_READY_MS = 300
const never = new AbortController().signal

const open = async () => {
  const kv = await right(provision(nc, { replicas: 1 }))
  return { nc, kv, jsm: await right(manager(nc)) }
}

const events = async (): Promise<number> => (await right(streamInfo(nc, LEDGER_STREAM))).state.messages

describe('seeding', () => {
  it('emits one credit of 100 to 9,999 for each of the clients 1 to 1000, and notes that it is done', async () => {
    const deps = await open()
    expect(await right(seed(deps, never))).toEqual({ events: 1_000 })
    const seen = new Map<string, number>()
    const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: 1, to_seq: 2_000 }
    for await (const { subject, body } of readRange(nc, range)) {
      const { type, amount } = JSON.parse(new TextDecoder().decode(body)) as { type: string; amount: number }
      expect(type).toBe('credit')
      seen.set(subject, amount)
    }
    expect([...seen.keys()]).toEqual(Array.from({ length: 1_000 }, (_, i) => `customer.balance.${i + 1}`))
    expect(Math.min(...seen.values())).toBeGreaterThanOrEqual(100)
    expect(Math.max(...seen.values())).toBeLessThanOrEqual(9_999)
    expect(new Set(seen.values()).size).toBeGreaterThan(500)
    expect(await right(getText(deps.kv, 'seed'))).toBe('done')
  })

  it('happens once when it is asked for again', async () => {
    const deps = await open()
    await right(seed(deps, never))
    expect(await right(seed(deps, never))).toEqual({ events: 0 })
    expect(await events()).toBe(1_000)
  })

  it('waits for a bucket that does not answer yet, as in a cluster that was just started', async () => {
    const deps = await open()
    const { config } = await right(streamInfo(nc, BUCKET_STREAM))
    await deps.jsm.streams.delete(BUCKET_STREAM)
    await expect(deps.kv.get('seed')).rejects.toThrow('no responders')
    const seeded = right(seed(deps, never))
    await pause(NOT_READY_MS)
    await deps.jsm.streams.add(config)
    expect(await seeded).toEqual({ events: 1_000 })
    expect(await right(getText(deps.kv, 'seed'))).toBe('done')
  })

  it('happens once when several instances start together', async () => {
    const instances = await Promise.all([1, 2, 3, 4].map(() => open()))
    const results = await Promise.all(instances.map(deps => right(seed(deps, never))))
    expect(results.map(result => result.events).sort((a, b) => a - b)).toEqual([0, 0, 0, 1_000])
    expect(await events()).toBe(1_000)
  })

  it('happens once although the instance died between the events and the note, long ago', async () => {
    const deps = await open()
    await deps.jsm.streams.update(LEDGER_STREAM, { duplicate_window: nanos(100) })
    await right(seed(deps, never))
    await deps.kv.delete('seed')
    // the duplicate window is over: it cannot be what prevents a second seed
    await windowIsOver()
    expect(await right(seed({ ...deps, kv: await new Kvm(nc).open('config') }, never))).toEqual({ events: 0 })
    expect(await right(getText(deps.kv, 'seed'))).toBe('done')
  })

  it('happens once although another instance seeds between the look and the batch, and the window is over', async () => {
    const deps = await open()
    await deps.jsm.streams.update(LEDGER_STREAM, { duplicate_window: nanos(100) })
    expect(await right(seed({ ...deps, jsm: seedingAfterItsLook(deps) }, never))).toEqual({ events: 0 })
    expect(await events()).toBe(1_002)
  })

  it('counts beside what others published first', async () => {
    const deps = await open()
    const early = { subject: 'customer.balance.1', body: '{"type":"credit","amount":1}' }
    await right(publish(nc, early, 5_000))
    expect(await right(seed(deps, never))).toEqual({ events: 1_000 })
    expect(await events()).toBe(1_001)
  })

  it.each([
    ['deleted', (kv: KV) => kv.delete('seed')],
    ['purged', (kv: KV) => kv.purge('seed')],
    ['overwritten', (kv: KV) => kv.put('seed', '{"x":1}')],
  ])('adds nothing to a ledger in use whose note was %s', async (_, spoil) => {
    const deps = await open()
    await right(publish(nc, { subject: 'customer.balance.1', body: '{"type":"credit","amount":1}' }, 5_000))
    await deps.kv.put('seed', 'done')
    await spoil(deps.kv)
    expect(await right(seed(deps, never))).toEqual({ events: 0 })
    expect(await events()).toBe(1)
    expect(await right(getText(deps.kv, 'seed'))).toBe('done')
  })

  it('adds nothing to a ledger in use whose bucket was deleted', async () => {
    const before = await open()
    await right(publish(nc, { subject: 'customer.balance.1', body: '{"type":"credit","amount":1}' }, 5_000))
    await before.jsm.streams.delete(BUCKET_STREAM)
    expect(await right(seed(await open(), never))).toEqual({ events: 0 })
    expect(await events()).toBe(1)
  })

  it('leaves the bucket as the predecessor had it: a second ledger program sees "done"', async () => {
    const deps = await open()
    await right(seed(deps, never))
    const entry = await (await new Kvm(nc).open('config')).get('seed')
    expect(entry?.string()).toBe('done')
  })
})

/** A manager for whom, the first time it has looked, somebody else seeds and the duplicate window ends. */
const seedingAfterItsLook = (deps: SeedDeps): JetStreamManager => {
  let looked = false
  const getMessage: JetStreamManager['streams']['getMessage'] = async (stream, query) => {
    const found = await deps.jsm.streams.getMessage(stream, query)
    if (looked) return found
    looked = true
    await right(seed(deps, never))
    await windowIsOver()
    return found
  }
  return Object.assign(Object.create(deps.jsm), {
    streams: Object.assign(Object.create(deps.jsm.streams), { getMessage }),
  })
}

/** Waits until the duplicate window has forgotten everything that is stored now, by a message that is stored after it. */
const windowIsOver = async (): Promise<void> => {
  const probe = { subject: 'customer.balance.probe', body: '{"type":"credit","amount":1}', msg_id: 'probe' }
  await right(publish(nc, probe, 5_000))
  await until(async () => !(await right(publish(nc, probe, 5_000))).duplicate, {
    deadline_ms: 30_000,
    what: 'the duplicate window to end',
  })
}
