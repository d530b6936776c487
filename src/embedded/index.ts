/**
 * Starts, watches and stops nats-server and a DynamoDB server as child processes, for `jetledger dev` and the tests.
 */

import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Logger } from 'pino'
import { StartError, startChild } from './child.js'
import { lockDataDir } from './data-lock.js'
import { type Layout, type LayoutOptions, layOut } from './layout.js'
import { stopLeftovers } from './leftovers.js'
import { LOOPBACK } from './ports.js'
import { type Door, openDoor } from './private-tables/door.js'
import { startReaper } from './reaper.js'
import { openServerList, type ServerList } from './server-list.js'
import { type WatchedServer, watch } from './watch.js'

export { findServerBinary } from './binaries.js'

const PORT_TRIES_MAX = 3

export type EmbeddedOptions = LayoutOptions & {
  log: Logger
  /** Called at most once per server, when it ended too often to be started again; the others go on running. */
  on_gave_up: (name: string, cause: Error) => void
}

/** A server that is kept running; `pid` changes when it is started again. */
type EmbeddedServer = { readonly name: string; readonly pid: number }

export type Embedded = {
  /**
   * The address for clients, e.g. `nats://127.0.0.1:4222`, `tls://` for secured servers; several with commas for a
   * cluster; empty without NATS.
   */
  nats_url: string
  /** The address of DynamoDB, e.g. `http://127.0.0.1:8000`; empty without DynamoDB. */
  dynamodb_endpoint: string
  servers: readonly EmbeddedServer[]
  /** Stops all servers, then frees the data folder. Can be called again. */
  stop(): Promise<void>
}

type Started = Omit<Embedded, 'stop' | 'servers'> & {
  watched: { name: string; watched: WatchedServer }[]
  door: Door | undefined
}

/** The door to a DynamoDB server that does not listen by itself. */
const doorTo = async (
  { secured, log }: EmbeddedOptions,
  { link, dynamodb_port }: Layout,
): Promise<Door | undefined> =>
  secured === undefined || link === undefined || dynamodb_port === undefined
    ? undefined
    : openDoor({ link, key: secured.dynamodb_key, port: dynamodb_port, log })

/** Starts all servers of one layout. When one fails, stops the others and throws its error. */
const startAll = async (options: EmbeddedOptions, server_list: ServerList): Promise<Started> => {
  const { log, on_gave_up } = options
  const layout = await layOut(options)
  const { nats_ports, dynamodb_port, specs } = layout
  const door = await doorTo(options, layout)
  const results = await Promise.allSettled(
    specs.map(async spec => {
      const start = (signal: AbortSignal) =>
        startChild(spec, pid => server_list.add(spec.name, pid, spec.binary), signal)
      return { name: spec.name, watched: await watch({ name: spec.name, start, log, on_gave_up }) }
    }),
  )
  const watched = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find(result => result.status === 'rejected')
  if (failed) {
    await Promise.all([door?.close(), ...watched.map(server => server.watched.stop())])
    throw failed.reason
  }
  const scheme = options.secured === undefined ? 'nats' : 'tls'
  return {
    nats_url: nats_ports.map(port => `${scheme}://${LOOPBACK}:${port}`).join(','),
    dynamodb_endpoint: dynamodb_port === undefined ? '' : `http://${LOOPBACK}:${dynamodb_port}`,
    watched,
    door,
  }
}

/** Starts all servers, with other ports when another program takes a chosen port before the server listens on it. */
const startOnFreePorts = async (options: EmbeddedOptions, server_list: ServerList): Promise<Started> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startAll(options, server_list)
    } catch (error) {
      if (!(error instanceof StartError && error.port_clash) || tries >= PORT_TRIES_MAX) throw error
      options.log.debug({ err: error }, 'a port was taken in between: choosing others')
    }
  }
}

/**
 * Starts the servers on a data folder and keeps them running until `stop`. Servers that an earlier run left behind
 * are stopped first. Rejects with one sentence for the user, and with the end of the server's log if it tells the
 * reason; then no process is left behind. All servers listen on loopback only.
 */
export const startEmbedded = async (given: EmbeddedOptions): Promise<Embedded> => {
  const options = { ...given, data_dir: resolve(given.data_dir) }
  const { data_dir, log } = options
  mkdirSync(data_dir, { recursive: true })
  const lock = await lockDataDir(data_dir)
  let server_list: ServerList | undefined
  const cleanUp = (): void => {
    server_list?.clear()
    lock.release()
  }
  try {
    await stopLeftovers(data_dir, log)
    const reaper = startReaper(error => log.debug({ err: error }, 'reaper is gone'))
    server_list = openServerList(data_dir, reaper)
    const { nats_url, dynamodb_endpoint, watched, door } = await startOnFreePorts(options, server_list)
    const stop = async (): Promise<void> => {
      await door?.close()
      await Promise.all(watched.map(server => server.watched.stop()))
      cleanUp()
    }
    let stopping: Promise<void> | undefined
    return {
      nats_url,
      dynamodb_endpoint,
      servers: watched.map(server => ({
        name: server.name,
        get pid() {
          return server.watched.pid
        },
      })),
      stop: () => {
        stopping ??= stop()
        return stopping
      },
    }
  } catch (error) {
    cleanUp()
    throw error
  }
}
