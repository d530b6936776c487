// has servers of its own: a table refuses items for good here
import { connect, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { countDeadLetters, listDeadLetters } from '../src/dead-letters/letters.js'
import { createHealth } from '../src/health.js'
import { PROJECTIONS } from '../src/projections/definitions/all.js'
import type { ProjectionDeps } from '../src/projections/deps.js'
import { replay } from '../src/projections/rebuild/rebuild.js'
import { type Projector, startProjector } from '../src/projections/runner.js'
import { projectionLag } from '../src/stream/lag.js'
import { manager, provision } from '../src/stream/provision.js'
import { publish } from '../src/stream/publish.js'
import { createTablesClient } from '../src/tables/client.js'
import { PROJECTION_NAMES, type ProjectionName } from '../src/tables/definition.js'
import { readItems } from '../src/tables/heads.js'
import { verify } from '../src/verify/verify.js'
import { type FaultyDynamodb, startFaultyDynamodb } from './support/faulty-dynamodb.js'
import { LOCAL, right } from './support/ledger.js'
import { startTestServers, type TestServers, until } from './support/servers.js'

let servers: TestServers
let faulty: FaultyDynamodb
let nc: NatsConnection
let deps: ProjectionDeps
let projectors: Projector[]

beforeEach(async () => {
  servers = await startTestServers()
  faulty = await startFaultyDynamodb(servers.dynamodb.endpoint)
  nc = await connect({ servers: servers.nats.url })
  deps = {
    nc,
    kv: await right(provision(nc, { replicas: 1 })),
    jsm: await right(manager(nc)),
    tables: createTablesClient({ endpoint: faulty.endpoint, ...LOCAL }),
    base_table: 'balances',
    log: pino({ level: 'silent' }),
    health: createHealth(() => undefined),
  }
  projectors = PROJECTION_NAMES.map(name => startProjector(deps, PROJECTIONS[name]))
})

afterEach(async () => {
  await Promise.all(projectors.map(projector => projector.stop()))
  await nc.close()
  deps.tables.destroy()
  await faulty.stop()
  await servers.stop()
})

const emit = async (id: string, body: object): Promise<number> =>
  (await right(publish(nc, { subject: `customer.balance.${id}`, body: JSON.stringify(body) }, 5_000))).seq

const caughtUp = (): Promise<true> =>
  until(
    async () => {
      const lags = await Promise.all(PROJECTION_NAMES.map(name => right(projectionLag(nc, name))))
      return lags.every(({ lag_events }) => lag_events === 0)
    },
    { deadline_ms: 20_000, what: 'every projection to be caught up' },
  )

const item = async (name: ProjectionName, id: string): Promise<unknown> => {
  const table = name === 'balances' ? 'balances' : `balances-${name}`
  return (await right(readItems(deps.tables, table, [id])))[0]
}

const verified = () =>
  verify(
    { nc, jsm: deps.jsm, tables: deps.tables, base_table: 'balances' },
    { totals: true, timeout_ms: 20_000, differences_max: 100 },
    () => undefined,
    new AbortController().signal,
  )

it('a row that its table refuses is a letter of its own, and holds up nobody', async () => {
  await emit('a', { type: 'credit', amount: 1 })
  await caughtUp()
  faulty.refuse('poison')
  const others = Array.from({ length: 50 }, (_, i) => emit(`c${i}`, { type: 'credit', amount: 1 }))
  const poisoned = await emit('a', { type: 'credit', amount: 2, reference: 'poison' })
  await Promise.all([...others, emit('a', { type: 'credit', amount: 4 })])
  await caughtUp()
  expect(await item('balances', 'a')).toMatchObject({ client_balance: 7n })
  expect(await item('journal', 'account:a')).toMatchObject({ balance: 7n, version: 3n })
  expect(await item('journal', `seq:${poisoned}`)).toBeUndefined()
  expect(await right(listDeadLetters(nc, { limit: 9 }))).toMatchObject([
    { seq: poisoned, reason: 'UNSTORABLE', projection: 'journal', table: 'balances-journal', state: 'open' },
  ])
  expect(deps.health.read().parts['unstorable items of journal']).toMatchObject({ state: 'degraded' })
  const { differences } = await verified()
  expect(differences).toMatchObject([
    {
      where: 'journal',
      kind: 'missing',
      id: `seq:${poisoned}`,
      detail: expect.stringContaining('UNSTORABLE'),
    },
  ])
  faulty.refuse(undefined)
  const options = { keep: false, checkpoint_ms: 5_000, onProgress: () => undefined }
  await replay(deps, PROJECTIONS.journal, { ...options, signal: new AbortController().signal })
  expect((await verified()).differences).toEqual([])
})

it('a replay leaves out the row that its table refuses, and ends', async () => {
  await emit('b', { type: 'credit', amount: 2, reference: 'poison' })
  await emit('b', { type: 'credit', amount: 4 })
  await caughtUp()
  faulty.refuse('poison')
  const options = { keep: false, checkpoint_ms: 5_000, onProgress: () => undefined }
  const signal = new AbortController().signal
  expect(await replay(deps, PROJECTIONS.journal, { ...options, signal })).toMatchObject({ rows: 1 })
  expect((await right(countDeadLetters(nc))).unstorable).toEqual({ journal: 1 })
})

it('a customer whose item a table refuses stays where it is there; the others go on, and it is mended later', async () => {
  await emit('poisoned', { type: 'credit', amount: 1 })
  await caughtUp()
  faulty.refuse('poisoned')
  const others = Array.from({ length: 50 }, (_, i) => emit(`d${i}`, { type: 'credit', amount: 1 }))
  const refused = await emit('poisoned', { type: 'credit', amount: 2 })
  await Promise.all(others)
  await caughtUp()
  expect(await item('balances', 'd49')).toMatchObject({ client_balance: 1n })
  expect(await item('balances', 'poisoned')).toMatchObject({ client_balance: 1n })
  const letters = await right(listDeadLetters(nc, { limit: 9 }))
  expect(letters.map(({ projection }) => projection).sort()).toEqual([...PROJECTION_NAMES].sort())
  expect(letters).toEqual(letters.map(() => expect.objectContaining({ seq: refused, reason: 'UNSTORABLE' })))
  expect((await verified()).differences).toContainEqual(
    expect.objectContaining({
      where: 'balances',
      id: 'poisoned',
      detail: expect.stringContaining('UNSTORABLE'),
    }),
  )
})

it('a table that refuses everything makes no letters: the projection says so and waits', async () => {
  await emit('e', { type: 'credit', amount: 1 })
  await caughtUp()
  faulty.refuse('TableName')
  await emit('e', { type: 'credit', amount: 1 })
  await until(() => deps.health.read().parts['projection balances']?.state === 'down', {
    deadline_ms: 15_000,
    what: 'health to say so',
  })
  expect(await right(countDeadLetters(nc))).toMatchObject({ total: 0 })
  faulty.refuse(undefined)
  await caughtUp()
  expect(await item('balances', 'e')).toMatchObject({ client_balance: 2n })
})
