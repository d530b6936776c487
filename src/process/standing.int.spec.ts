// each test needs a server of its own, because it changes a stream, a bucket or settings
import { StoreCompression, type StreamConfig } from '@nats-io/jetstream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { dieAmidBatch } from '../../test/support/part-of-batch.js'
import { until } from '../../test/support/servers.js'
import { recordNow } from '../belonging/adopt.js'
import { readRecord, writeRecord } from '../belonging/ledger-record.js'
import type { Witness } from '../belonging/look.js'
import { TE } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { createHealth, type Health } from '../health.js'
import { makeConsumer } from '../stream/consumer.js'
import { readOrigin } from '../stream/identity.js'
import { allSettings, DEAD_LETTER_STREAM, LEDGER_STREAM, ledgerStream } from '../stream/settings.js'
import { BESIDE, CONSUMERS, RECORDS, SETTINGS } from './by-hand.js'
import { watchConfigWrites } from './config-writes.js'
import type { Member } from './members.js'
import { SERVERS } from './server-health.js'
import { LEDGER, type Standing, startStanding } from './standing.js'

const WITHIN_MS = 15_000
const BUCKET = 'KV_config'

let ledger: TestLedger
let started: Standing[]

beforeEach(async () => {
  ledger = await startTestLedger()
  started = []
})
afterEach(async () => {
  await Promise.all(started.map(standing => standing.stop()))
  await ledger.stop()
})

const start = (
  witnesses: readonly Witness[] = [],
  { members = [], replicas = 1 }: { members?: readonly Member[]; replicas?: number } = {},
) => {
  const { nc, jsm, log } = ledger
  const health = createHealth(() => undefined)
  const tables = TE.right(witnesses)
  const standing = startStanding({
    nc,
    jsm,
    settings: { replicas },
    tables,
    askMembers: async () => ({ seen: members, unseen: [] }),
    has_projections: true,
    renews_record: true,
    log,
    health,
  })
  started.push(standing)
  return { standing, health }
}

const stateOf = (health: Health, part: string) => health.read().parts[part]
const untilState = (health: Health, part: string, state: string, text = '') =>
  until(() => stateOf(health, part)?.state === state && stateOf(health, part)?.detail.includes(text), {
    deadline_ms: WITHIN_MS,
    what: `${part} to be ${state} with "${text}": ${JSON.stringify(health.read().parts)}`,
  })

const recorded = async () => (await right(readRecord(ledger.jsm))).record
/** Waits until the record holds the newest event. */
const untilRecorded = (seq: number) =>
  until(async () => (await recorded())?.stream.newest?.seq === seq, {
    deadline_ms: WITHIN_MS,
    what: `the record to name event ${seq}`,
  })

const emitMany = async (n: number): Promise<void> => {
  for (let i = 1; i <= n; i += 1) await ledger.emit('a', { type: 'credit', amount: i })
}

/** The ledger stream with other events, as if it were made anew or restored. */
const replaceStream = async (
  amounts: readonly number[],
  config: Partial<StreamConfig> = {},
): Promise<void> => {
  await ledger.jsm.streams.delete(LEDGER_STREAM)
  await ledger.jsm.streams.add({ ...ledgerStream({ replicas: 1 }), ...config })
  for (const amount of amounts) await ledger.emit('a', { type: 'credit', amount })
}

it('a write to the bucket of records is told by its key, and the renewal of the record of the ledger is not', async () => {
  const { jsm, kv, nc } = ledger
  const record = await right(recordNow(jsm, 1))
  const revision = await right(writeRecord(kv, record, 0))
  const told: { readonly key: string }[] = []
  const log = { warn: (fields: { readonly key: string }) => told.push(fields), debug: () => undefined }
  const watched = watchConfigWrites({ nc, log }, 5)
  const isTold = (key: string) => told.some(one => one.key === key)
  try {
    // until the first look is over, writes are no news
    const seed = async (): Promise<boolean> => {
      await kv.put('seed', 'done')
      return isTold('seed')
    }
    await until(seed, { deadline_ms: WITHIN_MS, what: 'the first look' })
    const newest = { seq: 7, checksum: 'c', at_ms: 1 }
    await right(writeRecord(kv, { ...record, stream: { ...record.stream, newest } }, revision))
    const written = await kv.put('projection.ledger', '{"generation":7}')
    await until(() => isTold('projection.ledger'), { deadline_ms: WITHIN_MS, what: 'the write to be told' })
    expect(told.at(-1)).toEqual({ metric: 'config_write', key: 'projection.ledger', revision: written })
    expect(isTold('ledger')).toBe(false)
  } finally {
    await watched.stop()
  }
})

describe('the stream', () => {
  it('is recorded with its first and its newest event, and that is renewed', async () => {
    const { standing, health } = start()
    expect(await standing.untilSettled()).toBeUndefined()
    expect(stateOf(health, LEDGER)?.state).toBe('ok')
    expect(await recorded()).toMatchObject({ epoch: 1, stream: { missing: 0 } })
    await emitMany(3)
    await untilRecorded(3)
    expect((await recorded())?.stream).toEqual(await right(readOrigin(ledger.jsm)))
  })

  it('that is deleted while the ledger runs is not made anew, and the ledger stands still', async () => {
    const { standing, health } = start()
    await standing.untilSettled()
    await emitMany(2)
    await untilRecorded(2)
    await ledger.jsm.streams.delete(LEDGER_STREAM)
    await standing.untilStopped()
    expect(standing.reason()).toContain('is gone')
    expect(stateOf(health, LEDGER)).toMatchObject({
      state: 'down',
      detail: expect.stringContaining('jetledger recover'),
    })
    await expect(ledger.jsm.streams.info(LEDGER_STREAM)).rejects.toThrow('stream not found')
    const later = start()
    expect(await later.standing.untilSettled()).toContain('is gone')
    await expect(ledger.jsm.streams.info(LEDGER_STREAM)).rejects.toThrow('stream not found')
  })

  it.each([
    ['an empty one', [], 'is another one'],
    ['one with other events', [7, 8, 9], 'is another one'],
    ['a shorter one', [1], 'is another one'],
  ])('that became %s stops the ledger, while it runs and when it starts', async (_, amounts, reason) => {
    const { standing } = start()
    await standing.untilSettled()
    await emitMany(2)
    await untilRecorded(2)
    await replaceStream(amounts)
    await standing.untilStopped()
    expect(standing.reason()).toContain(reason)
    expect(await start().standing.untilSettled()).toContain(reason)
  })

  it('of which a single server tells another time, and that is whole, is the noted one: its time is noted anew', async () => {
    await emitMany(2)
    const now = await right(recordNow(ledger.jsm, 1))
    const before = { ...now, stream: { ...now.stream, created: '2020-01-01T00:00:00.000000000Z' } }
    await right(writeRecord(ledger.kv, before, 0))
    const witness = { where: 'the table balances-ledger', origin: before.stream }
    expect(await start([witness]).standing.untilSettled()).toBeUndefined()
    await until(async () => (await recorded())?.stream.created === now.stream.created, {
      deadline_ms: WITHIN_MS,
      what: 'the record to name the time',
    })
    // the note of the table was not renewed yet, and is a witness all the same
    const origin = { ...before.stream, newest: { seq: 9, checksum: 'of an event that is lost', at_ms: 0 } }
    expect(await start([{ where: 'the table balances-ledger', origin }]).standing.untilSettled()).toContain(
      'noted: its newest',
    )
  })

  it('with a hole stops the ledger', async () => {
    await ledger.jsm.streams.delete(LEDGER_STREAM)
    await ledger.jsm.streams.add({ ...ledgerStream({ replicas: 1 }), deny_delete: false })
    await emitMany(5)
    await right(writeRecord(ledger.kv, await right(recordNow(ledger.jsm, 1)), 0))
    await ledger.jsm.streams.deleteMessage(LEDGER_STREAM, 3)
    await ledger.jsm.streams.update(LEDGER_STREAM, { deny_delete: true })
    expect(await start().standing.untilSettled()).toContain('lacks 1 of its events')
  })

  it('that a table tells otherwise of stops the ledger although the bucket was lost too', async () => {
    await emitMany(3)
    const origin = await right(readOrigin(ledger.jsm))
    await replaceStream([1])
    const reason = await start([{ where: 'the table balances-ledger', origin }]).standing.untilSettled()
    expect(reason).toContain('noted in the table balances-ledger')
  })

  it('that is gone together with the bucket is not made anew beside a table that tells of it', async () => {
    await emitMany(3)
    const origin = await right(readOrigin(ledger.jsm))
    await ledger.jsm.streams.delete(LEDGER_STREAM)
    await ledger.jsm.streams.delete(BUCKET)
    const reason = await start([{ where: 'the table balances-ledger', origin }]).standing.untilSettled()
    expect(reason).toContain('is gone')
    await expect(ledger.jsm.streams.info(LEDGER_STREAM)).rejects.toThrow('stream not found')
  })

  it('is made in a new installation, by itself', async () => {
    for (const name of [LEDGER_STREAM, DEAD_LETTER_STREAM, BUCKET]) await ledger.jsm.streams.delete(name)
    expect(await start().standing.untilSettled()).toBeUndefined()
    expect(await recorded()).toMatchObject({ epoch: 1 })
  })
})

describe('what stands beside it', () => {
  it('the bucket that was deleted is made anew with the pointers of the generations that are there', async () => {
    const { standing } = start()
    await standing.untilSettled()
    await emitMany(1)
    await right(makeConsumer(ledger.jsm, 'ledger-g3', { seq: 1 }))
    await ledger.jsm.streams.delete(BUCKET)
    await until(async () => (await ledger.jsm.streams.info(BUCKET).catch(() => undefined)) && recorded(), {
      deadline_ms: WITHIN_MS,
      what: 'the bucket and the record to be there again',
    })
    expect(await right(readPointer(ledger.jsm, 'ledger'))).toMatchObject({ generation: 3 })
    expect(standing.reason()).toBeUndefined()
  })

  it.each(['deleted', 'overwritten'])('the record that was %s is written anew', async how => {
    const { standing } = start()
    await standing.untilSettled()
    if (how === 'deleted') await ledger.kv.delete('ledger')
    else await ledger.kv.put('ledger', '{"epoch":"x"}')
    await until(async () => (await recorded()) !== undefined, { deadline_ms: WITHIN_MS, what: 'the record' })
    expect(standing.reason()).toBeUndefined()
  })

  it('keys that were deleted or overwritten are told in health, each with what mends it', async () => {
    await ledger.kv.put('seed', 'done')
    const { health, standing } = start()
    await standing.untilSettled()
    await ledger.kv.delete('seed')
    await ledger.kv.put('projection.ledger', 'x')
    await ledger.kv.put('replay.ledger', 'x')
    await ledger.kv.put('status.ledger', 'x')
    await untilState(health, RECORDS, 'degraded', 'config/seed was deleted')
    for (const key of ['projection.ledger', 'replay.ledger', 'status.ledger'])
      expect(stateOf(health, RECORDS)?.detail).toContain(`config/${key} is not readable`)
    expect(standing.reason()).toBeUndefined()
  })

  it('settings that were changed by hand are told within seconds, dangerous ones as down', async () => {
    const { health, standing } = start()
    await standing.untilSettled()
    await ledger.jsm.streams.update(LEDGER_STREAM, { description: 'mine' })
    await untilState(health, SETTINGS, 'degraded', 'description: is "mine"')
    await ledger.jsm.streams.update(LEDGER_STREAM, { allow_msg_ttl: true })
    await untilState(health, SETTINGS, 'down', 'allow_msg_ttl: is true')
    await ledger.jsm.streams.update(DEAD_LETTER_STREAM, { max_age: 3_600_000_000_000 })
    await ledger.jsm.streams.update(BUCKET, { description: 'mine' })
    await untilState(health, BESIDE, 'degraded', 'KV_config differs')
    expect(stateOf(health, BESIDE)?.detail).toContain('customer-dead-letters differs in max_age')
  })

  it('a consumer that was changed by hand is told, and changed back', async () => {
    await right(makeConsumer(ledger.jsm, 'ledger', { seq: 1 }))
    const { health, standing } = start()
    await standing.untilSettled()
    await ledger.jsm.consumers.update(LEDGER_STREAM, 'ledger', { filter_subject: 'customer.balance.b' })
    await untilState(health, CONSUMERS, 'degraded', 'consumer ledger was changed by hand')
    expect((await ledger.jsm.consumers.info(LEDGER_STREAM, 'ledger')).config.filter_subject).toBe(
      'customer.balance.>',
    )
    await untilState(health, CONSUMERS, 'ok')
  })

  it('a stream that an earlier build compressed is told of, and the ledger goes on', async () => {
    await ledger.jsm.streams.update(LEDGER_STREAM, { compression: StoreCompression.S2 })
    const { health, standing } = start()
    expect(await standing.untilSettled()).toBeUndefined()
    await untilState(health, SETTINGS, 'degraded', 'docs/upgrade-nats.md')
    expect(standing.reason()).toBeUndefined()
  })

  it('dead letters that were deleted are told, and their stream is made anew', async () => {
    const { health, standing } = start()
    await standing.untilSettled()
    await ledger.jsm.streams.delete(DEAD_LETTER_STREAM)
    await untilState(health, BESIDE, 'degraded', 'letters of before may be missing')
    expect((await ledger.jsm.streams.info(DEAD_LETTER_STREAM)).state.messages).toBe(0)
  })
})

describe('a part of a batch in the stream', () => {
  const batch = ['a', 'b', 'c', 'd'].map(token => ({
    subject: `customer.balance.${token}`,
    body: '{"type":"credit","amount":5}',
  }))
  const dieAmid = (kept: number) => dieAmidBatch(ledger.servers.nats, ledger.nc, batch, kept)

  it('at its end, which may only be on its way, keeps the ledger from being opened after some looks', async () => {
    await emitMany(2)
    await dieAmid(2)
    const { standing, health } = start()
    expect(await standing.untilSettled()).toMatch(
      /sequences 3 to 4 hold a part of the atomic batch \S+ that lacks its end/,
    )
    expect(stateOf(health, LEDGER)?.detail).toContain('jetledger recover')
  })

  it('behind which others wrote keeps it from being opened', async () => {
    const before = start()
    await before.standing.untilSettled()
    await emitMany(1)
    await untilRecorded(1)
    await before.standing.stop()
    await dieAmid(1)
    await emitMany(30)
    expect(await start().standing.untilSettled()).toContain('sequence 2 holds a part of the atomic batch')
  })

  it('is seen by a process that runs once its server is back, and is passed over once a person has accepted it', async () => {
    const { standing } = start()
    await standing.untilSettled()
    await emitMany(3)
    await untilRecorded(3)
    await dieAmid(3)
    await standing.untilStopped()
    expect(standing.reason()).toContain('sequences 4 to 6 hold a part of the atomic batch')

    const { record, revision } = await right(readRecord(ledger.jsm))
    if (record === undefined) throw new Error('there is no record')
    await right(writeRecord(ledger.kv, { ...record, accepted_seq: 6, epoch: record.epoch + 1 }, revision))
    expect(await standing.untilChangedOrGood()).toBeDefined()
    expect(await start().standing.untilSettled()).toBeUndefined()
  })
})

describe('a member of the cluster that is known to lose events', () => {
  it('keeps the ledger from being made, and is named', async () => {
    for (const { name } of allSettings({ replicas: 3 })) await ledger.jsm.streams.delete(name)
    const members = [
      { name: 'nats-1', version: '2.15.1' },
      { name: 'nats-2', version: '2.15.0' },
    ]
    const { standing, health } = start([], { members, replicas: 3 })
    expect(await standing.untilSettled()).toContain('nats-server 2.15.0')
    expect(stateOf(health, LEDGER)).toMatchObject({ state: 'down' })
    await expect(ledger.jsm.streams.info(LEDGER_STREAM)).rejects.toThrow('stream not found')
  })

  it('is none where there is one replica only', async () => {
    const { standing, health } = start([], { members: [{ name: 'nats-2', version: '2.15.0' }] })
    expect(await standing.untilSettled()).toBeUndefined()
    expect(stateOf(health, SERVERS)?.state).toBe('ok')
  })
})
