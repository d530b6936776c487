/** Commands while DynamoDB is away, hangs, throttles or fails: the stream can tell, and nobody waits for the table. */

import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, coordinatorRoom, movement } from '../../../test/support/coordinators.js'
import {
  type Fault,
  type FaultyDynamodb,
  startFaultyDynamodb,
} from '../../../test/support/faulty-dynamodb.js'
import { LOCAL, right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { writeChanges } from '../../../test/support/ledger-table.js'
import { until } from '../../../test/support/servers.js'
import { TE } from '../../fp.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import { projectionLag } from '../../stream/lag.js'
import { publishBatch } from '../../stream/publish.js'
import { createTablesClient } from '../../tables/client.js'
import type { CommandDeps } from '../deps.js'
import { createJournalLookup } from '../idempotency/journal-lookup.js'
import type { Coordinator } from './coordinator.js'

/** Each of them would wait for some time-outs of the table's client, one after the other. */
const CUSTOMERS = 40
const ALL_MS_MAX = 30_000
/** Longer than is folded without the table. */
const LONG_EVENTS = 10_500
const BATCH = 1_000
/** Longer than is waited in the main loop, shorter than the table's client waits. */
const SLOW_MS = 900

const room = coordinatorRoom()
let ledger: TestLedger
let faulty: FaultyDynamodb
let hanging: FaultyDynamodb
let slow: FaultyDynamodb
const clients: ReturnType<typeof createTablesClient>[] = []

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
  const { endpoint } = ledger.servers.dynamodb
  faulty = await startFaultyDynamodb(endpoint, { faults: FAULTY })
  hanging = await startFaultyDynamodb(endpoint, { faults: ['late'], late_ms: 60_000 })
  slow = await startFaultyDynamodb(endpoint, { faults: ['late'], late_ms: SLOW_MS })
  for (const proxy of [faulty, hanging, slow]) proxy.setShare(1)
})
afterEach(() => room.stopAll())
afterAll(async () => {
  for (const client of clients) client.destroy()
  for (const proxy of [faulty, hanging, slow]) await proxy.stop()
  await ledger.stop()
})

const FAULTY: readonly Fault[] = [
  'throttled',
  'throughput',
  'internal error',
  'dropped before',
  'dropped after',
]

/** What an instance works with whose DynamoDB is behind `endpoint`. */
const behind = (endpoint: string): CommandDeps => {
  const tables = createTablesClient({ endpoint, ...LOCAL })
  clients.push(tables)
  return { ...ledger, tables, log: pino({ level: 'silent' }) }
}

const start = (endpoint: string): Coordinator => {
  const deps = behind(endpoint)
  const table = { table: ledger.first_table, trust: () => undefined }
  const source = { table: TE.right(table), consumer: TE.right('ledger') }
  return room.start(deps, { find: createJournalLookup(deps, source).find })
}

describe.each<[string, () => string]>([
  ['is away', () => 'http://127.0.0.1:9'],
  ['hangs', () => hanging.endpoint],
  ['throttles and fails', () => faulty.endpoint],
])('while DynamoDB %s', (what, endpoint) => {
  const idOf = (i: number): string => `${what.replaceAll(' ', '-')}-${i}`

  it('commands on customers that are in no memory are carried out soon, and once', async () => {
    const projector = ledger.project()
    await until(async () => (await projectionLag(ledger.nc, 'ledger')())._tag === 'Right', {
      deadline_ms: 30_000,
      what: 'the consumer of the projection',
    })
    await projector.stop()
    const other = room.start(ledger)
    for (let i = 0; i < CUSTOMERS; i += 1) await other.submit(movement('credit', idOf(i), 10), false)
    const coordinator = start(endpoint())
    const began_ms = performance.now()
    const outcomes = []
    for (let i = 0; i < CUSTOMERS; i += 1)
      outcomes.push(await coordinator.submit(movement('debit', idOf(i), 4, `${idOf(i)}-1`), true))
    expect(outcomes.map(codeOf)).toEqual(Array(CUSTOMERS).fill('done'))
    // another instance has none of them in memory
    const again = start(endpoint())
    for (let i = 0; i < CUSTOMERS; i += 1) {
      const outcome = await again.submit(movement('debit', idOf(i), 4, `${idOf(i)}-1`), true)
      expect(outcome).toMatchObject({ tag: 'done', replayed: true, reply: { balance: 6n, version: 2 } })
    }
    expect(performance.now() - began_ms).toBeLessThan(ALL_MS_MAX)
  })
})

describe('a customer with more events than are folded without the table', () => {
  it('waits for a table that is slow, and nobody waits with it', async () => {
    const subject = 'customer.balance.long'
    for (let done = 0; done < LONG_EVENTS; done += BATCH) {
      const bodies = Array.from({ length: Math.min(BATCH, LONG_EVENTS - done) }, (_, i) => ({
        subject,
        body: JSON.stringify({
          type: 'credit',
          amount: 1,
          after: { balance: done + i + 1, version: done + i + 1 },
        }),
      }))
      await right(publishBatch(ledger.nc, bodies, 10_000))
    }
    const { seq } = await right(
      publishBatch(ledger.nc, [{ subject: 'customer.balance.x', body: '{}' }], 5_000),
    )
    const id = clientId('long')
    const from = { account: { balance: 0n, version: 0, seq: 0 } }
    const to = { account: { balance: BigInt(LONG_EVENTS), version: LONG_EVENTS, seq: seq - 1 } }
    await right(writeChanges(ledger.tables, ledger.first_table, [{ id, from, to }]))

    const coordinator = room.start(behind(slow.endpoint))
    const order: string[] = []
    const submit = async (customer: string): Promise<void> => {
      expect(codeOf(await coordinator.submit(movement('credit', customer, 1), false))).toBe('done')
      order.push(customer)
    }
    await Promise.all([submit('long'), submit('short'), submit('shorter')])
    expect(order.at(-1)).toBe('long')
  })

  it('is UNAVAILABLE while the table is away, and others are not', async () => {
    const coordinator = room.start(behind('http://127.0.0.1:9'))
    const outcomes = await Promise.all(
      ['long', 'short-2'].map(id => coordinator.submit(movement('credit', id, 1), false)),
    )
    expect(outcomes.map(codeOf)).toEqual(['UNAVAILABLE', 'done'])
  })
})
