// this spec has servers of its own, because it deletes and overwrites keys of the bucket
import type { KV } from '@nats-io/kv'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { takeLock } from '../projections/rebuild/lock.js'
import { makeConsumer } from '../stream/consumer.js'
import { readPointer, setPointer } from './pointer.js'

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
})
afterAll(() => ledger.stop())

const KEY = 'projection.balances'
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
    expect(await right(readPointer(ledger.jsm, 'balances'))).toEqual({ generation: 1, revision: 0 })
  })

  it('that is lost is the first one where no generation has a consumer', async () => {
    await ledger.kv.put(KEY, 'x')
    expect(await right(readPointer(ledger.jsm, 'balances'))).toMatchObject({ generation: 1 })
  })

  it.each(SPOILS)(
    'that was %s is the newest generation with a consumer, and can be set again',
    async (_, spoil) => {
      for (const name of ['balances-g2', 'balances-g3', 'journal-g7'])
        await right(makeConsumer(ledger.jsm, name, { seq: 1 }))
      await spoil(ledger.kv, KEY)
      const entry = await right(readPointer(ledger.jsm, 'balances'))
      expect(entry).toMatchObject({
        generation: 3,
        problem: expect.stringContaining('config/projection.balances'),
      })
      await right(setPointer(ledger.kv, 'balances', { generation: 3 }, entry.revision))
      expect(await right(readPointer(ledger.jsm, 'balances'))).toMatchObject({ generation: 3 })
      expect((await right(readPointer(ledger.jsm, 'balances'))).problem).toBeUndefined()
    },
  )

  it.each(SPOILS)('and a lock of a replay that was %s is held by nobody', async (_, spoil) => {
    await spoil(ledger.kv, 'replay.balances')
    const lock = await takeLock(ledger.kv, 'balances', () => undefined)
    expect(lock.left?.seq ?? 0).toBe(0)
    await lock.remove()
  })
})
