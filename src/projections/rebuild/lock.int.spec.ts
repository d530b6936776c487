// has servers of its own: the locks of every projection are one bucket's
import { afterAll, beforeAll, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { putText } from '../../stream/config-bucket.js'
import { takeLock } from './lock.js'

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
})
afterAll(() => ledger.stop())

const never = (why: Error): void => {
  throw why
}
const KEY = 'replay.ledger'
const stored = async (): Promise<Record<string, unknown>> => (await ledger.kv.get(KEY))?.json() ?? {}

it('a renewal that was stored although its answer was lost is no loss of the lock', async () => {
  const lock = await takeLock(ledger.kv, 'ledger', never)
  await lock.note(2, 10)
  // the effect of an update that was stored and whose answer was lost: the same entry, with an unknown revision
  await right(putText(ledger.kv, KEY, JSON.stringify(await stored())))
  await lock.note(2, 20)
  expect(await stored()).toMatchObject({ generation: 2, seq: 20 })
  await lock.remove()
})

it('a lock that somebody else took is lost, and its old holder is told at its next renewal', async () => {
  const told: Error[] = []
  const lock = await takeLock(ledger.kv, 'ledger', why => told.push(why))
  await right(putText(ledger.kv, KEY, JSON.stringify({ ...(await stored()), token: 'another' })))
  await until(() => told.length > 0, { deadline_ms: 30_000, what: 'the loss to be told' })
  await expect(lock.note(2, 30)).rejects.toThrow('wrong last sequence')
  await lock.release().catch(() => undefined)
  expect(await stored()).toMatchObject({ token: 'another', released: false })
})
