/** Runs one nats-server of a chaos run: a process with a store, which can be asked for the leaders of its streams. */

import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bodyOf, givesOk } from '../embedded/http-probe.js'
import { type NatsNode, natsServer } from '../embedded/nats.js'
import { hasAllLeaders, LEADERS_PATH } from '../embedded/raft-leaders.js'
import type { Reaper } from '../embedded/reaper.js'
import { E } from '../fp.js'
import { readJson } from '../json.js'
import { type ManagedProcess, manageProcess } from './process.js'

export type Node = Omit<ManagedProcess, 'start'> & {
  readonly store_dir: string
  /** Starts a stopped node on its data, with another program if given; resolves when it listens. */
  readonly start: (program?: string) => Promise<void>
  /** The program that the node runs, or ran last. */
  readonly program: () => string
  /** Removes all stored data. Throws when the node runs. */
  readonly wipe: () => void
  /** True when the node runs and knows the leaders of all its streams and consumers. */
  readonly isWhole: () => Promise<boolean>
  /** The leader of a stream in the view of this node; undefined when it knows none or does not answer. */
  readonly leaderOf: (stream: string) => Promise<string | undefined>
}

export type NodeOptions = {
  /** The folder in which the node's store has the node's name. */
  readonly folder: string
  readonly log_folder: string
  readonly member: Omit<NatsNode, 'dir' | 'cluster'> & Required<Pick<NatsNode, 'cluster'>>
  readonly program: string
  readonly reaper: Reaper
}

type Jsz = {
  readonly meta_cluster?: {
    readonly replicas?: readonly { readonly offline?: boolean }[]
  }
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name?: string; readonly cluster?: { leader?: string } }[]
  }[]
}

const leaderIn = (text: string, stream: string): string | undefined => {
  const read = readJson(text)
  if (E.isLeft(read)) return undefined
  const { account_details = [] } = read.right as Jsz
  return account_details
    .flatMap(({ stream_detail = [] }) => stream_detail)
    .find(({ name }) => name === stream)?.cluster?.leader
}

/**
 * True when a new replica could be placed on every node. Only the meta leader lists the other nodes; for a node without that
 * list the answer is true.
 */
const couldPlace = (text: string, others: number): boolean => {
  const read = readJson(text)
  if (E.isLeft(read)) return false
  const { meta_cluster = {} } = read.right as Jsz
  const { replicas } = meta_cluster
  return (
    replicas === undefined || (replicas.length >= others && replicas.every(({ offline }) => offline !== true))
  )
}

/** Creates a node that does not run yet. */
export const createNode = ({ folder, log_folder, member, program, reaper }: NodeOptions): Node => {
  const { name } = member
  const { health_port } = member.cluster
  const store_dir = join(folder, name)
  let spec = {
    ...natsServer({ ...member, dir: store_dir }, program, join(log_folder, `${name}.log`)),
    // a node whose peers are down can only be asked whether it listens
    isReady: () => givesOk(health_port, '/healthz?js-server-only=true'),
  }
  const managed = manageProcess(spec, reaper)
  return {
    ...managed,
    store_dir,
    start: (other = spec.binary) => {
      spec = { ...spec, binary: other }
      return managed.start(spec)
    },
    program: () => spec.binary,
    wipe: () => {
      if (managed.isRunning()) throw new Error(`${name} runs: end it before it is wiped`)
      // the folder itself may be the root of a file system
      for (const entry of readdirSync(store_dir)) rmSync(join(store_dir, entry), { recursive: true })
    },
    isWhole: async () => {
      const is_well = await givesOk(health_port, '/healthz').catch(() => false)
      const state = (await bodyOf(health_port, LEADERS_PATH).catch(() => '')) ?? ''
      return is_well && hasAllLeaders(state) && couldPlace(state, member.cluster.route_ports.length)
    },
    leaderOf: async stream => {
      const text = await bodyOf(health_port, LEADERS_PATH).catch(() => undefined)
      return text === undefined ? undefined : leaderIn(text, stream)
    },
  }
}
