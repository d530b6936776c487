/** More commands than the projection takes: a share is refused as BUSY, whatever is accepted is stored, and it ends with the load. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Dynamodb, startDynamodb } from '../../src/chaos/dynamodb.js'
import { startReaper } from '../../src/embedded/reaper.js'
import { requestUnrefused } from '../../src/service/refusals.js'
import { readEvents } from '../support/independent-fold.js'
import { openWorkbench, type Program, untilReady, type Workbench } from '../support/program.js'
import { errorOf, request, untilEqualsFold } from '../support/questions.js'
import { startTestNats, type TestNats, until } from '../support/servers.js'

const BOUND_S = 5
const MS_MAX = 60_000
/** Every write to the table takes this long, and so the projection takes a few hundred events in a second at most. */
const SLOW_MS = 1_000
const BATCH = 100
const CUSTOMERS = 100
const LOADS = 2
/** The pause between two batches: more comes than the slow table takes, but not more than it takes later within the test. */
const PAUSE_MS = 150

let bench: Workbench
let nats: TestNats
let dynamodb: Dynamodb
let program: Program
let nc: NatsConnection
let url: string

beforeAll(async () => {
  bench = openWorkbench()
  nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const reaper = startReaper(() => undefined)
  bench.atEnd(() => reaper.done())
  dynamodb = await startDynamodb(bench.folder, bench.folder, reaper)
  bench.atEnd(() => dynamodb.stop())
  program = bench.start(['serve'], {
    NATS_URL: nats.url,
    AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${dynamodb.port}`,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'dummy',
    AWS_SECRET_ACCESS_KEY: 'dummy',
    JETLEDGER_REPLICAS: '1',
    JETLEDGER_LAG_MAX_S: String(BOUND_S),
    HTTP_PORT: '0',
  })
  await untilReady(program, 'commands', () => program.stderr().includes('commands: answering'))
  const [, port = ''] = /http:\/\/127\.0\.0\.1:(\d+)\/healthz/.exec(program.stderr()) ?? []
  url = `http://127.0.0.1:${port}`
  nc = await bench.connect(nats.url)
  await until(async () => (await fetch(`${url}/readyz`)).status === 200, {
    deadline_ms: MS_MAX,
    what: 'readiness',
  })
}, 2 * MS_MAX)
afterAll(() => bench.end())

type Count = { accepted: number; readonly refusals: Map<string, number> }

const note = ({ refusals }: Count, code: string): void => {
  refusals.set(code, (refusals.get(code) ?? 0) + 1)
}

const commands = Array.from({ length: BATCH }, (_, i) => ({
  type: 'credit',
  client_id: `load-${i % CUSTOMERS}`,
  amount: 1,
}))
const body = JSON.stringify({ mode: 'each', commands })

type Results = { readonly results: readonly { readonly error?: { readonly code: string } }[] }

/** Sends batches of credits, one after the other, until `signal` aborts; a batch is refused as a whole. */
const sendBatches = async (count: Count, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    const reply = await requestUnrefused(nc, 'customer.batch', body, { timeout: MS_MAX })
    if (errorOf(reply) !== '') {
      note(count, errorOf(reply))
      continue
    }
    for (const { error } of reply.json<Results>().results) {
      if (error === undefined) count.accepted += 1
      else note(count, error.code)
    }
    await sleep(PAUSE_MS)
  }
}

/** A credit over HTTP, for which the gateway has little time to try again. */
const credit = (timeout_ms = 300): Promise<Response> =>
  fetch(`${url}/v1/customers/678/credits?timeout=${timeout_ms}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ amount: 1 }),
  })

type Stats = { readonly endpoints: readonly { name: string; data: { slowed_to_per_s: number } }[] }

/** The commands per second to which the instance is slowed, as it says itself; 0: not at all. */
const slowedTo = async (): Promise<number | undefined> => {
  const { endpoints } = (await request(nc, '', '$SRV.STATS.customer')).json<Stats>()
  return endpoints.find(({ name }) => name === 'credit')?.data.slowed_to_per_s
}

const healthOf = async (): Promise<{ readonly state: string; readonly detail: string }> => {
  const { parts } = (await (await fetch(`${url}/healthz`)).json()) as {
    parts: Record<string, { state: string; detail: string }>
  }
  return parts.admission ?? { state: 'missing', detail: '' }
}

/** Sees, while the load goes on, everything that tells of it. */
const seeSlowed = async (): Promise<void> => {
  const refused = await until(
    async () => {
      const answer = await credit()
      return answer.status === 429 ? answer : undefined
    },
    { deadline_ms: MS_MAX, what: 'a credit over HTTP that is refused' },
  )
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toMatchObject({ code: 'BUSY', status: 429 })
  const event = await until(
    async () => {
      const reply = await request(nc, '{"type":"credit","amount":1}', 'customer.event.678')
      return errorOf(reply) === '' ? undefined : reply
    },
    { deadline_ms: MS_MAX, what: 'an event that is refused' },
  )
  expect(event.json()).toMatchObject({ error: { code: 429 } })
  const { detail } = await until(
    async () => {
      const health = await healthOf()
      return health.state === 'degraded' ? health : undefined
    },
    { deadline_ms: MS_MAX, what: 'health that says so' },
  )
  expect(detail).toMatch(/^projections are \d+ s behind \(.+\), commands are slowed; the bound is 5 s$/)
  await until(
    async () =>
      /projections are behind: slowed to \d+ commands\/s/.test(
        (await bench.run(['status'], { NATS_URL: nats.url })).stdout,
      ),
    { deadline_ms: MS_MAX, what: 'a status that says so' },
  )
}

it('slows commands to what the projection takes, stores all that it accepts, and rests after the load', async () => {
  dynamodb.setMood({ tag: 'slow', by_ms: SLOW_MS, only_writes: true })
  const ending = new AbortController()
  const counts: Count = { accepted: 0, refusals: new Map() }
  const loads = Promise.all(Array.from({ length: LOADS }, () => sendBatches(counts, ending.signal)))
  await seeSlowed().finally(() => ending.abort())
  await loads
  for (const code of counts.refusals.keys()) expect(code).toBe('429:BUSY')
  // all that was accepted is stored, once, and nothing that was refused
  const stored = (await readEvents(nc)).filter(({ subject }) => subject.startsWith('customer.balance.load-'))
  expect(stored.length).toBe(counts.accepted)

  dynamodb.setMood({ tag: 'well' })
  await until(async () => (await slowedTo()) === 0, { deadline_ms: MS_MAX, what: 'the end of the limit' })
  for (let i = 0; i < 20; i += 1) expect((await credit(10_000)).status).toBe(201)
  await until(async () => (await healthOf()).state === 'ok', { deadline_ms: MS_MAX, what: 'health' })
  await untilEqualsFold(nc, MS_MAX)
}, 240_000)
