/** Decides which servers a run consists of, their ports, and the places of their data and logs in the data folder. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { findServerBinary } from './binaries.js'
import type { ServerSpec } from './child.js'
import { dynamodbServer, privateDynamodbServer } from './dynamodb.js'
import { natsServer } from './nats.js'
import { freePorts, requirePort } from './ports.js'
import { createToolLink, type ToolLink } from './private-tables/tool-link.js'
import type { Secured } from './secure/index.js'

const CLUSTER_NODES = 3

export type LayoutOptions = {
  data_dir: string
  /** The port of the first nats-server; 0 chooses a free one. */
  nats_port: number
  /** The port of DynamoDB; 0 chooses a free one. */
  dynamodb_port: number
  /** Three nats-servers instead of one. */
  cluster: boolean
  /** When JetStream flushes to disk: `always`, or a duration such as `2m`. */
  sync_interval: string
  /** Starts only this kind of server; undefined starts both. */
  only?: 'nats' | 'dynamodb'
  /** Closes the servers to everybody without a login or a secret. */
  secured?: Secured
}

export type Layout = {
  nats_ports: number[]
  dynamodb_port: number | undefined
  specs: ServerSpec[]
  /** The way to the DynamoDB server, where it does not listen on the port by itself. */
  link: ToolLink | undefined
}

type Folders = { data: string; logs: string }

type Members = { routes: number[]; health: number[] }

const natsSpecs = (
  options: LayoutOptions,
  folders: Folders,
  ports: number[],
  members?: Members,
): ServerSpec[] => {
  const binary = findServerBinary('nats-server')
  return ports.map((port, i) => {
    const name = members ? `nats-${i + 1}` : 'nats'
    const [route_port, health_port] = [members?.routes[i], members?.health[i]]
    const cluster =
      members === undefined || route_port === undefined || health_port === undefined
        ? {}
        : { cluster: { name: 'jetledger', route_port, route_ports: members.routes, health_port } }
    const node = {
      name,
      dir: join(folders.data, name),
      port,
      sync_interval: options.sync_interval,
      ...cluster,
      ...(options.secured === undefined ? {} : { secured: options.secured }),
    }
    return natsServer(node, binary, join(folders.logs, `${name}.log`))
  })
}

/** The link to a DynamoDB server that must not listen by itself. */
const linkOf = ({ secured }: LayoutOptions): ToolLink | undefined =>
  secured === undefined ? undefined : createToolLink()

const dynamodbSpec = ({ data, logs }: Folders, port: number, link: ToolLink | undefined): ServerSpec => {
  const binary = findServerBinary('dynoxide')
  const [db_file, log_file] = [join(data, 'dynamodb.db'), join(logs, 'dynamodb.log')]
  return link === undefined
    ? dynamodbServer(db_file, port, binary, log_file)
    : privateDynamodbServer(db_file, link, binary, log_file)
}

/**
 * Chooses ports, writes the configuration files and returns which programs to run. Throws a sentence for the user
 * when a requested port is taken or a program is missing.
 */
export const layOut = async (options: LayoutOptions): Promise<Layout> => {
  const { data_dir, nats_port, dynamodb_port, cluster, only } = options
  const with_nats = only !== 'dynamodb'
  const with_dynamodb = only !== 'nats'
  if (with_nats && nats_port !== 0) await requirePort(nats_port, '--nats-port')
  if (with_dynamodb && dynamodb_port !== 0) await requirePort(dynamodb_port, '--dynamodb-port')

  // a single server cannot use the data of a cluster, nor a cluster those of a single server: each has its own folder
  const folders = { data: join(data_dir, cluster ? 'cluster' : 'single'), logs: join(data_dir, 'logs') }
  mkdirSync(folders.logs, { recursive: true })
  const nodes = cluster ? CLUSTER_NODES : 1
  // all ports are chosen at once, so that they differ
  const [free_dynamodb_port, ...free] = await freePorts(1 + 3 * nodes)
  const nats_ports = with_nats ? free.slice(0, nodes) : []
  if (with_nats && nats_port !== 0) nats_ports[0] = nats_port
  const members = { routes: free.slice(nodes, 2 * nodes), health: free.slice(2 * nodes) }
  const specs = with_nats ? natsSpecs(options, folders, nats_ports, cluster ? members : undefined) : []

  const port = with_dynamodb ? dynamodb_port || free_dynamodb_port : undefined
  const link = linkOf(options)
  if (port !== undefined) specs.push(dynamodbSpec(folders, port, link))
  return { nats_ports, dynamodb_port: port, specs, link }
}
