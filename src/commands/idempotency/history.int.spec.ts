/** The histories of customers: what becomes of those who would wait too long. */

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { codeOf, coordinatorRoom, movement } from '../../../test/support/coordinators.js'
import { withRequest } from '../../../test/support/fate.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import { createHistoryFinder, HistoriesBusy } from './history.js'

const CUSTOMERS = 32
/** Each request takes so long, so that in two and a half seconds only a part of them is read. */
const SLOW_MS = 250

const room = coordinatorRoom()
let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
  for (let i = 0; i < CUSTOMERS; i += 1)
    await ledger.emit(`c${i}`, { type: 'credit', amount: 1, transaction_id: `id-${i}` })
})
afterAll(async () => {
  await room.stopAll()
  await ledger.stop()
})

const findAll = (newest: boolean) => {
  const slow = withRequest(
    ledger,
    () => true,
    async forward => {
      await sleep(SLOW_MS)
      return forward()
    },
  )
  const find = createHistoryFinder(slow)
  const ids = Array.from({ length: CUSTOMERS }, (_, i) => i)
  return Promise.allSettled(ids.map(i => find(`id-${i}`, clientId(`c${i}`), newest)))
}

it('who would wait for longer than a command may is turned away, and the others are told what is stored', async () => {
  const ends = await findAll(false)
  const told = ends.filter(end => end.status === 'fulfilled')
  expect(told.length).toBeGreaterThan(0)
  expect(told.map(({ value }) => value?.event.transaction_id)).toEqual(told.map((_, i) => `id-${i}`))
  const refused = ends.filter(end => end.status === 'rejected')
  expect(refused.length).toBeGreaterThan(0)
  expect(refused.filter(({ reason }) => !(reason instanceof HistoriesBusy))).toEqual([])
})

it('a command that the stream has refused as known is looked for however long it takes', async () => {
  const ends = await findAll(true)
  expect(ends.filter(end => end.status === 'rejected')).toEqual([])
}, 60_000)

it('the command of one who was turned away is BUSY: it may be sent again', async () => {
  const find = async (): Promise<never> => {
    throw new HistoriesBusy('too many')
  }
  const outcome = await room.start(ledger, { find }).submit(movement('credit', 'c1', 1, 'new'), true)
  expect(codeOf(outcome)).toBe('BUSY')
})
