/** One of two instances is frozen (SIGSTOP) while the other one pays, and then goes on with requests that waited for it. */

import { setTimeout as pause } from 'node:timers/promises'
import type { Msg, NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startDynamodbProcess } from '../support/dynamodb-process.js'
import { openWorkbench, type Program, untilReady, type Workbench } from '../support/program.js'
import { healthOf } from '../support/questions.js'
import { startTestNats, until } from '../support/servers.js'

const CUSTOMERS = Array.from({ length: 20 }, (_, i) => `c${i}`)
/** Longer than the largest age of an answer that does not state its age. */
const FROZEN_MS = 6_000
const FRESH_MS_MAX = 2_000
const AGE_MS_MAX = 10_000
const READS = 2_000
const REQUEST_MS_MAX = 20_000
const PAY_EVERY_MS = 5

let bench: Workbench
let nc: NatsConnection
let readers: Program
beforeAll(async () => {
  bench = openWorkbench()
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const dynamodb = await startDynamodbProcess(bench.folder)
  bench.atEnd(() => dynamodb.kill())
  nc = await bench.connect(nats.url)
  const env = {
    NATS_URL: nats.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'dummy',
    AWS_SECRET_ACCESS_KEY: 'dummy',
    JETLEDGER_REPLICAS: '1',
    HTTP_PORT: '0',
  }
  await serve(env)
  readers = await serve({ ...env, JETLEDGER_ROLES: 'queries' })
})
afterAll(async () => {
  if (readers?.running()) process.kill(readers.pid, 'SIGCONT')
  await bench?.end()
})

const serve = async (env: Readonly<Record<string, string>>): Promise<Program> => {
  const program = bench.start(['serve'], env)
  await untilReady(program, 'serve to be ready', async () => {
    const url = /http:\/\/[\d.]+:\d+\/healthz/.exec(program.stderr())?.[0]
    return url !== undefined && (await healthOf(url)).parts.start?.state === 'ok'
  })
  return program
}

/** The acknowledged payments, with their times. */
const paid: { readonly id: string; readonly version: number; readonly at_ms: number }[] = []

const pay = async (id: string): Promise<void> => {
  const body = JSON.stringify({ client_id: id, amount: 1 })
  const reply = await nc.request('customer.credit', body, { timeout: REQUEST_MS_MAX })
  paid.push({ id, version: reply.json<{ version: number }>().version, at_ms: performance.now() })
}

const newestBefore = (id: string, at_ms: number): number =>
  Math.max(0, ...paid.filter(each => each.id === id && each.at_ms < at_ms).map(({ version }) => version))

const ask = (id: string, consistency?: 'strong'): Promise<Msg> =>
  nc.request('customer.balance', JSON.stringify({ client_id: id, consistency }), { timeout: REQUEST_MS_MAX })

type ReadBalance = {
  readonly asked_ms: number
  readonly id: string
  readonly version: number
  readonly age_ms: number
}

const answerTo = async (id: string, consistency?: 'strong'): Promise<ReadBalance> => {
  const asked_ms = performance.now()
  const { headers } = await ask(id, consistency)
  expect(headers?.get('Nats-Service-Error') ?? '').toBe('')
  const age = headers?.get('Ledger-Age-Ms') ?? ''
  return {
    asked_ms,
    id,
    version: Number(headers?.get('Ledger-Version')),
    age_ms: Number(age || FRESH_MS_MAX),
  }
}

it('answers nothing from before its pause without saying so, and nothing older to who wants the newest', async () => {
  for (const id of CUSTOMERS) await pay(id)
  // after this, both instances have the customers in memory
  await Promise.all(Array.from({ length: 20 }, () => CUSTOMERS.map(id => ask(id))).flat())
  const answered = await until(async () => (await ask('c0')).headers?.get('Ledger-Source') === 'memory', {
    deadline_ms: REQUEST_MS_MAX,
    what: 'answers from memory',
  })
  expect(answered).toBe(true)

  process.kill(readers.pid, 'SIGSTOP')
  const until_ms = performance.now() + FROZEN_MS
  for (let i = 0; performance.now() < until_ms; i += 1) {
    await pay(CUSTOMERS[i % CUSTOMERS.length] ?? '')
    await pause(PAY_EVERY_MS)
  }
  // half of these requests wait for the frozen instance
  const asking = Array.from({ length: READS }, (_, i) => answerTo(CUSTOMERS[i % CUSTOMERS.length] ?? ''))
  const strong = CUSTOMERS.flatMap(id => Array.from({ length: 20 }, () => answerTo(id, 'strong')))
  await nc.flush()
  process.kill(readers.pid, 'SIGCONT')

  const plain = await Promise.all(asking)
  const tooOld = plain.filter(
    ({ asked_ms, id, version, age_ms }) =>
      age_ms > AGE_MS_MAX || version < newestBefore(id, asked_ms - age_ms),
  )
  expect(tooOld).toEqual([])
  const older = (await Promise.all(strong)).filter(
    ({ asked_ms, id, version }) => version < newestBefore(id, asked_ms),
  )
  expect(older).toEqual([])
})
