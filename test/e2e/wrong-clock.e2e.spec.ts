/** A repeated command has one effect, even on an instance whose clock is an hour wrong and with a projection that lags behind. */

import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { type NatsConnection, nanos } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { projectionLag } from '../../src/stream/lag.js'
import { publish } from '../../src/stream/publish.js'
import { LEDGER_STREAM } from '../../src/stream/settings.js'
import { startDynamodbProcess } from '../support/dynamodb-process.js'
import { right } from '../support/ledger.js'
import { openWorkbench, type Program, untilReady, type Workbench } from '../support/program.js'
import { startTestNats, until } from '../support/servers.js'

const DEADLINE_MS = 30_000
const REQUEST_MS = 20_000
/** The time for which the stream refuses a repeated id. */
const WINDOW_MS = 500
/** After this time without a command, an instance no longer uses its earlier knowledge of the table. */
const SILENCE_MS = 5_500
const STATED_WINDOW_MS = 120_000
const SHIFT = new URL('../../dist/chaos/shift-clock.js', import.meta.url)

let bench: Workbench
let nc: NatsConnection
let jsm: JetStreamManager
let env: Record<string, string>
let projection: Program

const serve = (roles: string, more: Record<string, string> = {}): Program =>
  bench.start(['serve', '--roles', roles], { ...env, ...more })

beforeAll(async () => {
  bench = openWorkbench()
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const dynamodb = await startDynamodbProcess(bench.folder)
  bench.atEnd(() => dynamodb.kill())
  env = {
    NATS_URL: nats.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'dummy',
    AWS_SECRET_ACCESS_KEY: 'dummy',
    JETLEDGER_REPLICAS: '1',
    HTTP_PORT: '0',
  }
  projection = serve('projections')
  nc = await bench.connect(nats.url)
  jsm = await jetstreamManager(nc)
  await until(async () => (await right(projectionLag(nc, 'ledger'))).lag_events === 0, {
    deadline_ms: DEADLINE_MS,
    what: 'the projection',
  })
})
afterAll(() => bench.end())

/** Starts an instance that takes commands, with a clock that is `by_ms` ahead. */
const commandsAt = async (by_ms: number): Promise<Program> => {
  const instance = serve('commands', {
    NODE_OPTIONS: `--import ${JSON.stringify(`${SHIFT}?ms=${by_ms}`)}`,
  })
  await untilReady(instance, 'the commands', () => instance.stderr().includes('commands: answering'))
  return instance
}

const credit = async (client_id: string, transaction_id: string): Promise<unknown> => {
  const request = JSON.stringify({ client_id, amount: 7, transaction_id })
  return (await nc.request('customer.credit', request, { timeout: REQUEST_MS })).json()
}

const storedFor = async (client_id: string): Promise<number> => {
  const { state } = await jsm.streams.info(LEDGER_STREAM, {
    subjects_filter: `customer.balance.${client_id}`,
  })
  return state.subjects?.[`customer.balance.${client_id}`] ?? 0
}

const setWindow = (ms: number): Promise<unknown> =>
  jsm.streams.update(LEDGER_STREAM, { duplicate_window: nanos(ms) })

it.each([-3_600_000, 3_600_000])('with a clock that is %i ms ahead', async by_ms => {
  const [fresh, again] = [`fresh${by_ms}`, `again${by_ms}`]
  const instance = await commandsAt(by_ms)
  await projection.end('SIGTERM')
  // the stream forgets this id before the table has it
  await setWindow(WINDOW_MS)
  const body = JSON.stringify({ type: 'credit', amount: 7, transaction_id: again })
  await right(publish(nc, { subject: `customer.balance.${again}`, body, msg_id: again }, REQUEST_MS))
  await until(async () => (await right(projectionLag(nc, 'ledger'))).lag_ms > SILENCE_MS, {
    deadline_ms: DEADLINE_MS,
    what: 'the credit to be older than the window, and the instance silent',
  })
  expect(await credit(again, again)).toMatchObject({ balance: 7, replayed: true })
  expect(await storedFor(again)).toBe(1)
  // the ids that the table lacks are within the window again, so the stream itself refuses them
  await setWindow(STATED_WINDOW_MS)
  expect(await credit(fresh, fresh)).toMatchObject({ balance: 7, transaction_id: fresh })
  expect(await credit(fresh, fresh)).toMatchObject({ balance: 7, replayed: true })
  await instance.end('SIGTERM')
  projection = serve('projections')
})
