/** Several processes of `jetledger serve` on one NATS and one DynamoDB, as in production; they die in every order. */

import { jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { expectLetters, expectStored } from '../support/checks.js'
import { startDoor } from '../support/door.js'
import { type DynamodbProcess, startDynamodbProcess } from '../support/dynamodb-process.js'
import { startGate } from '../support/gate.js'
import { readEvents } from '../support/independent-fold.js'
import { startLoad, untilAcknowledged } from '../support/load.js'
import { openWorkbench, type Program, untilReady, type Workbench } from '../support/program.js'
import { balanceOf, healthOf, untilBalance, untilEqualsFold } from '../support/questions.js'
import { startTestNats, type TestNats, until } from '../support/servers.js'

const CAUGHT_UP_MS_MAX = 20_000
/** A pinned consumer that is silent for 2 s loses its place; the rest is for a busy machine. */
const TAKEOVER_MS_MAX = 8_000
const EVENTS_PER_S = 200
const ROUNDS = 5

let bench: Workbench
let nats: TestNats
let dynamodb: DynamodbProcess
let nc: NatsConnection
let env: Readonly<Record<string, string>>
beforeEach(async () => {
  bench = openWorkbench()
  // this server has its own folder and stop, so that it outlives the processes that use it
  nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  dynamodb = await startDynamodbProcess(bench.folder)
  bench.atEnd(() => dynamodb.kill())
  nc = await bench.connect(nats.url)
  env = {
    NATS_URL: nats.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'dummy',
    AWS_SECRET_ACCESS_KEY: 'dummy',
    JETLEDGER_REPLICAS: '1',
    HTTP_PORT: '0',
  }
})
afterEach(() => bench.end())

type Serving = Program & { readonly health_url: string }

/** Starts `serve` and resolves as soon as it prints the address of its health endpoint, before it is ready. */
const launch = async (more: Readonly<Record<string, string>> = {}): Promise<Serving> => {
  const program = bench.start(['serve'], { ...env, ...more })
  const port = await until(() => /http:\/\/[\d.]+:(\d+)\/healthz/.exec(program.stderr())?.[1], {
    deadline_ms: CAUGHT_UP_MS_MAX,
    what: 'serve to listen',
  })
  return { ...program, health_url: `http://127.0.0.1:${port}/healthz` }
}

const serve = async (more: Readonly<Record<string, string>> = {}): Promise<Serving> => {
  const serving = await launch(more)
  await untilReady(serving, 'serve to be ready', async () => {
    const { parts } = await healthOf(serving.health_url)
    // an instance whose roles have not started yet cannot take over from another one
    return parts.start?.state === 'ok' && parts['projection ledger']?.state === 'ok'
  })
  return serving
}

const instances = async (): Promise<number> => {
  let count = 0
  for await (const _ of await nc.requestMany('$SRV.PING.customer', '', { maxWait: 200 })) count += 1
  return count
}

it('seeding three times at once, beside two instances that start, seeds once', async () => {
  const gate = await startGate(nats.url, 3)
  bench.atEnd(gate.stop)
  const seeding = [1, 2, 3].map(() => bench.run(['seed', '--json'], { ...env, NATS_URL: gate.url }))
  const [seeds] = await Promise.all([Promise.all(seeding), serve(), serve()])
  expect(seeds.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(3).fill({ code: 0, stderr: '' }))
  const written = seeds.map(({ stdout }) => (JSON.parse(stdout) as { events: number }).events)
  expect(written.toSorted((a, b) => a - b)).toEqual([0, 0, 1_000])
  expect(await readEvents(nc)).toHaveLength(1_000)
  expect((await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)).balances.size).toBe(1_000)
  await until(async () => (await instances()) === 2, { deadline_ms: TAKEOVER_MS_MAX, what: 'two instances' })
})

it('instances are killed with -9 one after the other: the other takes over, and no event counts twice or never', async () => {
  const running = [await serve(), await serve()]
  await bench.run(['seed'], env)
  const load = startLoad(nc, { name: 'instances', events_per_s: EVENTS_PER_S, tries_max: 20 })
  for (let round = 1; round <= ROUNDS; round += 1) {
    await untilAcknowledged(load, round * 2 * EVENTS_PER_S)
    // the instances alternate: after each round the survivor is the active one, and it is killed next
    await running.shift()?.end('SIGKILL')
    await jetstream(nc).publish('customer.balance.probe', '{"type":"credit","amount":1}')
    await untilBalance(nc, 'probe', BigInt(round), TAKEOVER_MS_MAX)
    running.push(await serve())
  }
  const acknowledged = await load.stop()
  expect(acknowledged.length).toBeGreaterThanOrEqual(ROUNDS * 2 * EVENTS_PER_S)
  await expectStored(nc, acknowledged)
  await expectLetters(nc, await untilEqualsFold(nc, CAUGHT_UP_MS_MAX))
  for (const { health_url } of running) expect(await healthOf(health_url)).toMatchObject({ state: 'ok' })
})

it('an instance dies with events in its hands: the next one finishes them, without waiting for another event', async () => {
  const first = await serve()
  const burst = Array.from({ length: 3_000 }, (_, i) =>
    jetstream(nc).publish(`customer.balance.burst-${i}`, '{"type":"credit","amount":1}'),
  )
  await burst[0]
  await until(async () => (await balanceOf(nc, 'burst-0')) === 1n, {
    deadline_ms: TAKEOVER_MS_MAX,
    what: 'the first',
  })
  await first.end('SIGKILL')
  await Promise.all(burst)

  await serve()
  await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
})

it('DynamoDB is away for a while: queries go on, the projector goes on where it was, nothing is lost', async () => {
  const { health_url } = await serve()
  await bench.run(['seed'], env)
  const { balances } = await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
  const load = startLoad(nc, { name: 'outage', events_per_s: EVENTS_PER_S, tries_max: 20 })
  for (let outage = 1; outage <= 2; outage += 1) {
    await untilAcknowledged(load, load.acknowledged() + EVENTS_PER_S)
    await dynamodb.kill()
    // no client writes to this customer, so the balance is unchanged
    expect(await balanceOf(nc, '678')).toBe(balances.get('678'))
    expect(await balanceOf(nc, `nobody-${outage}`)).toBe(0n)
    await until(async () => (await healthOf(health_url)).status === 503, {
      deadline_ms: TAKEOVER_MS_MAX,
      what: 'health to say that the projector cannot work',
    })
    await untilAcknowledged(load, load.acknowledged() + EVENTS_PER_S)
    await dynamodb.start()
    await until(async () => (await healthOf(health_url)).state === 'ok', {
      deadline_ms: CAUGHT_UP_MS_MAX,
      what: 'health to be ok again',
    })
  }
  await expectStored(nc, await load.stop())
  await expectLetters(nc, await untilEqualsFold(nc, CAUGHT_UP_MS_MAX))
})

it('a table that is still being filled answers nobody: the first answer is the right one', async () => {
  expect((await bench.run(['seed'], env)).code).toBe(0)
  await launch()
  const first = await until(() => balanceOf(nc, '678').catch(() => undefined), {
    deadline_ms: CAUGHT_UP_MS_MAX,
    what: 'the first answer',
  })
  expect(first).toBe((await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)).balances.get('678'))
})

it('NATS is away, at the start and later: health says so, the instance comes back by itself, nothing is lost', async () => {
  const door = await startDoor(nats.url)
  bench.atEnd(door.stop)
  const serving = await launch({ NATS_URL: door.url })
  const natsIs = (status: number, state: string) =>
    until(
      async () => {
        const health = await healthOf(serving.health_url)
        return health.status === status && health.parts.nats?.state === state
      },
      { deadline_ms: CAUGHT_UP_MS_MAX, what: `NATS to be ${state}` },
    )
  await natsIs(503, 'down')
  door.open()
  await natsIs(200, 'ok')
  for (const round of [1, 2]) {
    door.shut()
    await natsIs(503, 'down')
    const away = startLoad(nc, { name: `away-${round}`, events_per_s: EVENTS_PER_S, tries_max: 1 })
    await untilAcknowledged(away, EVENTS_PER_S)
    await away.stop()
    door.open()
    await natsIs(200, 'ok')
    await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
  }
})
