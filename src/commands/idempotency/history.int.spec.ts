/** The histories of customers: how many are read at once, and what becomes of those who would wait too long. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { codeOf, coordinatorRoom, movement } from '../../../test/support/coordinators.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import { createHistoryFinder, HistoriesBusy } from './history.js'

const CUSTOMERS = 100
/** The most that may be open. */
const OPEN_MAX = 64

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
  const find = createHistoryFinder(ledger)
  return Promise.allSettled(
    Array.from({ length: CUSTOMERS }, (_, i) => find(`id-${i}`, clientId(`c${i}`), newest)),
  )
}

it('more than may wait are turned away at once, and the others are told what is stored', async () => {
  const ends = await findAll(false)
  const told = ends.filter(end => end.status === 'fulfilled')
  expect(told.map(({ value }) => value?.event.transaction_id)).toEqual(
    Array.from({ length: OPEN_MAX }, (_, i) => `id-${i}`),
  )
  const refused = ends.filter(end => end.status === 'rejected')
  expect(refused.map(({ reason }) => reason instanceof HistoriesBusy)).toEqual(
    Array(CUSTOMERS - OPEN_MAX).fill(true),
  )
})

it('a command that the stream has refused as known is looked for in any case', async () => {
  const ends = await findAll(true)
  expect(ends.filter(end => end.status === 'rejected')).toEqual([])
})

it('the command of one who was turned away is BUSY: it may be sent again', async () => {
  const find = async (): Promise<never> => {
    throw new HistoriesBusy('too many')
  }
  const outcome = await room.start(ledger, { find }).submit(movement('credit', 'c1', 1, 'new'), true)
  expect(codeOf(outcome)).toBe('BUSY')
})
