/**
 * Many processes hold, capture, release, transfer, reverse and restrict on a few accounts, through three instances over a three-node
 * cluster whose leader steps down repeatedly, while instances are killed with -9. Start it with `npm run soak -- accounts`;
 * SOAK_COMMANDS is the total number of commands.
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  type AccountExchange,
  brokenPromises,
  eventOf,
  heldIn,
  lastBalances,
} from '../support/account-facts.js'
import { type AccountCommand, bodyOfCommand, FUNDING, nthOfStories } from '../support/account-load.js'
import { runClientProcess } from '../support/client-process.js'
import { environment, serve } from '../support/command-load.js'
import { openWorkbench, type Program, type Workbench } from '../support/program.js'
import { readStream } from '../support/read-stream.js'
import { startTestCluster, until } from '../support/servers.js'

const PROCESSES = 8
const COMMANDS = Number(process.env.SOAK_COMMANDS ?? 20_000)
const INSTANCES = 3
const STEP_DOWN_EVERY_MS = 5_000
const KILL_EVERY_MS = 15_000
const REQUEST_MS_MAX = 20_000
/** The projections may be behind when the last command is answered. */
const VERIFY_MS_MAX = 300_000

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

const send = async (url: string, commands: readonly AccountCommand[]): Promise<AccountExchange[]> => {
  const requests = commands.map(command => ({
    subject: `customer.${command.type}`,
    body: bodyOfCommand(command),
  }))
  const answers = await runClientProcess(bench, url, requests)
  return commands.map((command, i) => ({ command, answer: JSON.parse(answers[i] ?? '{}') }))
}

const stepDown = (nc: NatsConnection): Promise<boolean> =>
  nc.request('$JS.API.STREAM.LEADER.STEPDOWN.customer-balances', undefined, { timeout: 5_000 }).then(
    () => true,
    // during an election there is no leader to step down
    () => false,
  )

/** Does something again and again until `isOver`; returns how often it succeeded. */
const repeat = async (
  every_ms: number,
  isOver: () => boolean,
  work: () => Promise<boolean>,
): Promise<number> => {
  let times = 0
  while (!isOver()) {
    await pause(every_ms)
    if (!isOver() && (await work())) times += 1
  }
  return times
}

const countCodes = (exchanges: readonly AccountExchange[]): Record<string, number> => {
  const codes: Record<string, number> = {}
  for (const { answer } of exchanges) {
    const code = answer.error?.code ?? 'done'
    codes[code] = (codes[code] ?? 0) + 1
  }
  return codes
}

/** What each account has when it is asked: a limit that it has already is set again, since its answer tells what is held. */
const expectHeld = async (nc: NatsConnection): Promise<void> => {
  const events = (await readStream(nc, 'customer-balances')).map(eventOf)
  const limits = new Map(
    events.flatMap(({ client_id, limit }) => (limit === undefined ? [] : [[client_id, limit]])),
  )
  const held = heldIn(events, Date.now())
  for (const [client_id, balance] of lastBalances(events)) {
    const body = JSON.stringify({ client_id, limit: limits.get(client_id) ?? 0 })
    const said = (await nc.request('customer.limit', body, { timeout: REQUEST_MS_MAX })).json()
    const [own, limit] = [held.get(client_id) ?? 0, limits.get(client_id) ?? 0]
    const more = own === 0 && limit === 0 ? {} : { held: own, available: balance - own + limit }
    expect(said).toMatchObject({ balance, ...more })
  }
}

const KNOWN_CODES = [
  ...['ACCOUNT_RESTRICTED', 'HOLD_EXCEEDED', 'HOLD_NOT_OPEN', 'INSUFFICIENT_FUNDS', 'done'],
  ...['ALREADY_REVERSED', 'REVERSAL_EXCEEDED', 'NOT_REVERSIBLE', 'NOT_FOUND'],
]

it(`${COMMANDS} commands by ${PROCESSES} processes while instances die and the leader steps down: no hold pays twice, and no money is made`, async () => {
  const cluster = await startTestCluster()
  bench.atEnd(() => cluster.stop())
  const { env } = await environment(bench, cluster.url, 3)
  await serve(bench, env, 'projections')
  const instances = await Promise.all(Array.from({ length: INSTANCES }, () => serve(bench, env, 'commands')))
  const nc = await bench.connect(cluster.url)
  const exchanges = await send(cluster.url, FUNDING)

  const shares: AccountCommand[][] = Array.from({ length: PROCESSES }, () => [])
  for (let n = 0; n < COMMANDS; n += 1) shares[n % PROCESSES]?.push(nthOfStories(n))
  const began_ms = performance.now()
  let is_over = false
  const stepping = repeat(
    STEP_DOWN_EVERY_MS,
    () => is_over,
    () => stepDown(nc),
  )
  const killing = repeat(
    KILL_EVERY_MS,
    () => is_over,
    async () => {
      // the first one has been there the longest, so it is the one that decides
      const first = instances.shift() as Program
      await first.end('SIGKILL')
      instances.push(await serve(bench, env, 'commands'))
      return true
    },
  )
  exchanges.push(...(await Promise.all(shares.map(share => send(cluster.url, share)))).flat())
  is_over = true
  const [step_downs, kills] = await Promise.all([stepping, killing])

  const events = (await readStream(nc, 'customer-balances')).map(eventOf)
  expect(brokenPromises(exchanges, events)).toEqual([])
  const codes = countCodes(exchanges)
  expect(Object.keys(codes).filter(one => !KNOWN_CODES.includes(one))).toEqual([])
  // what a command stored always counts
  expect(await readStream(nc, 'customer-dead-letters')).toEqual([])
  await expectHeld(nc)
  const verify = bench.start(['verify'], env)
  await until(() => !verify.running(), { deadline_ms: VERIFY_MS_MAX, what: 'verify to end' })
  expect((await verify.end('SIGKILL')).code, verify.stdout()).toBe(0)
  expect(Math.min(step_downs, kills)).toBeGreaterThan(0)
  const seconds = Math.round((performance.now() - began_ms) / 1_000)
  process.stdout.write(
    `\n${JSON.stringify({ ...codes, events: events.length, step_downs, kills, seconds })}\n`,
  )
})
