// this spec has servers of its own, because it deletes and overwrites keys of the bucket
import type { KV } from '@nats-io/kv'
import { errors } from 'nats'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { left, right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { takeLock } from '../projections/rebuild/lock.js'
import { makeConsumer } from '../stream/consumer.js'
import { readPointer, setPointer } from './pointer.js'

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
})
afterAll(() => ledger.stop())

const KEY = 'projection.ledger'
const SPOILS: readonly (readonly [string, (kv: KV, key: string) => Promise<unknown>])[] = [
  ['deleted', (kv, key) => kv.delete(key)],
  ['purged', (kv, key) => kv.purge(key)],
  ['overwritten with a word', (kv, key) => kv.put(key, 'x')],
  ['emptied', (kv, key) => kv.put(key, '')],
  ['overwritten with other JSON', (kv, key) => kv.put(key, '{"generation":"3"}')],
  ['overwritten with no generation', (kv, key) => kv.put(key, '{"__proto__":{"generation":3}}')],
  ['overwritten with generation 0', (kv, key) => kv.put(key, '{"generation":0}')],
  ['overwritten with half a generation', (kv, key) => kv.put(key, '{"generation":2.5}')],
  ['overwritten with a huge generation', (kv, key) => kv.put(key, '{"generation":1e300}')],
]

describe('the pointer to the active generation', () => {
  it('is the first one where none was ever written', async () => {
    expect(await right(readPointer(ledger.jsm, 'ledger'))).toEqual({ generation: 1, revision: 0 })
  })

  it('that is lost is the first one where no generation has a consumer', async () => {
    await ledger.kv.put(KEY, 'x')
    expect(await right(readPointer(ledger.jsm, 'ledger'))).toMatchObject({ generation: 1 })
  })

  it.each(SPOILS)(
    'that was %s is the newest generation with a consumer, and can be set again',
    async (_, spoil) => {
      for (const name of ['ledger-g2', 'ledger-g3', 'journal-g7'])
        await right(makeConsumer(ledger.jsm, name, { seq: 1 }))
      await spoil(ledger.kv, KEY)
      const entry = await right(readPointer(ledger.jsm, 'ledger'))
      expect(entry).toMatchObject({
        generation: 3,
        problem: expect.stringContaining('config/projection.ledger'),
      })
      await right(setPointer(ledger, 'ledger', { generation: 3 }, entry.revision))
      expect(await right(readPointer(ledger.jsm, 'ledger'))).toMatchObject({ generation: 3 })
      expect((await right(readPointer(ledger.jsm, 'ledger'))).problem).toBeUndefined()
    },
  )

  describe('is set once although the answer to the write is lost', () => {
    const lost = new errors.TimeoutError()
    /** A bucket whose first write is handled by `fate`. */
    const withFate = (fate: (write: () => Promise<number>) => Promise<number>): KV => {
      let is_first = true
      const update: KV['update'] = (key, data, revision) => {
        const write = () => ledger.kv.update(key, data, revision)
        if (!is_first) return write()
        is_first = false
        return fate(write)
      }
      return new Proxy(ledger.kv, {
        get: (kv, name) => (name === 'update' ? update : Reflect.get(kv, name, kv)),
      })
    }
    const pointer = { generation: 5, previous: 4 }
    let revision = 0

    beforeEach(async () => {
      revision = await ledger.kv.put(KEY, '{"generation":4}')
    })

    it.each<[string, (write: () => Promise<number>) => Promise<number>]>([
      [
        'on its way back',
        async write => {
          await write()
          throw lost
        },
      ],
      [
        'on its way there',
        async () => {
          throw lost
        },
      ],
    ])('%s', async (_, fate) => {
      const kv = withFate(fate)
      expect(await right(setPointer({ jsm: ledger.jsm, kv }, 'ledger', pointer, revision))).toBe(revision + 1)
      expect(await right(readPointer(ledger.jsm, 'ledger'))).toEqual({ ...pointer, revision: revision + 1 })
    })

    it('but not when another process has moved it meanwhile', async () => {
      const kv = withFate(async () => {
        await ledger.kv.put(KEY, '{"generation":6}')
        throw lost
      })
      expect(await left(setPointer({ jsm: ledger.jsm, kv }, 'ledger', pointer, revision))).toMatchObject({
        tag: 'Conflict',
      })
      expect(await right(readPointer(ledger.jsm, 'ledger'))).toMatchObject({ generation: 6 })
    })
  })

  it.each(SPOILS)('and a lock of a replay that was %s is held by nobody', async (_, spoil) => {
    await spoil(ledger.kv, 'replay.ledger')
    const lock = await takeLock(ledger.kv, 'ledger', () => undefined)
    expect(lock.left?.seq ?? 0).toBe(0)
    await lock.remove()
  })
})
