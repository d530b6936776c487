/** The keys of persons on a real nats-server: made once, forgotten when they are erased, and overwritten on the disk. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'nats'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right, startTestStream, type TestStream } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import type { ClientId } from '../ledger/client-id.js'
import { applySettings, manager } from '../stream/provision.js'
import { PERSON_KEY_STREAM } from '../stream/settings.js'
import { eraseKey, type KeyReader, readFromLeader } from './key-records.js'
import { createPersonKeys, KEY_AGE_MS_MAX, type PersonKeys } from './person-keys.js'

const log = pino({ level: 'silent' })
const ERASURE = { at: '2026-11-28T10:00:00.000Z', by: 'dpo', reason: 'request 51' }

let stream: TestStream
/** The same bucket by connections of their own, as instances have. */
let instances: readonly KeyReader[]

beforeAll(async () => {
  stream = await startTestStream()
  await right(applySettings(stream.nc, { replicas: 1, has_person_keys: true }))
  instances = await Promise.all(
    [1, 2].map(async () => {
      const nc = await connect({ servers: stream.nats.url })
      stream.atStop(() => nc.close())
      return { nc, jsm: await right(manager(nc)) }
    }),
  )
})
afterAll(() => stream.stop())

const id = (text: string): ClientId => text as ClientId
const keysOf = (instance: number): PersonKeys => {
  const reader = instances[instance]
  if (reader === undefined) throw new Error('there are two instances')
  return createPersonKeys({ ...reader, log })
}

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder).flatMap(name => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? filesIn(path) : [path]
  })

/** The files of the server that hold a key. */
const filesWith = (key: Uint8Array): readonly string[] => {
  const text = Buffer.from(key).toString('base64')
  return filesIn(stream.nats.store_dir).filter(path => readFileSync(path).includes(text))
}

describe('the key of a person', () => {
  it('is made once, whoever needs it first and however many do at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) => keysOf(i % 2).findOrMake(id('crowded'))),
    )
    expect(new Set(all.map(({ name }) => name)).size).toBe(1)
    expect(new Set(all.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).size).toBe(1)
    const found = await keysOf(1).find(id('crowded'))
    expect(found).toEqual(all[0])
  })

  it('is one of many that are made in a few requests', async () => {
    const persons = Array.from({ length: 1_200 }, (_, i) => id(`m${i}`))
    const keys = keysOf(0)
    const made = await Promise.all(persons.map(keys.findOrMake))
    expect(new Set(made.map(({ name }) => name)).size).toBe(persons.length)
    const others = keysOf(1)
    expect(await Promise.all(persons.map(others.find))).toEqual(made)
  })

  it('does not come into being because somebody looks for it', async () => {
    expect(await keysOf(0).find(id('nobody'))).toBeUndefined()
    expect((await right(readFromLeader(stream, id('nobody')))).revision).toBe(0)
  })

  it('is there no more after an erasure, in no instance and in no file', async () => {
    const [one, other] = [keysOf(0), keysOf(1)]
    const key = await one.findOrMake(id('gone'))
    await until(async () => (await other.find(id('gone')))?.name === key.name, {
      deadline_ms: 5_000,
      what: 'the other instance to know the key',
    })
    expect(filesWith(key.bytes).length).toBeGreaterThan(0)
    expect(await right(eraseKey(stream, id('gone'), ERASURE))).toEqual({ outcome: 'erased', overwritten: 1 })
    expect(filesWith(key.bytes)).toEqual([])
    for (const keys of [one, other])
      await until(async () => (await keys.find(id('gone'))) === undefined, {
        deadline_ms: 5_000,
        what: 'an instance to hear of the erasure',
      })
    const next = await other.findOrMake(id('gone'))
    expect(next.name).not.toBe(key.name)
    expect((await right(readFromLeader(stream, id('gone')))).erased).toEqual([ERASURE])
  })

  it('is forgotten after a minute where an erasure was not heard of', async () => {
    let now_ms = 1_000
    const reader = instances[0] as KeyReader
    const keys = createPersonKeys({ ...reader, log, now_ms: () => now_ms })
    const key = await keys.findOrMake(id('unheard'))
    // what it makes itself it hears of, too, and reads it once more then
    now_ms += 1
    await until(async () => (await keys.find(id('unheard'))) && keys.inMemory(id('unheard')), {
      deadline_ms: 5_000,
      what: 'the key to be in memory',
    })
    expect(keys.inMemory(id('unheard'))?.key).toEqual(key)
    now_ms += KEY_AGE_MS_MAX - 1
    expect(keys.inMemory(id('unheard'))?.key).toEqual(key)
    now_ms += 1
    expect(keys.inMemory(id('unheard'))).toBeUndefined()
  })
})

describe('an erasure', () => {
  it('of a person without a key changes nothing', async () => {
    expect(await right(eraseKey(stream, id('empty'), ERASURE))).toEqual({ outcome: 'none', overwritten: 0 })
    expect((await right(readFromLeader(stream, id('empty')))).revision).toBe(0)
  })

  it('that was cut off after its record is ended by the next one', async () => {
    const key = await keysOf(0).findOrMake(id('half'))
    // the record of an erasure whose program ended before it had the old record overwritten
    await stream.nc.request('$KV.customer-keys.half', JSON.stringify({ erased: [ERASURE] }))
    expect(filesWith(key.bytes).length).toBeGreaterThan(0)
    expect(await right(eraseKey(stream, id('half'), ERASURE))).toEqual({ outcome: 'none', overwritten: 1 })
    expect(filesWith(key.bytes)).toEqual([])
  })

  it('can be repeated, and keeps the latest twenty reasons', async () => {
    const keys = keysOf(0)
    for (let i = 0; i < 22; i += 1) {
      const key = await keys.findOrMake(id('often'))
      expect(await right(eraseKey(stream, id('often'), { ...ERASURE, reason: `r${i}` }))).toEqual({
        outcome: 'erased',
        overwritten: 1,
      })
      expect(filesWith(key.bytes)).toEqual([])
      await until(async () => (await keys.find(id('often'))) === undefined, {
        deadline_ms: 5_000,
        what: 'the erasure to be heard of',
      })
    }
    const { erased } = await right(readFromLeader(stream, id('often')))
    expect(erased.map(({ reason }) => reason)).toEqual(Array.from({ length: 20 }, (_, i) => `r${i + 2}`))
  })
})

describe('a record that cannot be read', () => {
  it.each([
    ['no JSON', 'x'],
    ['a key that is too short', '{"id":"a","key":"AAAA"}'],
    ['a list', '[]'],
  ])('is left alone, and its content is not told: %s', async (_, body) => {
    const person = id(`bad-${Buffer.from(body).toString('hex').slice(0, 8)}`)
    await stream.nc.request(`$KV.customer-keys.${person}`, body)
    await expect(keysOf(0).findOrMake(person)).rejects.toThrow(`of ${person} cannot be read`)
    await expect(keysOf(0).find(person)).rejects.toThrow('cannot be read')
    const last = await stream.jsm.streams.getMessage(PERSON_KEY_STREAM, {
      last_by_subj: `$KV.customer-keys.${person}`,
    })
    expect(last?.string()).toBe(body)
  })

  it('that was deleted by hand counts as one that never was', async () => {
    const keys = keysOf(0)
    const key = await keys.findOrMake(id('deleted'))
    await stream.nc.request('$KV.customer-keys.deleted', '')
    const other = keysOf(1)
    expect(await other.find(id('deleted'))).toBeUndefined()
    expect((await other.findOrMake(id('deleted'))).name).not.toBe(key.name)
  })
})
