/** What it costs to answer commands that are stored already, while no table tells their answers. */

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { codeOf, coordinatorRoom, movement } from '../../../test/support/coordinators.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { leadershipOf } from '../../stream/leadership.js'
import { brought } from '../group-commit/testing/groups.js'
import { storedAt } from './stored-transaction.js'
import { createTransactions } from './transactions.js'
import type { FindTransaction } from './window.js'

const EVENTS = 300
const CUSTOMERS = 64
/** More than are folded at once. */
const ABANDONED_FROM = 40

const room = coordinatorRoom()
let ledger: TestLedger
/** The requests to JetStream, as they were sent. */
const requests: string[] = []
const seqs = new Map<string, number>()

/** Finds what is stored, and tells nothing of the account after it, as when only the newest ids are known. */
const find: FindTransaction = async transaction_id => {
  const seq = seqs.get(transaction_id)
  return seq === undefined ? undefined : storedAt(ledger, seq)
}

const credit = (id: string, nth: number) => movement('credit', id, 1, `${id}-${nth}`)

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
  await leadershipOf(ledger.nc).prove()()
  const coordinator = room.start(ledger, { find: async () => undefined })
  const commands = [
    ...Array.from({ length: EVENTS }, (_, nth) => credit('long', nth)),
    ...Array.from({ length: CUSTOMERS }, (_, nth) => credit(`c${nth}`, 0)),
  ]
  for (const command of commands) {
    const outcome = await coordinator.submit(command, true)
    if (outcome.tag !== 'done' || !('seq' in outcome.reply)) throw new Error(codeOf(outcome))
    seqs.set(command.transaction_id, outcome.reply.seq)
  }
  ledger.nc.subscribe('$JS.API.>', { callback: (_, message) => void requests.push(message.string()) })
})
beforeEach(() => {
  requests.length = 0
})
afterAll(async () => {
  await room.stopAll()
  await ledger.stop()
})

const about = (id: string): readonly string[] =>
  requests.filter(body => body.includes(`"customer.balance.${id}"`))

it('the answer of a customer’s 300th command is folded from pages, and not from events one by one', async () => {
  const last = credit('long', EVENTS - 1)
  const outcome = await room.start(ledger, { find }).submit(last, true)
  expect(outcome).toMatchObject({ tag: 'done', replayed: true, reply: { balance: BigInt(EVENTS) } })
  await ledger.nc.flush()
  expect(about('long').length).toBeGreaterThan(0)
  expect(about('long').length).toBeLessThan(6)
})

it('nothing is read for those who have been answered before their turn: a retry does not wait behind them', async () => {
  const transactions = createTransactions(ledger, find)
  const groups = Array.from({ length: CUSTOMERS }, (_, nth) => brought(credit(`c${nth}`, 0)))
  const begun = groups.map(group => transactions.begin(group))
  const answers = Promise.all(begun.map(earlier => ('later' in earlier ? earlier.later : earlier)))
  for (const group of groups.slice(ABANDONED_FROM)) group.state = 'answered'
  const tags = (await answers).map(({ tag }) => tag)
  expect(tags.slice(0, ABANDONED_FROM)).toEqual(Array.from({ length: ABANDONED_FROM }, () => 'answer'))
  await ledger.nc.flush()
  expect(about('c0').length).toBeGreaterThan(0)
  for (let nth = ABANDONED_FROM; nth < CUSTOMERS; nth += 1) expect(about(`c${nth}`)).toEqual([])
})

it('a command that was answered while it was looked up does not lock its id', async () => {
  const slow_ms = 1_500
  let wait_ms = slow_ms
  const coordinator = room.start(ledger, {
    timeout_ms: 100,
    find: async () => {
      await sleep(wait_ms)
      return undefined
    },
  })
  const command = credit('locked', 0)
  const [first] = await coordinator.submitEach([{ command, has_given_id: true }])
  expect(first).toMatchObject({ tag: 'failed', code: 'UNAVAILABLE' })
  // the look-up ends after the answer
  await sleep(slow_ms)
  wait_ms = 0
  expect(codeOf(await coordinator.submit(command, true))).toBe('done')
})
