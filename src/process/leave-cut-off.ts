/**
 * Leaves a nats-server that is cut off from the others, for one behind which the ledger goes on.
 *
 * A connection to such a server stays open and well for ever, although nothing that is asked over it is answered. So it
 * is asked for a proof twice a second. When none comes for a while the other servers are looked at, over connections of
 * their own: only one that gives the proof is changed over to. While a leader is elected, or the whole cluster is
 * without a quorum, no server gives it, and the connection stays where it is.
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

/** Whether that which this process needs answers behind a connection: now, or within a second. */
export type Proves = (nc: NatsConnection) => Promise<boolean>

export type Means = {
  readonly nc: NatsConnection
  readonly proves: Proves
  /** Opens a connection for a look to one of the client's servers. */
  readonly open: (server: Server) => Promise<NatsConnection>
  readonly choice: Pick<ServerChoice, 'leave'>
  readonly log: Logger
  readonly health: Health
}

export type Server = ReturnType<NatsConnection['getServers']>[number]

const LOOK_EVERY_MS = 500
const LOOK_AGAIN_MS = 200
/** A proof that came so short a time ago, for whoever asked for it, needs no other one. */
const FRESH_MS = 400
/** So long without a proof is no hiccup. */
const SILENT_MS_MAX = 1_500
/** Between two changes, whatever happens. */
const STAY_MS_MIN = 5_000
/** Other servers that are looked at together. */
const SERVERS_MAX = 8

const left_servers = metrics.counter(
  'jetledger_left_servers_total',
  'Changes to another nats-server because the one before gave no proof that the ledger goes on behind it',
)

/** Of a process that works with the stream: somebody proves to lead it, or it is not there yet. */
export const provesLeader: Proves = async nc => {
  const leadership = leadershipOf(nc)
  const newest = leadership.newest()
  if (newest !== undefined && performance.now() - newest.answered_ms < FRESH_MS) return true
  const asked = await leadership.prove(0)()
  return E.isRight(asked) || asked.left.tag === 'NotFound'
}

const SERVICE_MS_MAX = 1_000

/** Of a gateway, which may know nothing of the stream: an instance of the service answers. */
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

/** A server that is another one than that of `nc`, and proves; throws when it is not, or does not. */
const lookAt = async ({ nc, proves, open }: Means, server: Server): Promise<Better> => {
  const look = await open(server)
  try {
    const name = nameOf(look)
    if (name === nameOf(nc) || !(await proves(look))) throw new Error(`${name} is no better`)
    return { server, name }
  } finally {
    // a link that swallows everything must not be waited for
    void look.close()
  }
}

/** The first of the other servers that proves; undefined when none does. */
const findBetter = async (means: Means): Promise<Better | undefined> => {
  const { nc } = means
  // a name may stand for several servers, so that its own address may lead to another one
  const others = nc
    .getServers()
    .filter(({ listen, hostname }) => listen !== nc.getServer() || !/^[\d.:]+$/.test(hostname))
  try {
    return await Promise.any(others.slice(0, SERVERS_MAX).map(server => lookAt(means, server)))
  } catch {
    return undefined
  }
}

/** Follows whether the client has a connection at the moment: without one it looks for another server by itself. */
const followConnection = (
  nc: NatsConnection,
): { readonly isUp: () => boolean; readonly ended: AbortSignal } => {
  const ending = new AbortController()
  let isUp = true
  const follow = async (): Promise<void> => {
    for await (const { type } of nc.status()) {
      if (type === 'disconnect') isUp = false
      if (type === 'reconnect') isUp = true
    }
  }
  void follow()
  void nc.closed().then(() => ending.abort())
  return { isUp: () => isUp, ended: ending.signal }
}

/** Since when there is no proof, and until when the connection stays where it is. */
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

/** The own server is not behind the others for longer than this when a new leader is there. */
const LAST_CHANCE_MS = 600

/** There was no proof for `silent_ms`: leaves the server if another one is better. */
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
  // a leader that was elected meanwhile may be behind this server too
  if (await Promise.race([proves(nc), sleep(LAST_CHANCE_MS, false)])) return
  await leave(means, better, silent_ms)
  watch.silent_since_ms = undefined
  watch.stays_until_ms = performance.now() + STAY_MS_MIN
}

/** Watches until the connection is closed. */
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
    const isTime = silent_ms > SILENT_MS_MAX && performance.now() > watch.stays_until_ms
    if (isTime && isUp()) await lookElsewhere(means, watch, silent_ms)
  }
}
