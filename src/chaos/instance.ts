/** An instance of Jetledger in a chaos run: the built program, with a connection path of its own through the hops. */

import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ServerSpec } from '../embedded/child.js'
import { bodyOf, givesOk } from '../embedded/http-probe.js'
import { freePort, LOOPBACK } from '../embedded/ports.js'
import type { Reaper } from '../embedded/reaper.js'
import { type ManagedProcess, manageProcess } from './process.js'

export const INSTANCE_NAMES = ['instance-1', 'instance-2'] as const
export type InstanceName = (typeof INSTANCE_NAMES)[number]
/** One that only folds into the tables, and runs only while the two others do not. */
export const PROJECTOR_NAME = 'projector'

/** How an instance is run; what is left out is as usual. */
export type Running = {
  /** The folder of the compiled program. */
  readonly dist?: string
  /** By how much its wall clock is wrong. */
  readonly clock_ms?: number
  readonly roles?: string
}

export type Instance = Omit<ManagedProcess, 'start'> & {
  /** Resolves when its HTTP server answers, ready or not. */
  readonly start: (running?: Running) => Promise<void>
  readonly isReady: () => Promise<boolean>
}

export type InstanceOptions = {
  readonly name: InstanceName | typeof PROJECTOR_NAME
  readonly folder: string
  /** The folder of the compiled program where `Running` names no other. */
  readonly dist: string
  readonly nats_urls: readonly string[]
  readonly dynamodb_port: number
  readonly ddb_table: string
  readonly replicas: number
  readonly reaper: Reaper
}

const ROLES = 'commands,projections,queries'
const START_MS_MAX = 30_000
/** More than the program itself takes for its stop. */
const STOP_MS_MAX = 20_000

/** The compiled program of this package, which is two levels above src/chaos and dist/chaos alike. */
export const OWN_DIST = fileURLToPath(new URL('../../dist', import.meta.url))
const SHIFT_CLOCK = pathToFileURL(join(OWN_DIST, 'chaos', 'shift-clock.js')).href

/** An instance that does not run yet. */
export const createInstance = async (options: InstanceOptions): Promise<Instance> => {
  const { name, folder, nats_urls, dynamodb_port, ddb_table, replicas, reaper } = options
  const http_port = await freePort()
  const specOf = ({ dist = options.dist, clock_ms, roles = ROLES }: Running): ServerSpec => ({
    name,
    binary: process.execPath,
    args: [
      ...(clock_ms === undefined ? [] : ['--import', `${SHIFT_CLOCK}?ms=${clock_ms}`]),
      join(dist, 'cli', 'main.js'),
      'serve',
      '--roles',
      roles,
    ],
    env: {
      NATS_URL: nats_urls.join(','),
      AWS_ENDPOINT_URL_DYNAMODB: `http://${LOOPBACK}:${dynamodb_port}`,
      AWS_REGION: 'local',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      DDB_TABLE: ddb_table,
      JETLEDGER_REPLICAS: String(replicas),
      HTTP_PORT: String(http_port),
    },
    log_file: join(folder, `${name}.log`),
    isReady: async () => (await bodyOf(http_port, '/ping')) !== undefined,
    ready_timeout_ms: START_MS_MAX,
    stop_timeout_ms: STOP_MS_MAX,
  })
  const managed = manageProcess(specOf({}), reaper)
  return {
    ...managed,
    start: (running = {}) => managed.start(specOf(running)),
    isReady: () => givesOk(http_port, '/readyz').catch(() => false),
  }
}
