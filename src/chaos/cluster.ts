/**
 * Starts the three nats-servers of a chaos run. All routes and clients go through hops of `network.ts`, so that each node can
 * be cut off from the other nodes, and each group of clients from each node.
 *
 *     const network = createNetwork()
 *     const cluster = await startCluster({ folder, network, client_groups: ['mine'] })
 *     const nc = await connect({ servers: cluster.urls('mine') })
 *     const leader = await cluster.untilLed('customer-balances', 10_000)
 *     cluster.cut(leader)            // the two others elect a new leader; clients of the old one stay connected to it
 *     network.cut(leader, 'mine')    // now the old leader's answers no longer reach these clients
 *     network.heal()
 *     await cluster.stop()
 */

import { mkdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { findServerBinary } from '../embedded/binaries.js'
import { StartError } from '../embedded/child.js'
import { freePorts, LOOPBACK } from '../embedded/ports.js'
import { type Reaper, startReaper } from '../embedded/reaper.js'
import type { Network } from './network.js'
import { createNode, type Node } from './node.js'

export const NODE_NAMES = ['nats-1', 'nats-2', 'nats-3'] as const
export type NodeName = (typeof NODE_NAMES)[number]

export type ClusterOptions = {
  /** Receives the stores, and also the logs when `log_folder` is not given. */
  readonly folder: string
  readonly log_folder?: string
  readonly network: Network
  /** The places from which clients come; each has addresses of its own. */
  readonly client_groups: readonly string[]
  /** The nats-server program that the nodes start with; the installed one unless stated. */
  readonly program?: string
  /** `always` unless stated. */
  readonly sync_interval?: string
  /** Whether the nodes keep a route that is cut for as long as nats-server does by its own defaults, up to 90 s. */
  readonly keeps_cut_routes?: boolean
}

export type Cluster = {
  readonly nodes: Readonly<Record<NodeName, Node>>
  /** The addresses of all nodes for the clients of a group, through its hops, in the order of `NODE_NAMES`. */
  readonly urls: (group: string) => string[]
  /** A node's own address, around all hops: for a client that only observes. */
  readonly directUrl: (name: NodeName) => string
  /** Cuts a node off from the other nodes; neither side is notified. Clients still reach the node. */
  readonly cut: (name: NodeName) => void
  /** The leader of a stream as two nodes or more see it; undefined while there is none. */
  readonly leader: (stream: string) => Promise<NodeName | undefined>
  /** Waits for a leader of the stream other than `former`; throws after `timeout_ms`. */
  readonly untilLed: (stream: string, timeout_ms: number, former?: NodeName) => Promise<NodeName>
  /** Waits until every node runs and knows the leaders of all its streams and consumers; throws after `timeout_ms`. */
  readonly untilWhole: (timeout_ms: number) => Promise<void>
  /** Ends all nodes; the data stays. */
  readonly stop: () => Promise<void>
}

const FORM_MS_MAX = 60_000
const LOOK_EVERY_MS = 50
const PORT_TRIES_MAX = 3

type Ports = { readonly client: number; readonly route: number; readonly health: number }

const byName = <A>(make: (name: NodeName) => A): Readonly<Record<NodeName, A>> => ({
  'nats-1': make('nats-1'),
  'nats-2': make('nats-2'),
  'nats-3': make('nats-3'),
})

const choosePorts = async (): Promise<Readonly<Record<NodeName, Ports>>> => {
  // all ports are chosen at once, so that they differ
  const free = await freePorts(3 * NODE_NAMES.length)
  const next = (): number => free.pop() ?? 0
  return byName(() => ({ client: next(), route: next(), health: next() }))
}

const layOut = async (
  options: ClusterOptions,
  ports: Readonly<Record<NodeName, Ports>>,
  reaper: Reaper,
): Promise<Readonly<Record<NodeName, Node>>> => {
  const { folder, log_folder = folder, network, program } = options
  const { sync_interval = 'always', keeps_cut_routes = false } = options
  const routes = byName(name =>
    Promise.all(
      NODE_NAMES.filter(other => other !== name).map(other => network.hop(name, other, ports[other].route)),
    ),
  )
  const layOutOne = async (name: NodeName): Promise<Node> => {
    const { client, route, health } = ports[name]
    const cluster = {
      name: 'chaos',
      route_port: route,
      route_ports: await routes[name],
      health_port: health,
      is_hidden: true,
      keeps_cut_routes,
    }
    const member = { name, port: client, sync_interval, cluster }
    return createNode({
      folder,
      log_folder,
      member,
      program: program ?? findServerBinary('nats-server'),
      reaper,
    })
  }
  const [first, second, third] = await Promise.all([
    layOutOne('nats-1'),
    layOutOne('nats-2'),
    layOutOne('nats-3'),
  ])
  return { 'nats-1': first, 'nats-2': second, 'nats-3': third }
}

/** Opens the hops of each group of clients; returns the addresses by group. */
const openClientHops = async (
  { network, client_groups }: ClusterOptions,
  ports: Readonly<Record<NodeName, Ports>>,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const urls = new Map<string, readonly string[]>()
  for (const group of client_groups) {
    const hops = await Promise.all(NODE_NAMES.map(name => network.hop(group, name, ports[name].client)))
    urls.set(
      group,
      hops.map(port => `nats://${LOOPBACK}:${port}`),
    )
  }
  return urls
}

const until = async <A>(look: () => Promise<A | undefined>, timeout_ms: number, what: string): Promise<A> => {
  const deadline = performance.now() + timeout_ms
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`Waited ${timeout_ms} ms in vain for ${what}`)
    await pause(LOOK_EVERY_MS)
  }
}

const isWhole = async (all: readonly Node[]): Promise<true | undefined> =>
  (await Promise.all(all.map(node => node.isWhole()))).every(Boolean) ? true : undefined

const startOnce = async (options: ClusterOptions): Promise<Cluster> => {
  const { folder, network } = options
  mkdirSync(folder, { recursive: true })
  const reaper = startReaper(() => undefined)
  const ports = await choosePorts()
  const nodes = await layOut(options, ports, reaper)
  const all = NODE_NAMES.map(name => nodes[name])
  const urls = await openClientHops(options, ports)

  const stop = async (): Promise<void> => {
    await Promise.all(all.map(node => node.end()))
    reaper.done()
  }
  const leader = async (stream: string): Promise<NodeName | undefined> => {
    const seen = await Promise.all(all.map(node => node.leaderOf(stream)))
    return NODE_NAMES.find(name => seen.filter(one => one === name).length > NODE_NAMES.length / 2)
  }
  const untilWhole = async (timeout_ms: number): Promise<void> => {
    await until(() => isWhole(all), timeout_ms, 'a cluster that is whole')
  }

  const started = await Promise.allSettled(all.map(node => node.start()))
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason
    await untilWhole(FORM_MS_MAX)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    nodes,
    urls: group => {
      const found = urls.get(group)
      if (found === undefined) throw new Error(`There are no clients "${group}" here`)
      return [...found]
    },
    directUrl: name => `nats://${LOOPBACK}:${ports[name].client}`,
    cut: name => {
      for (const other of NODE_NAMES) if (other !== name) network.part(name, other)
    },
    leader,
    untilLed: (stream, timeout_ms, former) => {
      const look = async (): Promise<NodeName | undefined> => {
        const name = await leader(stream)
        return name === former ? undefined : name
      }
      return until(look, timeout_ms, `a leader of ${stream}`)
    },
    untilWhole,
    stop,
  }
}

/** Starts three nodes and waits until they form a cluster. When that fails, no process is left. */
export const startCluster = async (options: ClusterOptions): Promise<Cluster> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOnce(options)
    } catch (error) {
      // another program may take a port between our choosing it and the server's listening on it
      const isClash = error instanceof StartError && error.port_clash
      if (!isClash || tries === PORT_TRIES_MAX) throw error
    }
  }
}
