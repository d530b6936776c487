import { setTimeout as pause } from 'node:timers/promises'
import type { Msg } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../test/support/servers.js'
import { errorOf } from '../service/testing/harness.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { ledgerOf, type Rig, startRig } from './testing/rig.js'

const TRIES = 10_000
const READERS = 50
const CUSTOMERS = 400
const SWITCH_MS_MAX = 120

let rig: Rig
const balances = new Map<string, number>()

const ask = (request: unknown): Promise<Msg> => rig.ask('customer.balance', request)

const credit = async (id: string, amount: number): Promise<number> => {
  balances.set(id, (balances.get(id) ?? 0) + amount)
  return rig.emit(id, { type: 'credit', amount })
}

beforeAll(async () => {
  // few places in memory, so that customers come and go
  rig = await startRig({ hot_customers_max: 100 })
  rig.project()
  await credit('first', 1)
  await rig.caughtUp()
})

afterAll(() => rig.stop())

describe('with the projector paused and resumed at random', () => {
  it('a reader that names the version of its own write never reads older, in 10,000 tries', async () => {
    let done = false
    const switching = (async () => {
      while (!done) {
        await rig.jsm.consumers.pause(LEDGER_STREAM, 'ledger', new Date(Date.now() + 60_000))
        await pause(Math.random() * SWITCH_MS_MAX)
        await rig.jsm.consumers.resume(LEDGER_STREAM, 'ledger')
        await pause(Math.random() * SWITCH_MS_MAX)
      }
    })()
    const sources = new Map<string, number>()
    let tries = 0
    // every reader has customers of its own, so it knows the balance of each version
    const reader = async (own: number): Promise<void> => {
      const versions = new Map<string, number>()
      while (tries < TRIES) {
        tries += 1
        const id = `r${own}-${Math.floor(Math.random() * (CUSTOMERS / READERS))}`
        const seq = await credit(id, 1)
        const version = (versions.get(id) ?? 0) + 1
        versions.set(id, version)
        const reply = await ask({ client_id: id, min_version: version })
        expect([errorOf(reply), reply.string(), reply.headers?.get('Ledger-Seq')]).toEqual([
          '',
          `{"balance":${version}}`,
          String(seq),
        ])
        const source = reply.headers?.get('Ledger-Source') ?? ''
        sources.set(source, (sources.get(source) ?? 0) + 1)
      }
    }
    try {
      await Promise.all(Array.from({ length: READERS }, (_, own) => reader(own)))
    } finally {
      done = true
      await switching
    }
    expect(tries).toBeGreaterThanOrEqual(TRIES)
    // answers came from more than one source, so more than one was tested
    expect([...sources.keys()]).toEqual(expect.arrayContaining(['memory', 'table']))
  })

  it('no reader goes back, whoever it asks about and wherever the answer is from', async () => {
    await rig.jsm.consumers.pause(LEDGER_STREAM, 'ledger', new Date(Date.now() + 60_000))
    let done = false
    const writing = (async () => {
      while (!done) {
        await Promise.all(Array.from({ length: 20 }, () => credit(`w${Math.floor(Math.random() * 300)}`, 1)))
      }
    })()
    const reader = async (): Promise<void> => {
      const seen = new Map<string, number>()
      for (let i = 0; i < 300; i += 1) {
        const client_id = `w${Math.floor(Math.random() * 300)}`
        const reply = await ask(i % 10 === 0 ? { client_id, consistency: 'strong' } : { client_id })
        expect(errorOf(reply)).toBe('')
        const version = Number(reply.headers?.get('Ledger-Version'))
        expect(version).toBeGreaterThanOrEqual(seen.get(client_id) ?? 0)
        seen.set(client_id, version)
      }
    }
    try {
      await Promise.all(Array.from({ length: 10 }, reader))
    } finally {
      done = true
      await writing
      await rig.jsm.consumers.resume(LEDGER_STREAM, 'ledger')
    }
  })
})

describe('while DynamoDB is away', () => {
  it('balances are right, from the stream; afterwards from the projection again', async () => {
    for (let i = 0; i < 40; i += 1) await credit(`d${i}`, 10 + i)
    await rig.caughtUp()
    await rig.dynamodb.kill()
    for (let i = 0; i < 20; i += 1) {
      const reply = await ask({ client_id: `d${i}` })
      expect([reply.string(), ledgerOf(reply).split(' ')[2]]).toEqual([`{"balance":${10 + i}}`, 'stream'])
    }
    const seq = await credit('d0', 5)
    const newest = await ask({ client_id: 'd0', min_version: 2 })
    expect([newest.string(), ledgerOf(newest)]).toEqual(['{"balance":15}', `2 ${seq} memory`])

    await rig.dynamodb.start()
    let asked = 0
    await until(
      async () => {
        // another customer each time, because a customer that was asked for before is in memory
        asked += 1
        return ledgerOf(await ask({ client_id: `fresh-${asked}` })).endsWith('table')
      },
      { deadline_ms: 30_000, what: 'answers from the table again' },
    )
    for (let i = 20; i < 40; i += 1) {
      const reply = await ask({ client_id: `d${i}` })
      expect([reply.string(), ledgerOf(reply).split(' ')[2]]).toEqual([`{"balance":${10 + i}}`, 'table'])
    }
  })

  it('answers hundreds at once, and a customer without events too', async () => {
    await rig.dynamodb.kill()
    const ids = [...balances.keys()].slice(0, 300)
    const replies = await Promise.all(ids.map(client_id => ask({ client_id })))
    expect(replies.map(reply => reply.string())).toEqual(ids.map(id => `{"balance":${balances.get(id)}}`))
    expect((await ask({ client_id: 'nobody' })).string()).toBe('{"balance":0}')
    await rig.dynamodb.start()
  })
})
