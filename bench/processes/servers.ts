/** nats-server and the DynamoDB server of one run, on loopback, their data in the run's temporary folder. */

import { join } from 'node:path'
import { pino } from 'pino'
import type { Cleanup } from '../cleanup.js'
import { builtEmbedded } from './built.js'

export type Servers = {
  readonly nats_url: string
  readonly dynamodb_endpoint: string
  readonly nats_pid: number
}

export const startServers = async (
  folder: string,
  sync_interval: string,
  cleanup: Cleanup,
): Promise<Servers> => {
  const { startEmbedded } = await builtEmbedded()
  const embedded = await startEmbedded({
    data_dir: join(folder, 'servers'),
    nats_port: 0,
    dynamodb_port: 0,
    cluster: false,
    sync_interval,
    log: pino({ level: 'silent' }),
    on_gave_up: (name, cause) => {
      process.stderr.write(`${name} is down for good: ${cause.message}\n`)
    },
  })
  cleanup.push(embedded.stop)
  const { nats_url, dynamodb_endpoint, servers } = embedded
  return { nats_url, dynamodb_endpoint, nats_pid: servers.find(({ name }) => name === 'nats')?.pid ?? 0 }
}
