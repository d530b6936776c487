/** What a statement says for people: the decimals and the name of its asset, and which command was refused. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { errorOf } from '../service/testing/harness.js'
import { declareAsset } from '../stream/assets.js'
import { type Rig, startRig } from './testing/rig.js'

type Page = { readonly entries: readonly object[]; readonly asset_facts?: object }

let rig: Rig
beforeAll(async () => {
  rig = await startRig()
  // before the first look of the queries, which is good for a second
  await right(declareAsset(rig.kv, 'EUR', { scale: 2, name: 'Euro' }))
  const declined = { command: 'debit', code: 'INSUFFICIENT_FUNDS', client_id: 'pay/EUR', balance: '5' }
  await rig.emit('pay/EUR', { schema: 2, type: 'credit', amount: 5 })
  await rig.emit('pay/EUR', { schema: 2, type: 'declined', amount: 9, declined })
  await rig.emit('pay', { type: 'credit', amount: 5 })
})
afterAll(() => rig?.stop())

const ask = async (request: object): Promise<Page> =>
  JSON.parse((await rig.ask('customer.statement', { client_id: 'pay', ...request })).string())

it('a page that is asked for it says what is declared of the asset, also a page without entries', async () => {
  const facts = { scale: 2, name: 'Euro' }
  expect((await ask({ asset: 'EUR', asset_facts: true })).asset_facts).toEqual(facts)
  const empty = await ask({ asset: 'EUR', asset_facts: true, from: '2200-01-01T00:00:00Z' })
  expect(empty).toMatchObject({ entries: [], asset_facts: facts })
  expect(await ask({ asset: 'EUR' })).not.toHaveProperty('asset_facts')
  // nothing is declared of the default asset
  expect(await ask({ asset_facts: true })).not.toHaveProperty('asset_facts')
  const wrong = await rig.ask('customer.statement', { client_id: 'pay', asset_facts: false })
  expect(errorOf(wrong)).toContain('INVALID_REQUEST')
})

it('a refusal says which command it was', async () => {
  const { entries } = await ask({ asset: 'EUR' })
  expect(entries[0]).toMatchObject({ command: 'debit', code: 'INSUFFICIENT_FUNDS' })
  expect(entries[1]).not.toHaveProperty('command')
})
