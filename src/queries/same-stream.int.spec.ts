/** A stream that was replaced by another one gives no answers, from the first moment on. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { errorOf } from '../service/testing/harness.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { type Rig, startRig } from './testing/rig.js'

let rig: Rig

beforeAll(async () => {
  rig = await startRig({ hot_customers_max: 0 })
  const projector = rig.project()
  for (const id of ['a', 'b']) await rig.emit(id, { type: 'credit', amount: 100 })
  await rig.caughtUp()
  await projector.stop()
})
afterAll(() => rig.stop())

it('neither a balance nor a statement is read from it', async () => {
  const { config } = await rig.jsm.streams.info(LEDGER_STREAM)
  await rig.jsm.streams.delete(LEDGER_STREAM)
  await rig.jsm.streams.add(config)
  await rig.emit('a', { type: 'credit', amount: 7 })
  // the table is that of the ledger, and may answer
  for (const [client_id, right] of [
    ['a', 100],
    ['b', 100],
    ['nobody', 0],
  ] as const) {
    const balance = await rig.ask('customer.balance', { client_id })
    if (errorOf(balance) === '') expect(balance.json()).toEqual({ balance: right })
    else expect(errorOf(balance)).toBe('503:UNAVAILABLE')
    const statement = await rig.ask('customer.statement', { client_id })
    const { entries = [] } = statement.json<{ entries?: { balance: number }[] }>()
    if (errorOf(statement) === '')
      expect(entries.map(entry => entry.balance)).toEqual(right === 0 ? [] : [right])
    else expect(errorOf(statement)).toBe('503:UNAVAILABLE')
  }
})
