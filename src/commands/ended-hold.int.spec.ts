/** What the refusal of a capture or a release says of a hold that is not open any more. */

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { type ServedCommands, startServedCommands } from '../../test/support/served-commands.js'

let ledger: TestLedger
let commands: ServedCommands

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project()
  commands = await startServedCommands(ledger)
})
afterAll(async () => {
  await commands.stop()
  await ledger.stop()
})

type Refusal = Readonly<Record<string, unknown>> & { readonly code: string }
type Answer = { readonly error?: Refusal; readonly results?: readonly Answer[] }

const say = async (command: string, body: object): Promise<Answer> =>
  (await ledger.nc.request(`customer.${command}`, JSON.stringify(body), { timeout: 10_000 })).json<Answer>()

const holdOf = async (client_id: string, hold: string, more: object = {}): Promise<void> => {
  await say('credit', { client_id, amount: 100 })
  expect(await say('hold', { client_id, amount: 60, transaction_id: hold, ...more })).not.toHaveProperty(
    'error',
  )
}

/** What a capture of the hold is told, once the journal has everything. */
const told = async (client_id: string, hold: string, more: object = {}): Promise<unknown> => {
  await ledger.caughtUp()
  const { error } = await say('capture', { client_id, hold, ...more })
  expect(error?.code).toBe('HOLD_NOT_OPEN')
  return { hold_was: error?.hold_was, ended_by: error?.ended_by, ended_at: error?.ended_at }
}

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/)

describe('the refusal of a hold that is not open', () => {
  it('says that it was captured, by what and when', async () => {
    await holdOf('ann', 'ann-1')
    await say('capture', { client_id: 'ann', hold: 'ann-1', amount: 20, transaction_id: 'pay-1' })
    const end = { hold_was: 'captured', ended_by: 'pay-1', ended_at: TIME }
    expect(await told('ann', 'ann-1')).toEqual(end)
    expect(await told('ann', 'ann-1', { transaction_id: 'pay-2' })).toEqual(end)
    // the same command again is answered alike
    expect(await told('ann', 'ann-1', { transaction_id: 'pay-2' })).toEqual(end)
    expect(await told('ann', 'ann-1', { dry_run: true })).toEqual(end)
  })

  it('says that it was released, in parts', async () => {
    await holdOf('bob', 'bob-1')
    await say('release', { client_id: 'bob', hold: 'bob-1', amount: 20, transaction_id: 'back-1' })
    await say('release', { client_id: 'bob', hold: 'bob-1', transaction_id: 'back-2' })
    expect(await told('bob', 'bob-1')).toEqual({ hold_was: 'released', ended_by: 'back-2', ended_at: TIME })
  })

  it('says that it has expired, before and after any event says so', async () => {
    await holdOf('cid', 'cid-1', { expires_in: 1 })
    await sleep(1_500)
    const end = { hold_was: 'expired', ended_by: undefined, ended_at: TIME }
    expect(await told('cid', 'cid-1')).toEqual(end)
    await say('event.cid', { schema: 2, type: 'release', hold: 'cid-1', expired: true })
    expect(await told('cid', 'cid-1')).toEqual(end)
  })

  it.each([
    ['no transaction has the id', 'dan', 'nothing'],
    ['it is the hold of another customer', 'dan', 'eve-1'],
    ['the id is that of a credit', 'eve', 'eve-credit'],
  ])('says that it was never made: %s', async (_, client_id, hold) => {
    await holdOf('eve', 'eve-1')
    await say('credit', { client_id: 'eve', amount: 1, transaction_id: 'eve-credit' })
    expect(await told(client_id, hold)).toEqual({ hold_was: 'never_made' })
  })

  it('says it in a batch too', async () => {
    await holdOf('fay', 'fay-1')
    await say('release', { client_id: 'fay', hold: 'fay-1', transaction_id: 'fay-back' })
    await ledger.caughtUp()
    const commands = [
      { type: 'credit', client_id: 'fay', amount: 1 },
      { type: 'release', client_id: 'fay', hold: 'fay-1' },
    ]
    const end = { hold_was: 'released', ended_by: 'fay-back' }
    const each = await say('batch', { mode: 'each', commands })
    expect(each.results?.[1]?.error).toMatchObject(end)
    expect((await say('batch', { mode: 'all', commands })).error).toMatchObject({ index: 1, ...end })
  })

  it('says nothing more of a hold that would be over at once, and of one that is open', async () => {
    await holdOf('gil', 'gil-1')
    const late = await say('hold', { client_id: 'gil', amount: 1, expires_at: '2020-01-01T00:00:00Z' })
    expect(late.error).not.toHaveProperty('hold_was')
    const { error } = await say('capture', { client_id: 'gil', hold: 'gil-1', amount: 61 })
    expect(error).toMatchObject({ code: 'HOLD_EXCEEDED' })
    expect(error).not.toHaveProperty('hold_was')
  })
})
