/**
 * Starts one nats-server, or a cluster of three, and the DynamoDB server of one run, on loopback, with their data in the
 * run's temporary folder.
 */

import { join } from 'node:path'
import { pino } from 'pino'
import { freePort, LOOPBACK } from '../../src/embedded/ports.js'
import type { Stack } from '../../src/stack.js'
import type { Options } from '../options.js'
import { builtEmbedded } from './built.js'
import { startReady } from './load-client.js'

export type Servers = {
  /** One URL, or several separated by commas. */
  readonly nats_url: string
  readonly dynamodb_endpoint: string
  readonly nats_pids: readonly number[]
  readonly dynamodb_pids: readonly number[]
  /** The number of replicas of the streams. */
  readonly replicas: 1 | 3
}

export type ServersOptions = Pick<Options, 'replicas' | 'dynamodb'> & {
  /** The folder of the servers' data. */
  readonly folder: string
  readonly sync_interval: string
}

/** Starts the stand-in for a DynamoDB server (bench/processes/stand-in.ts). */
const startStandIn = async (cleanup: Stack): Promise<{ readonly endpoint: string; readonly pid: number }> => {
  const port = await freePort()
  const child = await startReady('stand-in', [String(port)])
  cleanup.push(child.stop)
  return { endpoint: `http://${LOOPBACK}:${port}`, pid: child.pid }
}

export const startServers = async (
  { folder, sync_interval, replicas, dynamodb }: ServersOptions,
  cleanup: Stack,
): Promise<Servers> => {
  const { startEmbedded } = await builtEmbedded()
  const stand_in = dynamodb === 'stand-in' ? await startStandIn(cleanup) : undefined
  const embedded = await startEmbedded({
    data_dir: join(folder, 'servers'),
    nats_port: 0,
    dynamodb_port: 0,
    cluster: replicas > 1,
    sync_interval,
    ...(stand_in === undefined ? {} : { only: 'nats' as const }),
    log: pino({ level: 'silent' }),
    on_gave_up: (name, cause) => {
      process.stderr.write(`${name} is down for good: ${cause.message}\n`)
    },
  })
  cleanup.push(embedded.stop)
  const { nats_url, dynamodb_endpoint, servers } = embedded
  const pidsOf = (is_wanted: (name: string) => boolean): number[] =>
    servers.filter(({ name }) => is_wanted(name)).map(({ pid }) => pid)
  return {
    nats_url,
    dynamodb_endpoint: stand_in?.endpoint ?? dynamodb_endpoint,
    nats_pids: pidsOf(name => name.startsWith('nats')),
    dynamodb_pids: stand_in === undefined ? pidsOf(name => name === 'dynamodb') : [stand_in.pid],
    replicas,
  }
}
