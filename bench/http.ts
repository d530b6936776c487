/**
 * The benchmark of the gateway: balances and credits over HTTP beside bare fastify routes, in alternating rounds on the same
 * machine.
 *
 * The program runs without projections, so that its processor time is that of HTTP, NATS, queries and commands; `ledger`
 * measures the whole.
 */

import type { NatsConnection } from 'nats'
import { freePort, LOOPBACK } from '../src/embedded/ports.js'
import type { Benchmark } from './benchmark.js'
import { fund } from './fund.js'
import { type Line, measureLines, type RunOnce } from './measure/rounds.js'
import { startLoadClient, startReady } from './processes/load-client.js'
import { createSeeds, runJobs, windowOf } from './processes/run-jobs.js'
import { WITHOUT_PROJECTOR } from './processes/service.js'
import { startServices } from './processes/services.js'
import { openGround } from './stage.js'
import { request } from './work/client-request.js'
import { CUSTOMERS, customer } from './work/customers.js'
import { HTTP_CLIENTS } from './work/http-pool.js'

const ECHO_GET = 'bare fastify, GET'
const ECHO_POST = 'bare fastify, POST'
const READ_GOAL = 0.5

const LINES: readonly Line[] = [
  { name: ECHO_GET, work: 'httpBalance', in_flight: HTTP_CLIENTS, ratios: [] },
  {
    name: 'balance',
    work: 'httpBalance',
    in_flight: HTTP_CLIENTS,
    ratios: [{ to: [ECHO_GET], goal: READ_GOAL }],
  },
  { name: ECHO_POST, work: 'httpCredit', in_flight: HTTP_CLIENTS, ratios: [] },
  { name: 'credit with an id', work: 'httpCredit', in_flight: HTTP_CLIENTS, ratios: [{ to: [ECHO_POST] }] },
]

/** Reads every customer once: the first read of one takes it from the table, and would be measured in some rounds only. */
const readAll = async (nc: NatsConnection, signal: AbortSignal): Promise<void> => {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < CUSTOMERS && !signal.aborted) {
      next += 1
      await request(nc, 'customer.balance', JSON.stringify({ client_id: customer(next - 1) }))
    }
  }
  await Promise.all(Array.from({ length: HTTP_CLIENTS }, worker))
}

export const http: Benchmark = async (options, sync_interval, { cleanup, signal, say }) => {
  const { nats_pids, dynamodb_pids, ...ground } = await openGround(options, sync_interval, cleanup)
  say('the customers are given money first')
  await fund(ground, signal)
  const profile = options.profile_dir === undefined ? {} : { profile_dir: options.profile_dir }
  const service = { ...ground, ...profile, roles: 'commands,queries,gateway', env: WITHOUT_PROJECTOR }
  const [program] = await startServices(service, 1, { cleanup, signal })
  if (program === undefined) throw new Error('the program was not started')
  await readAll(ground.nc, signal)
  const port = await freePort()
  const echo = await startReady('fastify-echo', [String(port)])
  cleanup.push(echo.stop)

  /** A load client keeps its connections, so each server has one of its own. */
  const startClient = async (http_url: string) => {
    const client = await startLoadClient({ http_urls: [http_url], lean: true })
    cleanup.push(client.stop)
    signal.addEventListener('abort', () => void client.stop(), { once: true })
    return client
  }
  const [of_echo, of_program] = [
    await startClient(`http://${LOOPBACK}:${port}`),
    await startClient(program.http_url),
  ]
  const nextSeed = createSeeds()
  const runOnce: RunOnce = async ({ name, work }, pace, round) => {
    signal.throwIfAborted()
    const is_echo = name === ECHO_GET || name === ECHO_POST
    const client = is_echo ? of_echo : of_program
    const pids = { server: [is_echo ? echo.pid : program.pid], nats: nats_pids, clients: [client.pid] }
    const found = await runJobs([client], pids, { work, pace, ...windowOf(options.seconds) }, nextSeed)
    signal.throwIfAborted()
    program.mustLive()
    if (found === 'unanswered') return found
    say(`${name}, round ${round + 1}: ${Math.round(found.run.accepted_per_s)}/s`)
    return found.run
  }
  const wanted = LINES.filter(
    ({ name }) => options.only.length === 0 || options.only.some(text => name.includes(text)),
  )
  return {
    title: 'http',
    settings: { seconds: options.seconds, rounds: options.rounds, node: process.version },
    lines: await measureLines(wanted, options.rounds, runOnce),
  }
}
