/**
 * Starts the processes of a benchmark: the servers, the service under measurement, the echo responder and the load clients,
 * all on loopback.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { connect, type NatsConnection } from 'nats'
import type { Stack } from '../src/stack.js'
import type { Line, RunOnce } from './measure/rounds.js'
import type { Options } from './options.js'
import type { Child } from './processes/child.js'
import type { CpuGroups } from './processes/cpu.js'
import { type LoadClient, startLoadClient, startReady } from './processes/load-client.js'
import { createSeeds, runJobs, windowOf } from './processes/run-jobs.js'
import { type Servers, startServers } from './processes/servers.js'
import { type ServiceOptions, startReadyService } from './processes/service.js'

export type Say = (text: string) => void

export type StageOptions = {
  readonly options: Options
  readonly sync_interval: string
  readonly cleanup: Stack
  readonly signal: AbortSignal
  readonly say: Say
  /** Additional environment variables of the service under measurement. */
  readonly env?: Readonly<Record<string, string>>
  /** Called after the start of the servers and before the start of the service under measurement. */
  readonly prepare: (service: Omit<ServiceOptions, 'roles'>) => Promise<void>
}

export type Stage = {
  readonly nats_url: string
  /** A connection of bench/main.ts itself, for requests that are not measured. */
  readonly nc: NatsConnection
  readonly runOnce: RunOnce
}

/** Makes a temporary folder; `cleanup` removes it. */
export const openFolder = (cleanup: Stack): string => {
  const folder = mkdtempSync(join(tmpdir(), 'jetledger-bench-'))
  cleanup.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Opens a connection of bench/main.ts itself, for requests that are not measured; `cleanup` closes it. */
export const openConnection = async (nats_url: string, cleanup: Stack): Promise<NatsConnection> => {
  const nc = await connect({ servers: nats_url.split(','), name: 'jetledger-bench', reconnect: false })
  cleanup.push(() => nc.close())
  return nc
}

const createRunOnce = (
  clients: readonly LoadClient[],
  service: Child,
  pids: CpuGroups,
  { options, signal, say }: StageOptions,
): RunOnce => {
  const window = windowOf(options.seconds)
  const nextSeed = createSeeds()
  let service_end: string | undefined
  void service.ended.then(how => {
    service_end = how
  })
  return async ({ name, work }: Line, pace, round) => {
    signal.throwIfAborted()
    const found = await runJobs(clients, pids, { work, pace, ...window }, nextSeed)
    signal.throwIfAborted()
    if (service_end !== undefined)
      throw new Error(`jetledger serve ${service_end} while ${name} was measured`)
    if (found === 'unanswered') {
      say(`${name}: nobody answers this endpoint, it is left out`)
      return 'unanswered'
    }
    const speed = pace.kind === 'full' ? 'full speed' : 'half speed'
    say(`${name}, ${speed}, round ${round + 1}: ${Math.round(found.run.accepted_per_s)}/s`)
    return found.run
  }
}

/** Starts the servers and connects to them; `cleanup` stops them. */
export const openGround = async (
  { replicas, dynamodb, journal }: Pick<Options, 'replicas' | 'dynamodb' | 'journal'>,
  sync_interval: string,
  cleanup: Stack,
): Promise<Omit<ServiceOptions, 'roles'> & Servers> => {
  const folder = openFolder(cleanup)
  const servers = await startServers({ folder, sync_interval, replicas, dynamodb }, cleanup)
  const nc = await openConnection(servers.nats_url, cleanup)
  return { nc, folder, journal, ...servers }
}

/** Starts everything; `cleanup` stops it. */
export const openStage = async (wanted: StageOptions): Promise<Stage> => {
  const { options, sync_interval, cleanup, signal, prepare, env = {} } = wanted
  const { profile_dir, roles } = options
  const { nats_pids, dynamodb_pids, ...addresses } = await openGround(options, sync_interval, cleanup)
  const { nc, nats_url } = addresses
  const targets = { nats_url, dynamodb_endpoint: addresses.dynamodb_endpoint }
  signal.throwIfAborted()
  await prepare(addresses)
  signal.throwIfAborted()

  const profile = profile_dir === undefined ? {} : { profile_dir: resolve(profile_dir) }
  const service = await startReadyService({ ...addresses, ...profile, roles, env }, signal)
  cleanup.push(service.stop)
  const echo = await startReady('echo', [nats_url])
  cleanup.push(echo.stop)
  const clients: LoadClient[] = []
  for (let i = 0; i < options.clients; i += 1) {
    const client = await startLoadClient({ ...targets, lean: options.lean })
    cleanup.push(client.stop)
    clients.push(client)
  }
  // stopping the clients ends the run that is under way
  const abort = (): void => {
    for (const client of clients) void client.stop()
  }
  signal.addEventListener('abort', abort, { once: true })
  const pids = {
    nats: nats_pids,
    dynamodb: dynamodb_pids,
    service: [service.pid, echo.pid],
    clients: clients.map(({ pid }) => pid),
  }
  return { nats_url, nc, runOnce: createRunOnce(clients, service, pids, wanted) }
}
