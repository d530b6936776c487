/**
 * Starts the system under test of a chaos run: three nats-servers, a DynamoDB-compatible server and some instances of
 * Jetledger, each at its own place in a network that can be cut.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { openConnection } from '../connection.js'
import { type Reaper, startReaper } from '../embedded/reaper.js'
import { type Cluster, NODE_NAMES, startCluster } from './cluster.js'
import { type Dynamodb, startDynamodb } from './dynamodb.js'
import { createInstance, instanceNames, type ManagedInstance, PROJECTOR_NAME } from './instance.js'
import { createNetwork, type Network } from './network.js'
import { mountSmallDisks, type SmallDisks } from './small-disks.js'

export const LEDGER_STREAM = 'customer-balances'
export const DDB_TABLE = 'chaos'
/** The places of the clients and of DynamoDB in the network. */
export const CLIENT_PLACES = ['clients-1', 'clients-2'] as const
export const DYNAMODB_PLACE = 'dynamodb'

export type System = {
  readonly network: Network
  readonly cluster: Cluster
  readonly dynamodb: Dynamodb
  readonly instances: readonly ManagedInstance[]
  /** Runs only during a fault that needs it. */
  readonly projector: ManagedInstance
  /** The run's own connection, which no fault cuts off. */
  readonly nc: NatsConnection
  /** The small disks of the nodes' stores; otherwise the reason why there are none. */
  readonly disks: SmallDisks | { readonly why_not: string }
  /** The compiled program of another build; undefined when none was given. */
  readonly other_dist: string | undefined
  /** Waits until every node and instance is well. After `timeout_ms` it returns one text for each that is not. */
  readonly untilWell: (timeout_ms: number, signal?: AbortSignal) => Promise<readonly string[]>
  /** Stops everything that was started. */
  readonly stop: () => Promise<void>
}

export type SystemOptions = {
  readonly folder: string
  /** The number of instances of Jetledger. */
  readonly instances: number
  readonly replicas: number
  readonly journal: string
  /** The folder of the compiled program. */
  readonly dist: string
  readonly other_dist?: string
  /** The nats-server program that the nodes start with; the installed one unless stated. */
  readonly first_nats_server?: string
  /** True when the nodes get small disks, so that one can be filled. */
  readonly has_small_disks: boolean
}

const READY_MS_MAX = 120_000
const LOOK_EVERY_MS = 100
const RECONNECT_MS = 100

type Part = () => Promise<unknown> | unknown

/** Stops the parts, the last one first, and goes on when one fails. Throws an `AggregateError` of all failures. */
const undo = async (parts: readonly Part[]): Promise<void> => {
  const failed: unknown[] = []
  for (const part of parts.toReversed()) {
    try {
      await part()
    } catch (error) {
      failed.push(error)
    }
  }
  if (failed.length > 0) throw new AggregateError(failed, 'not all of the chaos run could be ended')
}

const createInstances = async (
  { folder, instances, replicas, journal, dist }: SystemOptions,
  { network, cluster, dynamodb }: Pick<System, 'network' | 'cluster' | 'dynamodb'>,
  reaper: Reaper,
): Promise<Pick<System, 'instances' | 'projector'>> => {
  const create = async (name: string): Promise<ManagedInstance> =>
    createInstance({
      name,
      folder: join(folder, 'logs'),
      dist,
      nats_urls: cluster.urls(name),
      dynamodb_port: await network.hop(name, DYNAMODB_PLACE, dynamodb.port),
      ddb_table: DDB_TABLE,
      replicas,
      journal,
      reaper,
    })
  return {
    instances: await Promise.all(instanceNames(instances).map(create)),
    projector: await create(PROJECTOR_NAME),
  }
}

const connectAround = (cluster: Cluster): Promise<NatsConnection> =>
  openConnection(
    {
      servers: NODE_NAMES.map(cluster.directUrl),
      name: 'chaos run',
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      ignoreClusterUpdates: true,
    },
    // the only subscription is the inbox of its requests
    () => undefined,
  )

const start = async (options: SystemOptions, parts: Part[]): Promise<System> => {
  const { folder, other_dist, first_nats_server } = options
  const reaper = startReaper(() => undefined)
  parts.push(reaper.done)
  const network = createNetwork()
  parts.push(network.close)
  const stores = join(folder, 'stores')
  const disks = options.has_small_disks
    ? mountSmallDisks(NODE_NAMES.map(name => join(stores, name)))
    : { why_not: 'the nodes were given no small disks' }
  if ('unmount' in disks) parts.push(disks.unmount)

  const cluster = await startCluster({
    folder: stores,
    log_folder: join(folder, 'logs'),
    network,
    client_groups: [...CLIENT_PLACES, ...instanceNames(options.instances), PROJECTOR_NAME],
    ...(first_nats_server === undefined ? {} : { program: first_nats_server }),
  })
  parts.push(cluster.stop)
  const dynamodb = await startDynamodb(stores, join(folder, 'logs'), reaper)
  parts.push(dynamodb.stop)
  const nc = await connectAround(cluster)
  parts.push(() => nc.close())
  const { instances, projector } = await createInstances(options, { network, cluster, dynamodb }, reaper)
  for (const instance of [projector, ...instances]) parts.push(instance.end)
  await Promise.all(instances.map(instance => instance.start()))

  const unwell = async (): Promise<readonly string[]> => {
    const looks = [
      ...NODE_NAMES.map(async name =>
        (await cluster.nodes[name].isWhole()) ? [] : [`${name} is not whole`],
      ),
      ...instances.map(async ({ name, isReady }) => ((await isReady()) ? [] : [`${name} is not ready`])),
    ]
    return (await Promise.all(looks)).flat()
  }
  const untilWell: System['untilWell'] = async (timeout_ms, signal) => {
    const deadline = performance.now() + timeout_ms
    for (;;) {
      const found = await unwell()
      if (found.length === 0 || signal?.aborted || performance.now() > deadline) return found
      await pause(LOOK_EVERY_MS)
    }
  }
  return {
    ...{ network, cluster, dynamodb, instances, projector, nc, disks, other_dist, untilWell },
    stop: () => undo(parts),
  }
}

/** Starts the system and waits until it is well. When that fails, it throws and leaves nothing running. */
export const startSystem = async (options: SystemOptions): Promise<System> => {
  mkdirSync(join(options.folder, 'logs'), { recursive: true })
  const parts: Part[] = []
  try {
    const system = await start(options, parts)
    const unwell = await system.untilWell(READY_MS_MAX)
    if (unwell.length > 0)
      throw new Error(`after ${READY_MS_MAX} ms ${unwell.join('; ')} (see the logs in ${options.folder})`)
    return system
  } catch (error) {
    await undo(parts)
    throw error
  }
}
