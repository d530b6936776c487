/**
 * Starts the clients of a chaos run: many connections that credit, debit, transfer, publish and read by a seed, repeat writes
 * with an unknown outcome, and write every question and answer into the history (src/chaos/history.ts).
 */

import { setMaxListeners } from 'node:events'
import { Kvm } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { openConnection } from '../../connection.js'
import { inParallel } from '../../parallel.js'
import { nowUs, openHistory } from '../history.js'
import { type ClientConnection, createAsk } from './ask.js'
import { type Client, startClient } from './client.js'
import { ASSET, createCustomers } from './customers.js'
import { createMemory, type Repeatable } from './memory.js'
import type { ClientGroup, Clients, ClientsOptions } from './options.js'
import { pursue } from './pursue.js'
import { createRandom } from './random.js'
import { createWrites } from './writes.js'

export type { Clients, ClientsOptions } from './options.js'

const CONNECT_MS_MAX = 10_000
const RECONNECT_MS = 100
/** A client leaves a server that has not answered two pings. */
const PING_EVERY_MS = 2_000
const PINGS_OUT_MAX = 2
/** After the run, unknown writes are pursued within these limits. */
const SETTLE_MS_MAX = 30_000
const SETTLE_TRIES_MAX = 30
const SETTLE_PARALLEL_MAX = 16

const connectClient = (client: number, { name, urls }: ClientGroup): Promise<NatsConnection> =>
  openConnection(
    {
      // each client begins at another server, and learns of no address that would lead around its hops
      servers: urls.map((_, index) => urls[(index + client) % urls.length] ?? ''),
      noRandomize: true,
      ignoreClusterUpdates: true,
      name: `chaos client ${client} (${name})`,
      timeout: CONNECT_MS_MAX,
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      pingInterval: PING_EVERY_MS,
      maxPingOut: PINGS_OUT_MAX,
    },
    // the only subscription is the client's own inbox, whose handler does not throw
    () => undefined,
  )

const groupOf = (groups: readonly ClientGroup[], client: number): ClientGroup => {
  const group = groups[client % groups.length]
  if (group === undefined) throw new Error('clients need at least one group')
  return group
}

/** Declares the asset that some of the clients' accounts are of, as an operator does before anybody uses it. */
export const declareAsset = async (nc: NatsConnection): Promise<void> => {
  const bucket = await new Kvm(nc).open('config', { allow_direct: true })
  await bucket.put(`asset.${ASSET}`, JSON.stringify({ scale: 2, name: 'Euro' }))
}

/** Starts all clients; they begin to send at once. */
export const startClients = async (options: ClientsOptions): Promise<Clients> => {
  const { groups, seed, clients, rate_per_s, directory, onLine } = options
  const lines: ClientConnection[] = await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const group = groupOf(groups, client)
      return { client, via: group.name, nc: await connectClient(client, group) }
    }),
  )
  const history = openHistory(directory, onLine)
  history.write({ tag: 'begin', at_us: nowUs(), wall_ms: Date.now(), seed })
  const ask = createAsk(history)
  const memory = createMemory()
  const customers = createCustomers(options.customers)
  const ending = new AbortController()
  // every write that is pursued listens to this signal
  setMaxListeners(0, ending.signal)
  const running: Client[] = lines.map(line => {
    const random = createRandom(seed * 1_000 + line.client)
    const writes = createWrites(random, customers, `s${seed}-c${line.client}`)
    const rate = rate_per_s / clients
    return startClient({
      ...{ ask, line, lines, random, customers, memory, writes, rate_per_s: rate },
      signal: ending.signal,
    })
  })

  const settle = async (open: readonly Repeatable[]): Promise<void> => {
    const random = createRandom(seed)
    const signal = AbortSignal.timeout(SETTLE_MS_MAX)
    await inParallel(SETTLE_PARALLEL_MAX, open, write =>
      pursue({ ask, lines, random, tries_max: SETTLE_TRIES_MAX, signal }, write),
    )
  }

  const stop = async (): Promise<void> => {
    ending.abort()
    const open = (await Promise.all(running.map(({ ended }) => ended))).flat()
    await settle(open)
    await Promise.all(lines.map(({ nc }) => nc.close()))
    history.close()
  }
  let stopping: Promise<void> | undefined
  return {
    note: text => history.write({ tag: 'note', at_us: nowUs(), text }),
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}
