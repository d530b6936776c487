/** Writes the configuration file of a nats-server with JetStream, and checks whether the server is ready. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ConnectionOptions, connect, credsAuthenticator } from 'nats'
import { E } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'
import type { ServerSpec } from './child.js'
import { bodyOf, givesOk } from './http-probe.js'
import { CLIENT_PINGS, ROUTE_PINGS } from './pings.js'
import { LOOPBACK } from './ports.js'
import { hasAllLeaders, LEADERS_PATH } from './raft-leaders.js'
import type { Secured } from './secure/index.js'

type ClusterMember = {
  name: string
  route_port: number
  /** The route ports of all members. */
  route_ports: readonly number[]
  /** The HTTP port of the health check. */
  health_port: number
  /** Members reach each other only by their route ports, and advertise no addresses to members and clients. */
  is_hidden?: boolean
  /** Whether a route that is cut is kept for as long as nats-server does by its own defaults, up to 90 s. */
  keeps_cut_routes?: boolean
}

export type NatsNode = {
  /** Also the name of the server in its cluster. It must stay the same over restarts. */
  name: string
  /** The folder of the store; the configuration file lies beside it. */
  dir: string
  port: number
  /**
   * `always`, or a duration such as `2m`: the server's own default, which can lose acknowledged writes at a power
   * failure.
   */
  sync_interval: string
  cluster?: ClusterMember
  /** With it the server wants TLS and a login of its clients, and TLS with a certificate of its own of other members. */
  secured?: Secured
}

const PROBE_TIMEOUT_MS = 1_000
// short, because a cluster that is forming leaves the first requests unanswered
const REPLY_TIMEOUT_MS = 100
const READY_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000

// a quoted string in the configuration has the same escapes as a JSON string
const quoted = (text: string): string => JSON.stringify(text)

/**
 * Lines that make a member advertise an address where nothing listens: other members try it once, and keep their
 * routes.
 */
const HIDDEN = `
  no_advertise: true
  advertise: "${LOOPBACK}:1"`

const TLS_S_MAX = 5

const tlsText = ({ ca_file, cert_file, key_file }: Secured, is_mutual: boolean): string => `tls {
  cert_file: ${quoted(cert_file)}
  key_file: ${quoted(key_file)}
  timeout: ${TLS_S_MAX}${is_mutual ? `\n  ca_file: ${quoted(ca_file)}\n  verify: true` : ''}
}`

const securedText = (secured: Secured): string => `
${tlsText(secured, false)}
${secured.auth_conf}`

const clusterText = (member: ClusterMember, secured: Secured | undefined): string => {
  const { name, route_port, route_ports, health_port, is_hidden, keeps_cut_routes } = member
  return `
http: "${LOOPBACK}:${health_port}"
${secured === undefined ? '' : `http_base_path: ${quoted(secured.monitor_path)}\n`}
cluster {
  name: ${quoted(name)}
  ${keeps_cut_routes === true ? '' : ROUTE_PINGS}
  listen: "${LOOPBACK}:${route_port}"${is_hidden === true ? HIDDEN : ''}
  ${secured === undefined ? '' : tlsText(secured, true)}
  routes: [
${route_ports.map(port => `    "nats://${LOOPBACK}:${port}"`).join('\n')}
  ]
}
`
}

/**
 * The text of the configuration file of one node. It states all limits, because the server's defaults depend on the
 * memory and disk of the machine. Throws on a wrong sync interval.
 */
export const natsConfig = ({ name, dir, port, sync_interval, cluster, secured }: NatsNode): string => {
  if (!/^(always|[1-9]\d*(ms|s|m|h))$/.test(sync_interval)) {
    throw new Error(`"${sync_interval}" is no sync interval: say "always", or a duration such as "2m".`)
  }
  return `# written by jetledger at every start: changes are lost
server_name: ${quoted(name)}
listen: "${LOOPBACK}:${port}"
max_payload: 1MB
max_connections: 10000
${CLIENT_PINGS}

jetstream {
  store_dir: ${quoted(dir)}
  sync_interval: ${sync_interval === 'always' ? 'always' : quoted(sync_interval)}
  max_memory_store: 256MB
  max_file_store: 64GB
}
${secured ? securedText(secured) : ''}${cluster ? clusterText(cluster, secured) : ''}`
}

const accessOf = ({ ca_file, own, credsFileOf }: Secured): ConnectionOptions => ({
  tls: { ca: readFileSync(ca_file, 'utf8') },
  authenticator: credsAuthenticator(readFileSync(credsFileOf(own.user))),
  inboxPrefix: own.inbox_prefix,
})

/** Whether a client can connect and JetStream answers. */
const answers = async (port: number, secured: Secured | undefined): Promise<boolean> => {
  const nc = await connect({
    ...(secured === undefined ? {} : accessOf(secured)),
    servers: `${LOOPBACK}:${port}`,
    reconnect: false,
    timeout: PROBE_TIMEOUT_MS,
    ignoreClusterUpdates: true,
    name: 'jetledger readiness probe',
  })
  try {
    const reply = await nc.request('$JS.API.INFO', undefined, { timeout: REPLY_TIMEOUT_MS })
    const info = readJson(reply.data)
    return E.isRight(info) && isJsonObject(info.right) && info.right.error === undefined
  } finally {
    await nc.close()
  }
}

const isReady = async ({ port, cluster, secured }: NatsNode): Promise<boolean> => {
  if (!(await answers(port, secured))) return false
  if (cluster === undefined) return true
  const base = secured?.monitor_path ?? ''
  const state =
    (await givesOk(cluster.health_port, `${base}/healthz`)) &&
    (await bodyOf(cluster.health_port, base + LEADERS_PATH))
  return state !== undefined && state !== false && hasAllLeaders(state)
}

/** Writes the configuration of a node, and returns how to run it. */
export const natsServer = (node: NatsNode, binary: string, log_file: string): ServerSpec => {
  const config_file = join(node.dir, '..', `${node.name}.conf`)
  mkdirSync(node.dir, { recursive: true })
  // the path of the monitoring port may be a secret
  writeFileSync(config_file, natsConfig(node), { mode: 0o600 })
  return {
    name: node.name,
    binary,
    args: ['--config', config_file],
    log_file,
    isReady: () => isReady(node),
    ready_timeout_ms: READY_TIMEOUT_MS,
    stop_timeout_ms: STOP_TIMEOUT_MS,
  }
}
