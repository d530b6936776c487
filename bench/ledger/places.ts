/** Starts the processes that a line is measured on. */

import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { freePort, freePorts, LOOPBACK } from '../../src/embedded/ports.js'
import { run } from '../../src/fp.js'
import { waitCaughtUp } from '../../src/projections/caught-up.js'
import { consumerName } from '../../src/projections/target.js'
import { type Lag, projectionLag } from '../../src/stream/lag.js'
import { LEDGER_STREAM, ledgerStream } from '../../src/stream/settings.js'
import type { Surroundings } from '../benchmark.js'
import type { Options } from '../options.js'
import { type CpuGroups, memory_bytes } from '../processes/cpu.js'
import { startReady } from '../processes/load-client.js'
import { type PostgresPrograms, startPostgres } from '../processes/postgres.js'
import { startServices } from '../processes/services.js'
import type { Targets } from '../processes/targets.js'
import { openGround } from '../stage.js'
import { FUNDS } from '../work/customers.js'
import { readStored, type Stored } from './books.js'
import { giveMoney } from './give-money.js'
import type { PlaceName } from './lines.js'

export type Behind = Pick<Lag, 'lag_events' | 'lag_ms'>

export type Place = {
  readonly targets: Omit<Targets, 'lean'>
  /** The processes by the name of their column. */
  readonly pids: CpuGroups
  /** How far the projection is behind now; undefined where nothing is projected. */
  readonly readLag: () => Promise<Behind | undefined>
  /** The memory of the program, of all its instances together. */
  readonly programBytes: () => number | undefined
  /** What was stored since the place was opened; undefined where nothing is stored. */
  readonly stored: () => Promise<Stored | undefined>
  /** Throws an error when a measured process has ended. */
  readonly mustLive: () => void
}

type Opening = {
  readonly options: Options
  readonly customers: number
  readonly sync_interval: string
  readonly surroundings: Surroundings
  readonly postgres: PostgresPrograms
}

/** A ledger may have a million first events to fold at the speed of its table server. */
const FOLD_MS_MAX = 1_200_000

const WITHOUT_PROGRAM = {
  readLag: async () => undefined,
  programBytes: () => undefined,
  stored: async () => undefined,
  mustLive: () => {},
} satisfies Partial<Place>

const readLag = async (nc: NatsConnection, consumer: string): Promise<Behind> => {
  const { lag_events, lag_ms } = await run(projectionLag(nc, consumer))
  return { lag_events, lag_ms }
}

const openLedger = async ({ options, customers, sync_interval, surroundings }: Opening): Promise<Place> => {
  const { cleanup, signal } = surroundings
  const { nats_pids, dynamodb_pids, ...ground } = await openGround(options, sync_interval, cleanup)
  const { nc, nats_url, dynamodb_endpoint } = ground
  const profile = options.profile_dir === undefined ? {} : { profile_dir: options.profile_dir }
  const roles = 'commands,projections,queries,gateway'
  const services = await startServices({ ...ground, ...profile, roles }, options.instances, surroundings)
  await giveMoney(nc, customers, signal)
  const jsm = await jetstreamManager(nc)
  const missing = await waitCaughtUp({ nc, jsm }, 'ledger', FOLD_MS_MAX, signal, () => {})
  signal.throwIfAborted()
  if (missing > 0) throw new Error(`the first events were not projected within ${FOLD_MS_MAX} ms`)
  const lastSeq = async (): Promise<number> => (await jsm.streams.info(LEDGER_STREAM)).state.last_seq
  const from_seq = await lastSeq()
  return {
    targets: { nats_url, dynamodb_endpoint, http_urls: services.map(({ http_url }) => http_url) },
    pids: { program: services.map(({ pid }) => pid), nats: nats_pids, dynamodb: dynamodb_pids },
    readLag: () => readLag(nc, consumerName('ledger', 1)),
    programBytes: () => {
      const each = services.map(({ pid }) => memory_bytes(pid))
      return each.reduce((sum, one) => (sum === undefined || one === undefined ? undefined : sum + one), 0)
    },
    stored: async () => readStored(nc, from_seq, await lastSeq()),
    mustLive: () => {
      for (const { mustLive } of services) mustLive()
    },
  }
}

const openStream = async ({ options, sync_interval, surroundings }: Opening): Promise<Place> => {
  const { nats_pids, nc, nats_url, replicas } = await openGround(options, sync_interval, surroundings.cleanup)
  await (await jetstreamManager(nc)).streams.add(ledgerStream({ replicas }))
  return { ...WITHOUT_PROGRAM, targets: { nats_url }, pids: { nats: nats_pids } }
}

const BARE_PROJECTOR = 'bare-projector'

const openBareLedger = async ({ options, sync_interval, surroundings }: Opening): Promise<Place> => {
  const { cleanup } = surroundings
  const ground = await openGround(options, sync_interval, cleanup)
  const { nats_pids, dynamodb_pids, nc, nats_url, dynamodb_endpoint, replicas } = ground
  await (await jetstreamManager(nc)).streams.add(ledgerStream({ replicas }))
  const port = await freePort()
  const writer = await startReady('bare-writer', [nats_url, String(port)])
  cleanup.push(writer.stop)
  const projector = await startReady('bare-projector', [
    nats_url,
    dynamodb_endpoint,
    BARE_PROJECTOR,
    options.journal,
  ])
  cleanup.push(projector.stop)
  let end: string | undefined
  void projector.ended.then(how => {
    end = how
  })
  return {
    ...WITHOUT_PROGRAM,
    targets: { nats_url, http_urls: [`http://${LOOPBACK}:${port}`] },
    pids: { program: [writer.pid, projector.pid], nats: nats_pids, dynamodb: dynamodb_pids },
    readLag: () => readLag(nc, BARE_PROJECTOR),
    mustLive: () => {
      if (end !== undefined) throw new Error(`the bare projector ${end}`)
    },
  }
}

const openFastify = async ({ surroundings }: Opening): Promise<Place> => {
  const port = await freePort()
  const child = await startReady('fastify-echo', [String(port)])
  surroundings.cleanup.push(child.stop)
  return {
    ...WITHOUT_PROGRAM,
    targets: { http_urls: [`http://${LOOPBACK}:${port}`] },
    pids: { program: [child.pid] },
  }
}

const STORED = `select (select count(*) from journal), (select coalesce(sum(amount), 0) from journal),
  (select sum(balance) from account)`

const openPostgresLedger = async (opening: Opening, is_routed: boolean): Promise<Place> => {
  const { customers, postgres, surroundings } = opening
  const { cleanup, signal } = surroundings
  if (typeof postgres === 'string') throw new Error(postgres)
  const { socket, pid, pool } = await startPostgres(postgres, customers, cleanup, signal)
  const [port] = await freePorts(1)
  const route = is_routed ? await startReady('postgres-route', [String(port), socket]) : undefined
  if (route !== undefined) cleanup.push(route.stop)
  return {
    ...WITHOUT_PROGRAM,
    targets: { postgres_socket: socket, http_urls: [`http://${LOOPBACK}:${port}`] },
    pids: { ...(route === undefined ? {} : { program: [route.pid] }), postgres: [pid] },
    stored: async () => {
      const { rows } = await pool.query<string[]>({ text: STORED, rowMode: 'array' })
      const [entries = '', amount = '', balances = ''] = rows[0] ?? []
      const before = BigInt(FUNDS) * BigInt(customers + 1)
      return { entries: Number(entries), amount: BigInt(amount), balance: BigInt(balances) - before }
    },
  }
}

/** Opens a place; the cleanup of `surroundings` closes it. */
export const openPlace = (name: PlaceName, opening: Opening): Promise<Place> => {
  switch (name) {
    case 'ledger':
      return openLedger(opening)
    case 'stream':
      return openStream(opening)
    case 'bare-ledger':
      return openBareLedger(opening)
    case 'fastify':
      return openFastify(opening)
    case 'postgres':
      return openPostgresLedger(opening, false)
    case 'postgres-route':
      return openPostgresLedger(opening, true)
  }
}
