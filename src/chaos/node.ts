/** One nats-server of a chaos run: a process with a store, which knows the leaders of what it holds. */

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
  /** Starts an ended node on its data, with another program if given; resolves when it listens. */
  readonly start: (program?: string) => Promise<void>
  /** The program that it runs, or ran last. */
  readonly program: () => string
  /** Removes what an ended node has stored. */
  readonly wipe: () => void
  /** Whether it runs and knows the leaders of all that it holds. */
  readonly isWhole: () => Promise<boolean>
  /** Whom it takes for the leader of a stream; undefined when it knows none, or does not answer. */
  readonly leaderOf: (stream: string) => Promise<string | undefined>
}

export type NodeOptions = {
  /** Its store is in here, under its name. */
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

/** Whether the meta leader, which alone lists the others, could place a replica on each; others have nothing to say of it. */
const couldPlace = (text: string, others: number): boolean => {
  const read = readJson(text)
  if (E.isLeft(read)) return false
  const { meta_cluster = {} } = read.right as Jsz
  const { replicas } = meta_cluster
  return (
    replicas === undefined || (replicas.length >= others && replicas.every(({ offline }) => offline !== true))
  )
}

/** A node that does not run yet. */
export const createNode = ({ folder, log_folder, member, program, reaper }: NodeOptions): Node => {
  const { name } = member
  const { health_port } = member.cluster
  const store_dir = join(folder, name)
  let spec = {
    ...natsServer({ ...member, dir: store_dir }, program, join(log_folder, `${name}.log`)),
    // more than that it listens cannot be asked of a node whose peers are down
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
