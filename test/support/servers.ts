/** Starts real servers for int and e2e specs: each call has its own processes and its own folder, gone after `stop`. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { type Embedded, startEmbedded } from '../../src/embedded/index.js'

export type TestNats = {
  url: string
  /** The pid of the process that is running. */
  readonly pid: number
  /** The folder of its streams. */
  readonly store_dir: string
  stop(): Promise<void>
}
export type TestDynamodb = { endpoint: string; readonly pid: number; stop(): Promise<void> }
export type TestServers = { nats: TestNats; dynamodb: TestDynamodb; stop(): Promise<void> }
export type TestCluster = {
  /** The URLs of all nodes, separated by commas. */
  url: string
  /** `nats-1`, `nats-2`, `nats-3` */
  names: readonly string[]
  pid(name: string): number
  /** Kills a node with -9; it comes back by itself. */
  kill(name: string): void
  stop(): Promise<void>
}

export type TestNatsOptions = {
  /** `2m` unless stated: `always` would only make tests slow. */
  sync_interval?: string
}

const POLL_EVERY_MS = 10

/**
 * Calls `condition` until it returns a value other than `undefined` or `false`, and returns that value. At the deadline it
 * fails with a text that names `what`, and with the last error of `condition` as the cause.
 */
export const until = async <A>(
  condition: () => A | Promise<A>,
  { deadline_ms, what }: { deadline_ms: number; what: string },
): Promise<Exclude<A, false | undefined>> => {
  const deadline = performance.now() + deadline_ms
  let cause: unknown
  do {
    try {
      const value = await condition()
      if (value !== undefined && value !== false) return value as Exclude<A, false | undefined>
    } catch (error) {
      cause = error
    }
    await pause(POLL_EVERY_MS)
  } while (performance.now() < deadline)
  throw new Error(`Waited ${deadline_ms} ms in vain for: ${what}`, { cause })
}

/** Makes a folder for one test; remove it with `removeFolder`. */
export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'jetledger-test-'))

export const removeFolder = (folder: string): void =>
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })

type Kind = { cluster?: boolean; only?: 'nats' | 'dynamodb' } & TestNatsOptions

type Started = Embedded & { readonly data_dir: string }

const start = async ({ cluster = false, sync_interval = '2m', ...only }: Kind): Promise<Started> => {
  const data_dir = newFolder()
  try {
    const embedded = await startEmbedded({
      data_dir,
      nats_port: 0,
      dynamodb_port: 0,
      cluster,
      sync_interval,
      log: pino({ level: 'silent' }),
      on_gave_up: (name, cause) => {
        throw new Error(`Test server ${name} is down for good`, { cause })
      },
      ...only,
    })
    const stop = async (): Promise<void> => {
      await embedded.stop()
      removeFolder(data_dir)
    }
    return { ...embedded, stop, data_dir }
  } catch (error) {
    removeFolder(data_dir)
    throw error
  }
}

const pidOf = ({ servers }: Embedded, name: string): number => {
  const server = servers.find(candidate => candidate.name === name)
  if (server === undefined) throw new Error(`There is no server ${name} here`)
  return server.pid
}

const natsOf = (embedded: Started): TestNats => ({
  url: embedded.nats_url,
  store_dir: join(embedded.data_dir, 'single', 'nats'),
  get pid() {
    return pidOf(embedded, 'nats')
  },
  stop: embedded.stop,
})

const dynamodbOf = (embedded: Embedded): TestDynamodb => ({
  endpoint: embedded.dynamodb_endpoint,
  get pid() {
    return pidOf(embedded, 'dynamodb')
  },
  stop: embedded.stop,
})

/** Starts one nats-server with JetStream. */
export const startTestNats = async (options: TestNatsOptions = {}): Promise<TestNats> =>
  natsOf(await start({ ...options, only: 'nats' }))

/** Starts one DynamoDB server without tables. */
export const startTestDynamodb = async (): Promise<TestDynamodb> =>
  dynamodbOf(await start({ only: 'dynamodb' }))

/** Starts both servers; stopping either one stops both. */
export const startTestServers = async (options: TestNatsOptions = {}): Promise<TestServers> => {
  const embedded = await start(options)
  return { nats: natsOf(embedded), dynamodb: dynamodbOf(embedded), stop: embedded.stop }
}

/** Starts three nats-servers in a cluster (no DynamoDB server), ready for streams of three replicas. */
export const startTestCluster = async (options: TestNatsOptions = {}): Promise<TestCluster> => {
  const embedded = await start({ ...options, cluster: true, only: 'nats' })
  return {
    url: embedded.nats_url,
    names: embedded.servers.map(({ name }) => name),
    pid: name => pidOf(embedded, name),
    kill: name => {
      process.kill(pidOf(embedded, name), 'SIGKILL')
    },
    stop: embedded.stop,
  }
}
