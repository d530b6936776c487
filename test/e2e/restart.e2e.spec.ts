/** A ledger that is stopped, or that dies, is the same ledger when it starts again. */

import type { NatsConnection } from 'nats'
import { connect } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { expectLetters, expectStored } from '../support/checks.js'
import { readEvents } from '../support/independent-fold.js'
import { startLoad, untilAcknowledged } from '../support/load.js'
import { isRunning, killNow, openWorkbench, type Workbench } from '../support/program.js'
import { balanceOf, healthOf, untilBalance, untilEqualsFold } from '../support/questions.js'
import { until } from '../support/servers.js'

const CAUGHT_UP_MS_MAX = 20_000
const REAPED_MS_MAX = 8_000
const EVENTS_PER_S = 200

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

/** Connects without reconnecting, so that a message that is not acknowledged when the server dies is not sent again. */
const connectOnce = async (url: string): Promise<NatsConnection> => {
  const nc = await connect({ servers: url, reconnect: false })
  bench.atEnd(() => nc.close())
  return nc
}

it('stopped with Ctrl-C, nothing is left running; started again, it is not seeded again', async () => {
  const first = await bench.dev()
  const nc = await bench.connect(first.nats_url)
  await nc.request('customer.balance.678', '{"type":"credit","amount":11}')
  const { balances } = await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
  const stored = await readEvents(nc)
  const servers = first.servers()
  expect(servers.map(({ name }) => name).toSorted()).toEqual(['dynamodb', 'nats'])
  expect(await first.end('SIGINT')).toEqual({ code: 0, signal: null })
  expect(servers.filter(isRunning)).toEqual([])
  expect(first.servers()).toEqual([])

  const second = await bench.dev()
  const after = await bench.connect(second.nats_url)
  expect(await readEvents(after)).toEqual(stored)
  expect((await untilEqualsFold(after, CAUGHT_UP_MS_MAX)).balances).toEqual(balances)
  const seeded = await bench.run(['seed', '--json'])
  expect(JSON.parse(seeded.stdout)).toEqual({ events: 0 })
  expect(await second.end('SIGTERM')).toEqual({ code: 0, signal: null })
})

it('everything is killed with -9 while events are published: none is lost, and the balances equal the fold', async () => {
  const first = await bench.dev()
  const load = startLoad(await connectOnce(first.nats_url), {
    name: 'a',
    events_per_s: EVENTS_PER_S,
    tries_max: 1,
  })
  await untilAcknowledged(load, 3 * EVENTS_PER_S)
  for (const { pid } of first.servers()) killNow(pid)
  killNow(first.pid)
  const acknowledged = await load.stop()
  expect(await first.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' })
  expect(acknowledged.length).toBeGreaterThanOrEqual(3 * EVENTS_PER_S)

  const second = await bench.dev()
  const nc = await bench.connect(second.nats_url)
  await expectStored(nc, acknowledged)
  const opinion = await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
  expect(new Set(opinion.refused.values())).toEqual(new Set(['MALFORMED', 'INSUFFICIENT_FUNDS']))
  await expectLetters(nc, opinion)
})

it('the program alone is killed with -9: its servers end too, and the next start is right', async () => {
  const first = await bench.dev()
  const load = startLoad(await connectOnce(first.nats_url), {
    name: 'b',
    events_per_s: EVENTS_PER_S,
    tries_max: 1,
  })
  await untilAcknowledged(load, EVENTS_PER_S)
  const servers = first.servers()
  await first.end('SIGKILL')
  await until(() => !servers.some(isRunning), { deadline_ms: REAPED_MS_MAX, what: 'the end of the servers' })
  const acknowledged = await load.stop()

  const second = await bench.dev()
  const nc = await bench.connect(second.nats_url)
  await expectStored(nc, acknowledged)
  await expectLetters(nc, await untilEqualsFold(nc, CAUGHT_UP_MS_MAX))
})

it('the servers alone are killed with -9, again and again: they come back, and nothing is lost', async () => {
  const dev = await bench.dev()
  const nc = await bench.connect(dev.nats_url)
  const load = startLoad(nc, { name: 'c', events_per_s: EVENTS_PER_S, tries_max: 100 })
  for (const [i, name] of ['nats', 'dynamodb', 'nats', 'dynamodb'].entries()) {
    await untilAcknowledged(load, (i + 1) * EVENTS_PER_S)
    const server = dev.servers().find(candidate => candidate.name === name)
    killNow(server?.pid ?? 0)
    await until(() => dev.servers().some(now => now.name === name && now.pid !== server?.pid), {
      deadline_ms: REAPED_MS_MAX,
      what: `${name} to come back`,
    })
  }
  await untilAcknowledged(load, 5 * EVENTS_PER_S)
  await expectStored(nc, await load.stop())
  await expectLetters(nc, await untilEqualsFold(nc, CAUGHT_UP_MS_MAX))
  await until(async () => (await healthOf(dev.health_url)).state === 'ok', {
    deadline_ms: CAUGHT_UP_MS_MAX,
    what: 'health to be ok again',
  })
})

it('a second dev on the same folder is refused in one sentence, and the first goes on', async () => {
  const first = await bench.dev()
  const second = await bench.run(['dev', '--nats-port', '0', '--dynamodb-port', '0', '--http-port', '0'])
  expect({ code: second.code, stdout: second.stdout }).toEqual({ code: 1, stdout: '' })
  const said = second.stderr.split('\n').filter(line => line !== '' && !line.startsWith('{'))
  expect(said).toEqual([
    expect.stringMatching(new RegExp(`^jetledger: The data folder .* process ${first.pid}`)),
  ])
  expect(first.servers().every(isRunning)).toBe(true)

  const nc = await bench.connect(first.nats_url)
  const before = await balanceOf(nc, '1')
  const published = await bench.run(['publish', '1', 'credit', '1'])
  expect(published.code).toBe(0)
  await untilBalance(nc, '1', before + 1n, CAUGHT_UP_MS_MAX)
})
