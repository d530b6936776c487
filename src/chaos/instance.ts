/** Runs an instance of Jetledger in a chaos run: the built program, whose connections go through hops of its own. */

import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ServerSpec } from '../embedded/child.js'
import { bodyOf, givesOk } from '../embedded/http-probe.js'
import { freePort, LOOPBACK } from '../embedded/ports.js'
import type { Reaper } from '../embedded/reaper.js'
import { type ManagedProcess, manageProcess } from './process.js'

/** The names of so many instances; each is also its place in the network. */
export const instanceNames = (instances: number): readonly string[] =>
  Array.from({ length: instances }, (_, i) => `instance-${i + 1}`)
/** An instance that only folds into the table, and runs only while the others are restarted without that role. */
export const PROJECTOR_NAME = 'projector'

/** Options of one start of an instance; a missing option has its usual value. */
export type Running = {
  /** The folder of the compiled program. */
  readonly dist?: string
  /** The error of its wall clock in milliseconds. */
  readonly clock_ms?: number
  readonly roles?: string
}

export type ManagedInstance = Omit<ManagedProcess, 'start'> & {
  readonly name: string
  /** Resolves when its HTTP server answers; the instance may not be ready yet. */
  readonly start: (running?: Running) => Promise<void>
  readonly isReady: () => Promise<boolean>
}

export type InstanceOptions = {
  readonly name: string
  readonly folder: string
  /** The folder of the compiled program, when `Running` names no other one. */
  readonly dist: string
  readonly nats_urls: readonly string[]
  readonly dynamodb_port: number
  readonly ddb_table: string
  readonly replicas: number
  /** Which events have rows in the table, as in JETLEDGER_JOURNAL. */
  readonly journal: string
  readonly reaper: Reaper
}

const ROLES = 'commands,projections,queries'
const START_MS_MAX = 30_000
/** Longer than the program itself needs to stop. */
const STOP_MS_MAX = 20_000

/** The compiled program of this package. The package is two levels above src/chaos as well as dist/chaos. */
export const OWN_DIST = fileURLToPath(new URL('../../dist', import.meta.url))
const SHIFT_CLOCK = pathToFileURL(join(OWN_DIST, 'chaos', 'shift-clock.js')).href

/** Creates an instance that does not run yet. */
export const createInstance = async (options: InstanceOptions): Promise<ManagedInstance> => {
  const { name, folder, nats_urls, dynamodb_port, ddb_table, replicas, journal, reaper } = options
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
      JETLEDGER_JOURNAL: journal,
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
    name,
    start: (running = {}) => managed.start(specOf(running)),
    isReady: () => givesOk(http_port, '/readyz').catch(() => false),
  }
}
