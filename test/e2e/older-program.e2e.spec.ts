/**
 * The program of before schema 2 runs beside this one on the same ledger, before the roll-out is complete and by mistake after
 * it: it leaves alone what it cannot read, and says nothing wrong about it. Each program has tables of its own
 * (docs/adr/0061): the older one four, this one a single table, which it fills from the first event.
 *
 * The older program is the real one (test/support/older.ts): a copy of this one in which only the reading of events is set
 * back would know the rules in the items of customers, which the real one overlooks.
 */

import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { environment } from '../support/command-load.js'
import { OLDER_VERSION, type OlderProgram, unpackOlder } from '../support/older.js'
import { openWorkbench, type Program, untilReady, type Workbench } from '../support/program.js'
import { startTestNats, until } from '../support/servers.js'

const CAUGHT_UP_MS_MAX = 20_000
const REQUEST_MS_MAX = 15_000
const IN_2100 = '2100-01-01T00:00:00.000Z'

let bench: Workbench
let older: OlderProgram
let nc: NatsConnection
let env: Readonly<Record<string, string>>
beforeAll(async () => {
  bench = openWorkbench()
  older = unpackOlder()
  bench.atEnd(older.remove)
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const made = await environment(bench, nats.url, 1)
  env = made.env
  nc = await bench.connect(nats.url)
})
afterAll(() => bench.end())

const ready = async (program: Program, roles: string): Promise<Program> => {
  await untilReady(program, `${roles} to be ready`, async () => {
    const port = /http:\/\/0\.0\.0\.0:(\d+)\/healthz/.exec(program.stderr())?.[1]
    return port !== undefined && (await fetch(`http://127.0.0.1:${port}/readyz`)).ok
  })
  return program
}
const start = (roles: string): Promise<Program> =>
  ready(bench.start(['serve'], { ...env, JETLEDGER_ROLES: roles }), roles)
const startOlder = (roles: string, more: Readonly<Record<string, string>> = {}): Promise<Program> =>
  ready(
    bench.startOther(older.main, ['serve'], { ...env, JETLEDGER_ROLES: roles, ...more }),
    `older ${roles}`,
  )

type Answer = { readonly body: unknown; readonly seq: string | undefined }

const ask = async (subject: string, body: object): Promise<Answer> => {
  const reply = await nc.request(`customer.${subject}`, JSON.stringify(body), { timeout: REQUEST_MS_MAX })
  return { body: reply.json(), seq: reply.headers?.get('Ledger-Seq') }
}
/** Publishes an event directly, as somebody does who does not ask whether every reader knows it. */
const publish = async (client_id: string, event: object): Promise<number> =>
  (await jetstream(nc).publish(`customer.balance.${client_id}`, JSON.stringify(event))).seq

const untilBalance = (client_id: string, balance: number): Promise<true> =>
  until(
    async () => {
      const { body } = await ask('balance', { client_id })
      return JSON.stringify(body) === JSON.stringify({ balance })
    },
    { deadline_ms: CAUGHT_UP_MS_MAX, what: `a balance of ${balance} for ${client_id}` },
  )

const consumers = async (): Promise<readonly string[]> => {
  const found = await (await jetstreamManager(nc)).consumers.list('customer-balances').next()
  return found.map(({ name }) => name)
}

const UNAVAILABLE = { body: { error: { code: 'UNAVAILABLE' } } }

let first: Program
let beside: Program

it('beside this program, the older one parks what it cannot read, says no more than it has read, and serves everybody else', async () => {
  first = await startOlder('commands,projections,queries')
  const { seq: known } = (await ask('credit', { client_id: 'held', amount: 100 })).body as { seq: number }
  await ask('credit', { client_id: 'plain', amount: 100 })
  beside = await start('commands,projections')

  const raised = await bench.run(['schema', '2'], env)
  expect(raised.code).toBe(1)
  expect(raised.stderr).toContain(`has version ${OLDER_VERSION}`)
  expect(await ask('hold', { client_id: 'held', amount: 70, transaction_id: 'h-0' })).toMatchObject(
    UNAVAILABLE,
  )

  const hold = { schema: 2, type: 'hold', amount: 70, transaction_id: 'h-1', expires_at: IN_2100 }
  await publish('held', hold)
  await publish('held', { type: 'credit', amount: 5 })
  await publish('plain', { type: 'credit', amount: 5 })
  await untilBalance('plain', 105)
  // the answer takes seconds, and the older program has more to say meanwhile
  const refused = ask('debit', { client_id: 'held', amount: 60 })
  expect(await ask('debit', { client_id: 'plain', amount: 5 })).toMatchObject({ body: { balance: 100 } })
  for (const more of [{}, { consistency: 'strong' }])
    expect(await ask('balance', { client_id: 'held', ...more })).toEqual({
      body: { balance: 100 },
      seq: String(known),
    })
  expect(await ask('balance', { client_id: 'held', min_version: 2 })).toMatchObject({
    body: { error: { code: 'NOT_REACHED' } },
  })
  expect(await ask('statement', { client_id: 'held' })).toMatchObject({ body: { entries: [{ seq: known }] } })
  expect(await refused).toMatchObject(UNAVAILABLE)
})

it('once it is replaced, nobody is parked: this program has read everything into a table of its own', async () => {
  await first.end('SIGTERM')
  await start('projections,queries')
  await untilBalance('held', 105)
  expect((await bench.run(['parked', 'list'], env)).stdout).toContain('no parked customers')
  // what the older program has made stays until a person drops it
  expect(await consumers()).toEqual(
    expect.arrayContaining(['balances', 'journal', 'ledger', 'ranking', 'totals']),
  )
  expect(await ask('debit', { client_id: 'held', amount: 60, transaction_id: 'd-1' })).toMatchObject({
    body: { error: { code: 'INSUFFICIENT_FUNDS', available: 35 } },
  })
  expect(await ask('debit', { client_id: 'held', amount: 35 })).toMatchObject({
    body: { balance: 70, available: 0, held: 70 },
  })
  expect((await bench.run(['verify'], env)).code).toBe(0)
})

it('started by mistake later, it decides nothing about an account with rules, though the newest event is a plain one', async () => {
  await publish('frozen', { schema: 2, type: 'state', state: 'no_debit', reason: 'chargeback' })
  await publish('owing', { schema: 2, type: 'limit', limit: 500 })
  for (const client_id of ['frozen', 'owing'])
    expect(await ask('credit', { client_id, amount: 100 })).toMatchObject({
      body: { balance: 100, version: 2 },
    })
  expect(await ask('debit', { client_id: 'owing', amount: 300 })).toMatchObject({ body: { balance: -200 } })
  await untilBalance('owing', -200)
  await beside.end('SIGTERM')

  // nobody fills the tables that it knows, so without this it would slow down until somebody does
  await startOlder('commands', { JETLEDGER_LAG_MAX_S: '0' })
  const debits = ['frozen', 'owing'].map(client_id => ask('debit', { client_id, amount: 50 }))
  expect(await ask('credit', { client_id: 'plain', amount: 1 })).toMatchObject({ body: { balance: 101 } })
  for (const debit of debits) expect(await debit).toMatchObject(UNAVAILABLE)
  const { code, stdout } = await bench.run(['verify'], env)
  expect(code, stdout).toBe(0)
})
