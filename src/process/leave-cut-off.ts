/**
 * Leaves a nats-server that is cut off from the rest of its cluster, and connects to a server that still reaches the
 * ledger.
 *
 * A connection to a server that is cut off stays open, although no request over it is answered. So the process asks
 * over its connection for a proof twice a second. When no proof comes for a while, it opens a connection to each of
 * the other servers, and changes over only to a server that gives the proof. While a leader is elected, or while the
 * whole cluster is without a quorum, no server gives the proof, and the process keeps its connection.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { rest } from '../back-off.js'
import { reconnectNow } from '../connection.js'
import { E } from '../fp.js'
import type { Health } from '../health.js'
import { metrics } from '../metrics.js'
import { leadershipOf } from '../stream/leadership.js'
import type { ServerChoice } from './server-choice.js'

/**
 * Whether the part that this process needs (the stream's leader, or the service) answers over a connection within a
 * second.
 */
export type Proves = (nc: NatsConnection) => Promise<boolean>

export type Means = {
  readonly nc: NatsConnection
  readonly proves: Proves
  /** Opens a separate connection to one of the client's servers, to look whether it proves. */
  readonly open: (server: Server) => Promise<NatsConnection>
  readonly choice: Pick<ServerChoice, 'leave'>
  readonly log: Logger
  readonly health: Health
}

export type Server = ReturnType<NatsConnection['getServers']>[number]

const LOOK_EVERY_MS = 500
const LOOK_AGAIN_MS = 200
/** A proof that is not older than this counts, whichever part of the process asked for it. */
const FRESH_MS = 400
/** After this time without a proof the process looks at other servers. */
const SILENT_MS_MAX = 700
/** The shortest time between two changes of server. */
const STAY_MS_MIN = 5_000
/** The largest number of other servers that are looked at at the same time. */
const SERVERS_MAX = 8

const left_servers = metrics.counter(
  'jetledger_left_servers_total',
  'Changes to another nats-server because the one before gave no proof that the ledger goes on behind it',
)

/** The proof for a process that works with the stream: its leader answers, or the stream does not exist yet. */
export const provesLeader: Proves = async nc => {
  const leadership = leadershipOf(nc)
  const newest = leadership.newest()
  if (newest !== undefined && performance.now() - newest.answered_ms < FRESH_MS) return true
  const asked = await leadership.look()
  return E.isRight(asked) || asked.left.tag === 'NotFound'
}

const SERVICE_MS_MAX = 1_000

/** The proof for a gateway, which may have no rights on the stream: an instance of the service answers. */
export const provesService: Proves = async nc => {
  try {
    await nc.request('$SRV.PING.customer', undefined, { timeout: SERVICE_MS_MAX })
    return true
  } catch {
    return false
  }
}

const nameOf = ({ info }: NatsConnection): string => info?.server_name ?? info?.server_id ?? 'a server'

type Better = { readonly server: Server; readonly name: string }

/** Resolves with the server when it is another one than that of `nc` and gives the proof; throws otherwise. */
const lookAt = async ({ nc, proves, open }: Means, server: Server): Promise<Better> => {
  const look = await open(server)
  try {
    const name = nameOf(look)
    if (name === nameOf(nc) || !(await proves(look))) throw new Error(`${name} is no better`)
    return { server, name }
  } finally {
    // closing may take for ever over a link that loses everything, so nothing waits for it
    void look.close()
  }
}

/** The first of the other servers that gives the proof; undefined when none does. */
const findBetter = async (means: Means): Promise<Better | undefined> => {
  const { nc } = means
  // a host name may stand for several servers: then even the address of this connection may lead to another server
  const others = nc
    .getServers()
    .filter(({ listen, hostname }) => listen !== nc.getServer() || !/^[\d.:]+$/.test(hostname))
  try {
    return await Promise.any(others.slice(0, SERVERS_MAX).map(server => lookAt(means, server)))
  } catch {
    return undefined
  }
}

/** Follows whether the client has a connection. Without one, the client looks for another server by itself. */
const followConnection = (
  nc: NatsConnection,
): { readonly isUp: () => boolean; readonly ended: AbortSignal } => {
  const ending = new AbortController()
  let is_up = true
  const follow = async (): Promise<void> => {
    for await (const { type } of nc.status()) {
      if (type === 'disconnect') is_up = false
      if (type === 'reconnect') is_up = true
    }
  }
  void follow()
  void nc.closed().then(() => ending.abort())
  return { isUp: () => is_up, ended: ending.signal }
}

/** The time since which there is no proof, and the time until which the process keeps its server. */
type Watch = { silent_since_ms: number | undefined; stays_until_ms: number }

const leave = async (means: Means, better: Better, silent_ms: number): Promise<void> => {
  const { nc, choice, log, health } = means
  const left = nameOf(nc)
  const ms = Math.round(silent_ms)
  log.warn({ left, for: better.name, silent_ms: ms }, 'a nats-server that is cut off from the others is left')
  health.report(
    'nats',
    'degraded',
    `${left} gave no proof of a leader for ${ms} ms; going over to ${better.name}`,
  )
  left_servers.inc()
  choice.leave(nc.getServer(), better.server.listen)
  await reconnectNow(nc)
}

/** When a new leader is elected, the process's own server learns of it at most this long after the others. */
const LAST_CHANCE_MS = 600

/** After `silent_ms` without a proof: leaves the server if another one gives the proof. */
const lookElsewhere = async (means: Means, watch: Watch, silent_ms: number): Promise<void> => {
  const { nc, proves, health } = means
  const better = await findBetter(means)
  if (better === undefined) {
    health.report(
      'nats',
      'degraded',
      `no server proves that the ledger goes on behind it, nor does ${nameOf(nc)}`,
    )
    return
  }
  // a leader that was elected while the others were asked may be reached over this server too
  if (await Promise.race([proves(nc), sleep(LAST_CHANCE_MS, false)])) return
  await leave(means, better, silent_ms)
  watch.silent_since_ms = undefined
  watch.stays_until_ms = performance.now() + STAY_MS_MIN
}

/** Watches the connection until it is closed, and changes to another server when needed. */
export const leaveCutOffServers = async (means: Means): Promise<void> => {
  const { nc, proves, health } = means
  const { isUp, ended } = followConnection(nc)
  const watch: Watch = { silent_since_ms: undefined, stays_until_ms: 0 }
  while (!ended.aborted) {
    await rest(watch.silent_since_ms === undefined ? LOOK_EVERY_MS : LOOK_AGAIN_MS, ended)
    const began_ms = performance.now()
    // without a connection the client looks for another server by itself
    if (!isUp() || (await proves(nc))) {
      if (isUp()) health.report('nats', 'ok')
      watch.silent_since_ms = undefined
      continue
    }
    watch.silent_since_ms ??= began_ms
    const silent_ms = performance.now() - watch.silent_since_ms
    const is_time = silent_ms > SILENT_MS_MAX && performance.now() > watch.stays_until_ms
    if (is_time && isUp()) await lookElsewhere(means, watch, silent_ms)
  }
}
