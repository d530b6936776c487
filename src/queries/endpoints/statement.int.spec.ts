/** What a request for a statement has to look like; what a statement says is tested with the past (history.int.spec.ts). */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { errorOf } from '../../service/testing/harness.js'
import { type Rig, startRig } from '../testing/rig.js'

let rig: Rig

beforeAll(async () => {
  rig = await startRig()
  await rig.emit('a', { type: 'credit', amount: 1 })
  await rig.emit('a', { type: 'credit', amount: 1 })
})

afterAll(() => rig.stop())

it.each([
  [{}, 'client_id'],
  [{ client_id: 'a', limit: 0 }, 'limit'],
  [{ client_id: 'a', limit: 1_001 }, 'limit'],
  [{ client_id: 'a', cursor: 'abc' }, 'cursor'],
  [{ client_id: 'a', from: 'monday' }, 'from'],
  [{ client_id: 'a', proof: 'yes' }, 'proof'],
])('answers %j with 400 and a text that names %s', async (request, named) => {
  const reply = await rig.ask('customer.statement', request)
  expect([errorOf(reply), reply.string().includes(named)]).toEqual(['400:INVALID_REQUEST', true])
})

it("takes no other customer's cursor", async () => {
  const { cursor } = (await rig.ask('customer.statement', { client_id: 'a', limit: 1 })).json<{
    readonly cursor: string
  }>()
  const reply = await rig.ask('customer.statement', { client_id: 'b', cursor })
  expect(errorOf(reply)).toBe('400:INVALID_REQUEST')
})

it('is empty for a customer without events', async () => {
  const reply = await rig.ask('customer.statement', { client_id: 'nobody' })
  expect(reply.string()).toBe('{"client_id":"nobody","entries":[]}')
})
