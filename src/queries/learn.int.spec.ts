/** Accounts that the commands of the process have just made, in the memory of its queries. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { clientId } from '../ledger/testing/arbitrary.js'
import type { Folded } from '../stream/fold-subject.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import type { Queries } from './queries.js'
import { type Rig, startRig } from './testing/rig.js'

const PLACES = 3

let rig: Rig
let queries: Queries
let stopOwn: () => Promise<void>

beforeAll(async () => {
  rig = await startRig()
  rig.project()
  await rig.emit('first', { type: 'credit', amount: 1 })
  await rig.caughtUp()
  await rig.service.stop()
})

beforeEach(async () => {
  const { service, ...own } = await rig.startQueries({ hot_customers_max: PLACES })
  queries = own
  stopOwn = service.stop
})

afterEach(() => stopOwn())
afterAll(() => rig.stop())

const credit = (id: string, amount: number): Promise<number> => rig.emit(id, { type: 'credit', amount })

const learn = (id: string, balance: bigint, version: number, last_seq: number): void => {
  const folded: Folded = { customer: { account: { balance, version, seq: last_seq } }, last_seq }
  queries.learn(new Map([[clientId(id), folded]]))
}

const ask = async (id: string, more = {}): Promise<string> => {
  const reply = await rig.ask('customer.balance', { client_id: id, ...more })
  return `${reply.string()} ${reply.headers?.get('Ledger-Source')}`
}

describe('an account that a command of this process has made', () => {
  it('is answered from memory, without a read of the table, and follows the stream from there', async () => {
    learn('new', 100n, 1, await credit('new', 100))
    expect(await ask('new')).toBe('{"balance":100} memory')
    await credit('new', 50)
    expect(await ask('new', { min_version: 2 })).toBe('{"balance":150} memory')
  })

  it('counts no event twice, whether the stream was followed before or after', async () => {
    for (let version = 1; version <= 20; version += 1) {
      learn('often', BigInt(version), version, await credit('often', 1))
      expect(await ask('often', { min_version: version })).toBe(`{"balance":${version}} memory`)
    }
  })

  it('gets the events of other writers that were followed before it was learned', async () => {
    const seq = await credit('shared', 10)
    const later = await credit('shared', 5)
    // what comes after both was followed, so both were
    learn('mark', 1n, 1, await credit('mark', 1))
    expect(later).toBe(seq + 1)
    await credit('mark', 1)
    expect(await ask('mark', { min_version: 2 })).toBe('{"balance":2} memory')
    learn('shared', 10n, 1, seq)
    expect(await ask('shared')).toBe('{"balance":15} memory')
  })

  it('takes the place of no customer in memory', async () => {
    for (let i = 0; i <= PLACES; i += 1) learn(`place${i}`, 7n, 1, await credit(`place${i}`, 7))
    await rig.caughtUp()
    for (let i = 0; i < PLACES; i += 1) expect(await ask(`place${i}`)).toBe('{"balance":7} memory')
    expect(await ask(`place${PLACES}`)).toMatch(/^\{"balance":7\} (table|stream)$/)
  })
})

it('is forgotten with a stream that is made anew', async () => {
  learn('before', 900n, 1, await credit('before', 900))
  expect(await ask('before')).toBe('{"balance":900} memory')
  const { config } = await rig.jsm.streams.info(LEDGER_STREAM)
  await rig.jsm.streams.delete(LEDGER_STREAM)
  await rig.jsm.streams.add(config)
  const until_ms = performance.now() + 10_000
  let answer = ''
  do {
    answer = await ask('before').catch(String)
  } while (answer.startsWith('{"balance":900}') && performance.now() < until_ms)
  expect(answer).not.toContain('900')
})
