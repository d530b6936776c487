/**
 * Starts one nats-server, or a cluster of three, and the DynamoDB server of one run, on loopback, with their data in the
 * run's temporary folder.
 */

import { join } from 'node:path'
import { pino } from 'pino'
import type { Stack } from '../../src/stack.js'
import { builtEmbedded } from './built.js'

export type Servers = {
  /** One URL, or several separated by commas. */
  readonly nats_url: string
  readonly dynamodb_endpoint: string
  readonly nats_pids: readonly number[]
  /** The number of replicas of the streams. */
  readonly replicas: 1 | 3
}

export type ServersOptions = {
  /** The folder of the servers' data. */
  readonly folder: string
  readonly sync_interval: string
  readonly replicas: 1 | 3
}

export const startServers = async (
  { folder, sync_interval, replicas }: ServersOptions,
  cleanup: Stack,
): Promise<Servers> => {
  const { startEmbedded } = await builtEmbedded()
  const embedded = await startEmbedded({
    data_dir: join(folder, 'servers'),
    nats_port: 0,
    dynamodb_port: 0,
    cluster: replicas > 1,
    sync_interval,
    log: pino({ level: 'silent' }),
    on_gave_up: (name, cause) => {
      process.stderr.write(`${name} is down for good: ${cause.message}\n`)
    },
  })
  cleanup.push(embedded.stop)
  const { nats_url, dynamodb_endpoint, servers } = embedded
  const nats_pids = servers.filter(({ name }) => name.startsWith('nats')).map(({ pid }) => pid)
  return { nats_url, dynamodb_endpoint, nats_pids, replicas }
}
