// has servers of its own: it rebuilds whole tables

import { setTimeout as sleep } from 'node:timers/promises'
import { PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LOCAL, right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { listDeadLetters } from '../../dead-letters/letters.js'
import { followGeneration } from '../../generations/follow.js'
import { readPointer } from '../../generations/pointer.js'
import { NEW_CUSTOMER } from '../../ledger/fold.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import { publishBatch } from '../../stream/publish.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import { createTablesClient } from '../../tables/client.js'
import { tableName } from '../../tables/definition.js'
import { readHeads } from '../../tables/heads.js'
import { tableExists } from '../../tables/provision.js'
import { allKey } from '../../tables/totals.js'
import { PROJECTIONS } from '../definitions/ledger.js'
import { type Projector, startProjector } from '../runner.js'
import { targetOf } from '../target.js'
import { readTable } from './expected.js'
import { takeLock } from './lock.js'
import { cancelReplay, type ReplayOptions, replay, replayBack } from './rebuild.js'

let ledger: TestLedger

beforeEach(async () => {
  ledger = await startTestLedger()
})

afterEach(() => ledger.stop())

const never = new AbortController().signal
const OPTIONS: ReplayOptions = {
  keep: false,
  checkpoint_ms: 30_000,
  onProgress: () => undefined,
  signal: never,
}
const rebuild = (more: Partial<ReplayOptions> = {}) =>
  replay(ledger, PROJECTIONS.ledger, { ...OPTIONS, ...more })

const credit = (amount: number) => ({ type: 'credit', amount })

const project = async (): Promise<Projector> => {
  const projector = ledger.project()
  await ledger.caughtUp()
  return projector
}

const generation = async () => (await right(readPointer(ledger.jsm, 'ledger'))).generation

const account = async (id: string) => {
  const table = tableName(ledger.base_table, 'ledger', await generation())
  const found = await right(readHeads(ledger.tables, table, [clientId(id)]))
  return (found.get(clientId(id)) ?? NEW_CUSTOMER).account
}

/** `count` events of 1 on `customers` customers, in atomic batches. */
const emitMany = async (count: number, customers: number): Promise<void> => {
  for (let from = 0; from < count; from += 1_000) {
    const messages = Array.from({ length: Math.min(1_000, count - from) }, (_, i) => ({
      subject: `customer.balance.c${(from + i) % customers}`,
      body: JSON.stringify(credit(1)),
    }))
    await right(publishBatch(ledger.nc, messages, 5_000))
  }
}

describe('replay', () => {
  it('builds the next generation, equal to the first, and drops that', async () => {
    await project()
    await emitMany(2_500, 70)
    await ledger.emit('c1', { type: 'debit', amount: 1_000 })
    await ledger.emit('c2', { type: 'debit', amount: 5, transaction_id: 't-1', reference: 'r' })
    await ledger.caughtUp()
    const before = await readTable(ledger.tables, targetOf(ledger, PROJECTIONS.ledger, 1), never)
    const letters = await right(listDeadLetters(ledger.nc, { limit: 10 }))
    expect(await rebuild()).toMatchObject({ generation: 2, customers: 70, events: 2_502 })
    expect(await generation()).toBe(2)
    expect(await readTable(ledger.tables, targetOf(ledger, PROJECTIONS.ledger, 2), never)).toEqual(before)
    expect(await right(tableExists(ledger.tables, ledger.first_table))).toBe(false)
    expect(await right(listDeadLetters(ledger.nc, { limit: 10 }))).toEqual(letters)
    await ledger.emit('c1', credit(7))
    await ledger.caughtUp()
  })

  it('works where nobody projects and no table is', async () => {
    await emitMany(250, 125)
    expect(await rebuild()).toMatchObject({ generation: 2, customers: 125 })
    expect(await account('c7')).toMatchObject({ balance: 2n, version: 2 })
    await project()
    await ledger.emit('c7', credit(1))
    await ledger.caughtUp()
    expect(await account('c7')).toMatchObject({ balance: 3n, version: 3 })
  })

  it('heals what was changed by hand, by several replays in turn', async () => {
    await project()
    await ledger.emit('ann', credit(10))
    for (let round = 2; round <= 3; round += 1) {
      await ledger.caughtUp()
      const table = tableName(ledger.base_table, 'ledger', await generation())
      const wrong = { id: 'ann', client_balance: 99n, version: 1, seq: 1 }
      await ledger.tables.send(new PutCommand({ TableName: table, Item: wrong }))
      await ledger.tables.send(new PutCommand({ TableName: table, Item: { ...wrong, id: 'stranger' } }))
      expect(await rebuild()).toMatchObject({ generation: round, customers: 1 })
      expect(await account('ann')).toMatchObject({ balance: 10n })
      expect(await account('stranger')).toMatchObject({ balance: 0n })
    }
  })

  it('never lets a reader see a version go back, under load, and goes on after the flip', async () => {
    await project()
    await emitMany(3_000, 50)
    await ledger.caughtUp()
    const ids = Array.from({ length: 50 }, (_, i) => clientId(`c${i}`))
    const ending = new AbortController()
    let emitted = 3_000
    const load = (async () => {
      while (!ending.signal.aborted) {
        await emitMany(50, 50)
        emitted += 50
        // a replay cannot overtake publishers that write more than a table takes
        await sleep(50)
      }
    })()
    // four readers follow the pointer, each by itself, as several instances do; one client's requests are answered by
    // them in turn
    const followers = Array.from({ length: 4 }, () => followGeneration(ledger.jsm, 'ledger'))
    let reads = 0
    const tables = new Set<string>()
    const client = (async () => {
      const seen = new Map<string, number>()
      while (!ending.signal.aborted) {
        const follower = followers[reads % followers.length]
        const at = follower?.current() ?? (await right(readPointer(ledger.jsm, 'ledger'))).generation
        const table = tableName(ledger.base_table, 'ledger', at)
        tables.add(table)
        for (const [id, { account: now }] of await right(readHeads(ledger.tables, table, ids))) {
          expect(now.version).toBeGreaterThanOrEqual(seen.get(id) ?? 0)
          seen.set(id, now.version)
        }
        reads += 1
      }
    })()
    await rebuild()
    ending.abort()
    await Promise.all([client, load])
    for (const follower of followers) follower.stop()
    expect(tables.size).toBe(2)
    expect(reads).toBeGreaterThan(100)
    await ledger.caughtUp()
    const sum = (await Promise.all(ids.map(id => account(id)))).reduce((n, { balance }) => n + balance, 0n)
    expect(sum).toBe(BigInt(emitted))
  })

  it('goes on from its checkpoint when it was ended half-way, to the same end', async () => {
    await project()
    await emitMany(6_000, 40)
    await ledger.caughtUp()
    const ending = new AbortController()
    const halfway = rebuild({
      checkpoint_ms: 0,
      signal: ending.signal,
      onProgress: (_, done) => done >= 3_000 && ending.abort(),
    })
    await expect(halfway).rejects.toThrow(/abort/i)
    const result = await rebuild()
    expect(result.resumed_at).toBeGreaterThan(1)
    expect(result).toMatchObject({ customers: 40, events: 6_000 })
    const found = await readTable(ledger.tables, targetOf(ledger, PROJECTIONS.ledger, 2), never)
    const total = [...found.customers.values()].reduce((n, { account: { balance } }) => n + balance, 0n)
    expect(total).toBe(6_000n)
    expect(found.rows).toBe(6_000)
    expect(found.sums.get(allKey(undefined))).toMatchObject({ credits: 6_000n, credited: 6_000n })
  })

  it('is one at a time: the second says who is at work; a dead holder is taken over', async () => {
    const lock = await takeLock(ledger.kv, 'ledger', () => undefined)
    await expect(rebuild()).rejects.toThrow(`already: `)
    await lock.release()
    expect(await rebuild()).toMatchObject({ generation: 2 })
  })

  it('gives its lock back when it fails, and so does a cancellation that fails', async () => {
    const away = createTablesClient({ endpoint: 'http://127.0.0.1:1', ...LOCAL })
    const unable = { ...ledger, tables: away }
    await expect(cancelReplay(unable, PROJECTIONS.ledger)).rejects.toThrow('ECONNREFUSED')
    const stopping = new AbortController()
    const options = { ...OPTIONS, keep: false, signal: stopping.signal }
    const failing = replay(unable, PROJECTIONS.ledger, options)
    stopping.abort()
    await expect(failing).rejects.toThrow()
    away.destroy()
    expect(await rebuild()).toMatchObject({ generation: 2 })
  })

  it('can be cancelled: what was built is dropped, and the next one begins anew', async () => {
    await emitMany(2_000, 10)
    const ending = new AbortController()
    const options = { checkpoint_ms: 0, signal: ending.signal, onProgress: () => ending.abort() }
    await expect(rebuild(options)).rejects.toThrow(/abort/i)
    expect(await cancelReplay(ledger, PROJECTIONS.ledger)).toBe(true)
    expect(await cancelReplay(ledger, PROJECTIONS.ledger)).toBe(false)
    expect((await rebuild()).resumed_at).toBeUndefined()
  })

  it('finds the way back to a generation that was kept, brought up to date', async () => {
    await project()
    await emitMany(100, 10)
    await expect(replayBack(ledger, PROJECTIONS.ledger, OPTIONS)).rejects.toThrow('no earlier generation')
    await rebuild({ keep: true })
    await emitMany(100, 10)
    await ledger.caughtUp()
    expect(await replayBack(ledger, PROJECTIONS.ledger, OPTIONS)).toMatchObject({
      generation: 1,
      previous: 2,
    })
    await emitMany(100, 10)
    await ledger.caughtUp()
    expect(await account('c3')).toMatchObject({ balance: 30n, version: 30 })
    await rebuild()
    for (const old of [1, 2])
      expect(await right(tableExists(ledger.tables, tableName(ledger.base_table, 'ledger', old)))).toBe(false)
  })

  it('is not undone by a projector that is held up at its start until the old generation is gone', async () => {
    const projector = await project()
    await emitMany(100, 10)
    await ledger.caughtUp()
    let open: () => void = () => undefined
    const opened = new Promise<void>(resolve => {
      open = resolve
    })
    let isHeldUp = false
    const tables = new Proxy(ledger.tables, {
      get: (target, name) =>
        name === 'send'
          ? async (command: never) => {
              isHeldUp = true
              await opened
              return target.send(command)
            }
          : Reflect.get(target, name),
    })
    const late = startProjector({ ...ledger, tables }, PROJECTIONS.ledger)
    ledger.atStop(() => late.stop())
    await until(() => isHeldUp, { deadline_ms: 30_000, what: 'the late projector to look for its table' })
    await rebuild()
    await projector.stop()
    open()
    await emitMany(100, 10)
    await ledger.caughtUp()
    expect(await account('c3')).toMatchObject({ balance: 20n })
    expect(await right(tableExists(ledger.tables, ledger.first_table))).toBe(false)
    expect(await ledger.jsm.consumers.list(LEDGER_STREAM).next()).toMatchObject([{ name: 'ledger-g2' }])
  })

  it('does not flip to a table that differs from the fold', async () => {
    await emitMany(1_000, 10)
    const item = { id: 'c3', client_balance: 7n, version: 100, seq: 994 }
    const put = new PutCommand({ TableName: tableName(ledger.base_table, 'ledger', 2), Item: item })
    // the new table is changed after it was filled, right before it is compared
    const tables = new Proxy(ledger.tables, {
      get: (target, name) =>
        name === 'send'
          ? async (command: never) => {
              if ((command as unknown) instanceof ScanCommand) await target.send(put)
              return target.send(command)
            }
          : Reflect.get(target, name),
    })
    await expect(replay({ ...ledger, tables }, PROJECTIONS.ledger, OPTIONS)).rejects.toThrow(
      'c3 should be balance 100, version 100, seq 994, but is balance 7',
    )
    expect(await generation()).toBe(1)
  })
})
