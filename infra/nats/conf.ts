/**
 * Renders the configuration of a NATS node: TLS for clients, mutual TLS for routes, every write synced to disk before
 * it is acknowledged. auth.conf, which comes with the node's secrets, says who may connect.
 */

import { CLIENT_PINGS, ROUTE_PINGS } from '../../src/embedded/pings.js'
import { NATS_PORT, ROUTE_PORT } from '../names.js'

export type NodeConf = {
  /** The name must stay the same when the instance is replaced, because the store belongs to it. */
  readonly server_name: string
  readonly cluster_name: string
  /** The DNS names of all nodes, this one included. */
  readonly peers: readonly string[]
  readonly volume_gib: number
}

/** The share of the volume for JetStream; the rest is for the log and for compaction. */
const STORE_SHARE = 0.85

/** The text of nats.conf. The lame duck mode is shorter than the unit's TimeoutStopSec (nats.service). */
export const renderConf = ({ server_name, cluster_name, peers, volume_gib }: NodeConf): string => `\
server_name: "${server_name}"
listen: "0.0.0.0:${NATS_PORT}"
http: "127.0.0.1:8222"
max_payload: 1MB
max_connections: 10000
${CLIENT_PINGS}

lame_duck_duration: "30s"
lame_duck_grace_period: "5s"

log_file: "/var/lib/nats/log/nats-server.log"
pid_file: "/var/lib/nats/nats-server.pid"
logfile_size_limit: 67108864
logfile_max_num: 8

tls {
  cert_file: "/etc/nats/secrets/node.pem"
  key_file: "/etc/nats/secrets/node.key"
  timeout: 5
}

jetstream {
  store_dir: "/var/lib/nats/jetstream"
  sync_interval: always
  max_memory_store: 256MB
  max_file_store: ${Math.floor(volume_gib * STORE_SHARE)}GB
}

cluster {
  name: "${cluster_name}"
  listen: "0.0.0.0:${ROUTE_PORT}"
  ${ROUTE_PINGS}
  tls {
    cert_file: "/etc/nats/secrets/node.pem"
    key_file: "/etc/nats/secrets/node.key"
    ca_file: "/etc/nats/secrets/ca.pem"
    verify: true
    timeout: 5
  }
  routes: [
${peers.map(peer => `    "tls://${peer}:${ROUTE_PORT}"`).join('\n')}
  ]
}

include "secrets/auth.conf"
`
