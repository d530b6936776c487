import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'nats'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { startFaultyDynamodb } from '../../test/support/faulty-dynamodb.js'
import { LOCAL, right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { listDeadLetters } from '../dead-letters/letters.js'
import { createHealth } from '../health.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { decodePlain } from '../ledger/testing/plain.js'
import { projectionLag } from '../stream/lag.js'
import { manager } from '../stream/provision.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { createTablesClient } from '../tables/client.js'
import { readHeads } from '../tables/heads.js'
import { PROJECTIONS } from './definitions/ledger.js'
import type { Decode } from './fold-run.js'
import { type Projector, startProjector } from './runner.js'

/** More than twice the time for which a silent instance stays the active one. */
const IDLE_MS = 5_000

let ledger: TestLedger
const endings: (() => Promise<void>)[] = []

beforeAll(async () => {
  ledger = await startTestLedger()
})

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

afterAll(async () => {
  await ledger.stop()
})

const start = (deps: TestLedger): Projector => {
  const projector = startProjector(deps, PROJECTIONS.ledger)
  endings.push(() => projector.stop())
  return projector
}

const balanceIs = (id: string, expected: bigint): Promise<true> =>
  until(
    async () => {
      const found = await right(readHeads(ledger.tables, ledger.first_table, [clientId(id)]))
      return found.get(clientId(id))?.account.balance === expected
    },
    { deadline_ms: 30_000, what: `${id} to have ${expected}` },
  )

/** The server's information on a consumer's priority groups; the client has no type for it yet. */
type WithGroups = { readonly priority_groups?: readonly { readonly pinned_client_id?: string }[] }

/** The id of the active client. The server makes a new id each time it chooses the active client. */
const activeId = async (): Promise<string | undefined> => {
  const info = await ledger.jsm.consumers.info(LEDGER_STREAM, 'ledger')
  const { priority_groups } = info as WithGroups
  return priority_groups?.[0]?.pinned_client_id
}

it('keeps its place while there is nothing to do', async () => {
  start(ledger)
  await ledger.emit('calm', { type: 'credit', amount: 1 })
  await balanceIs('calm', 1n)
  const before = await activeId()
  await pause(IDLE_MS)
  expect(before).toBeTypeOf('string')
  expect(await activeId()).toBe(before)
})

/** The client's subscriptions, which are not in its types. */
type Subscriptions = {
  readonly subs: Map<number, { readonly subject: string }>
  readonly getMux: () => unknown
}

it('a consumer that is no longer heard is made anew, and health says why', async () => {
  const nc = await connect({ servers: ledger.servers.nats.url })
  endings.push(() => nc.close())
  const changes: string[] = []
  const health = createHealth((_, { state, detail }) => changes.push(`${state} ${detail}`))
  start({ ...ledger, nc, jsm: await right(manager(nc)), health })
  await ledger.emit('unheard', { type: 'credit', amount: 1 })
  await balanceIs('unheard', 1n)
  // the server goes on sending, and the client drops its messages
  const { subscriptions } = (nc as unknown as { protocol: { subscriptions: Subscriptions } }).protocol
  for (const [id, subscription] of subscriptions.subs)
    if (subscription !== subscriptions.getMux()) subscriptions.subs.delete(id)
  await ledger.emit('unheard', { type: 'credit', amount: 2 })
  await balanceIs('unheard', 3n)
  expect(changes.some(change => change.startsWith('down no heartbeat of the consumer'))).toBe(true)
  await until(() => health.read().state === 'ok', { deadline_ms: 30_000, what: 'health to be ok' })
})

it('an instance that cannot write leaves its place to one that can, and takes it back when that one stops', async () => {
  const faulty = await startFaultyDynamodb(ledger.servers.dynamodb.endpoint, { faults: ['throttled'] })
  endings.push(() => faulty.stop())
  const nc = await connect({ servers: ledger.servers.nats.url })
  endings.push(() => nc.close())
  const tables = createTablesClient({ endpoint: faulty.endpoint, ...LOCAL })
  endings.push(async () => tables.destroy())
  const health = createHealth(() => undefined)
  start({ ...ledger, nc, jsm: await right(manager(nc)), tables, health })
  await ledger.emit('cut-off', { type: 'credit', amount: 1 })
  await balanceIs('cut-off', 1n)

  faulty.setShare(1)
  const other = start(ledger)
  await ledger.emit('cut-off', { type: 'credit', amount: 2 })
  await balanceIs('cut-off', 3n)
  expect(health.read().state).toBe('down')

  faulty.setShare(0)
  await other.stop()
  await ledger.emit('cut-off', { type: 'credit', amount: 4 })
  await balanceIs('cut-off', 7n)
  await until(() => health.read().state === 'ok', { deadline_ms: 30_000, what: 'health to be ok' })
})

it('an event at which our own code throws is a letter of its own, and the others go on', async () => {
  const health = createHealth(() => undefined)
  const decode: Decode = body => {
    if (Buffer.from(body).includes('fatal')) throw new RangeError('a fault of this program')
    return decodePlain(body)
  }
  start({ ...ledger, health, decode })
  const publishing = Array.from({ length: 20 }, (_, i) =>
    ledger.emit(`beside-${i}`, { type: 'credit', amount: 1 }),
  )
  const fatal = await ledger.emit('struck', { type: 'credit', amount: 1, reference: 'fatal' })
  await Promise.all(publishing)
  const after = await ledger.emit('struck', { type: 'credit', amount: 1 })
  await ledger.emit('beside-0', { type: 'credit', amount: 1 })
  await balanceIs('beside-0', 2n)
  await Promise.all(publishing.map((_, i) => balanceIs(`beside-${i}`, i === 0 ? 2n : 1n)))
  const letters = await right(listDeadLetters(ledger.nc, { limit: 10 }))
  expect(letters).toMatchObject([
    {
      seq: fatal,
      reason: 'UNSTORABLE',
      projection: 'ledger',
      detail: expect.stringContaining('a fault of'),
    },
    // the next event is refused too, because its customer's state before it is unknown
    { seq: after, reason: 'UNSTORABLE', projection: 'ledger' },
  ])
  await until(async () => (await right(projectionLag(ledger.nc, 'ledger'))).lag_events === 0, {
    deadline_ms: 30_000,
    what: 'the projection to be caught up',
  })
  expect(health.read()).toMatchObject({
    state: 'degraded',
    parts: { 'projection ledger': { state: 'ok' } },
  })
})
