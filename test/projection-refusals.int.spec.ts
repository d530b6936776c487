// has servers of its own: a table refuses items for good here
import { afterEach, beforeEach, expect, it } from 'vitest'
import { countDeadLetters, listDeadLetters } from '../src/dead-letters/letters.js'
import { PROJECTIONS } from '../src/projections/definitions/ledger.js'
import { replay } from '../src/projections/rebuild/rebuild.js'
import { tableName } from '../src/tables/definition.js'
import { readItems } from '../src/tables/heads.js'
import { readIdentity } from '../src/tables/identity.js'
import { seqRowId } from '../src/tables/journal-ids.js'
import { verify } from '../src/verify/verify.js'
import { type FaultyDynamodb, startFaultyDynamodb } from './support/faulty-dynamodb.js'
import { type OpenLedger, openTestLedger, right } from './support/ledger.js'
import { startTestServers, type TestServers, until } from './support/servers.js'

let servers: TestServers
let faulty: FaultyDynamodb
let ledger: OpenLedger

beforeEach(async () => {
  servers = await startTestServers()
  faulty = await startFaultyDynamodb(servers.dynamodb.endpoint)
  ledger = await openTestLedger({
    connection: { servers: servers.nats.url },
    dynamodb_endpoint: faulty.endpoint,
  })
  ledger.project()
})

afterEach(async () => {
  await ledger.stop()
  await faulty.stop()
  await servers.stop()
})

const tableOf = (generation: number): string => tableName(ledger.base_table, 'ledger', generation)

const item = async (id: string): Promise<unknown> =>
  (await right(readItems(ledger.tables, tableOf(1), [id])))[0]

const rebuild = () =>
  replay(ledger, PROJECTIONS.ledger, {
    keep: false,
    checkpoint_ms: 5_000,
    onProgress: () => undefined,
    signal: new AbortController().signal,
  })

const verified = () =>
  verify(
    ledger,
    { totals: true, timeout_ms: 20_000, differences_max: 100 },
    () => undefined,
    new AbortController().signal,
  )

it('a row that its table refuses is a letter of its own, and holds up nobody', async () => {
  await ledger.emit('a', { type: 'credit', amount: 1 })
  await ledger.caughtUp()
  faulty.refuse('poison')
  const others = Array.from({ length: 50 }, (_, i) => ledger.emit(`c${i}`, { type: 'credit', amount: 1 }))
  const poisoned = await ledger.emit('a', { type: 'credit', amount: 2, reference: 'poison' })
  await Promise.all([...others, ledger.emit('a', { type: 'credit', amount: 4 })])
  await ledger.caughtUp()
  expect(await item('a')).toMatchObject({ client_balance: 7n, version: 3n })
  expect(await item(seqRowId(poisoned))).toBeUndefined()
  expect(await right(listDeadLetters(ledger.nc, { limit: 9 }))).toMatchObject([
    { seq: poisoned, reason: 'UNSTORABLE', projection: 'ledger', table: tableOf(1), state: 'open' },
  ])
  expect(ledger.health.read().parts['unstorable items of ledger']).toMatchObject({ state: 'degraded' })
  const { differences } = await verified()
  expect(differences).toMatchObject([
    {
      where: 'journal',
      kind: 'missing',
      id: seqRowId(poisoned),
      detail: expect.stringContaining('UNSTORABLE'),
    },
  ])
  faulty.refuse(undefined)
  await rebuild()
  expect((await verified()).differences).toEqual([])
})

it('a replay leaves out the row that its table refuses, and ends', async () => {
  await ledger.emit('b', { type: 'credit', amount: 2, reference: 'poison' })
  await ledger.emit('b', { type: 'credit', amount: 4 })
  await ledger.caughtUp()
  faulty.refuse('poison')
  expect(await rebuild()).toMatchObject({ rows: 1 })
  expect((await right(countDeadLetters(ledger.nc))).unstorable).toEqual({ ledger: 1 })
})

it('a customer whose item the table refuses stays where it is; the others go on, and it is mended later', async () => {
  await ledger.emit('poisoned', { type: 'credit', amount: 1 })
  await ledger.caughtUp()
  faulty.refuse('poisoned')
  const others = Array.from({ length: 50 }, (_, i) => ledger.emit(`d${i}`, { type: 'credit', amount: 1 }))
  const refused = await ledger.emit('poisoned', { type: 'credit', amount: 2 })
  await Promise.all(others)
  await ledger.caughtUp()
  expect(await item('d49')).toMatchObject({ client_balance: 1n })
  expect(await item('poisoned')).toMatchObject({ client_balance: 1n })
  const letters = await right(listDeadLetters(ledger.nc, { limit: 9 }))
  expect(letters).toMatchObject([{ seq: refused, reason: 'UNSTORABLE', projection: 'ledger' }])
  expect((await verified()).differences).toContainEqual(
    expect.objectContaining({
      where: 'balances',
      id: 'poisoned',
      detail: expect.stringContaining('UNSTORABLE'),
    }),
  )

  faulty.refuse(undefined)
  const after = await ledger.emit('poisoned', { type: 'credit', amount: 4 })
  await ledger.caughtUp()
  expect(await item('poisoned')).toMatchObject({ client_balance: 7n, version: 3n })
  for (const seq of [refused, after])
    expect(await item(seqRowId(seq))).toMatchObject({ client_id: 'poisoned' })
  // what the refused event adds to the sums was left out with it
  const { sums_doubt } = (await right(readIdentity(ledger.tables, tableOf(1)))) ?? {}
  expect(sums_doubt).toContain('poisoned')
  expect((await verified()).differences.map(({ where }) => where)).toContain('totals')
  await rebuild()
  expect(await verified()).toMatchObject({ differences: [], sums_doubt: undefined })
})

it('a table that refuses everything makes no letters: the projection says so and waits', async () => {
  await ledger.emit('e', { type: 'credit', amount: 1 })
  await ledger.caughtUp()
  faulty.refuse('TableName')
  await ledger.emit('e', { type: 'credit', amount: 1 })
  await until(() => ledger.health.read().parts['projection ledger']?.state === 'down', {
    deadline_ms: 30_000,
    what: 'health to say so',
  })
  expect(await right(countDeadLetters(ledger.nc))).toMatchObject({ total: 0 })
  faulty.refuse(undefined)
  await ledger.caughtUp()
  expect(await item('e')).toMatchObject({ client_balance: 2n })
})
