/** One nats-server of a chaos run: ended, frozen and started again when the run says so, and never by itself. */

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, type ServerSpec, startChild } from '../embedded/child.js'
import { bodyOf, givesOk } from '../embedded/http-probe.js'
import { type NatsNode, natsServer } from '../embedded/nats.js'
import { identityOf } from '../embedded/process-identity.js'
import { hasAllLeaders, LEADERS_PATH } from '../embedded/raft-leaders.js'
import type { Reaper } from '../embedded/reaper.js'
import { E } from '../fp.js'
import { readJson } from '../json.js'

export type Node = {
  readonly isRunning: () => boolean
  readonly log_file: string
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>
  /** SIGTERM, and SIGKILL after 10 s; resolves when the process is gone. */
  readonly end: () => Promise<void>
  /** SIGSTOP. */
  readonly freeze: () => void
  /** SIGCONT. */
  readonly thaw: () => void
  /** Starts an ended node on its data, with another program if given; resolves when it listens. */
  readonly start: (program?: string) => Promise<void>
  /** Removes what an ended node has stored. */
  readonly wipe: () => void
  /** Whether it runs and knows the leaders of all that it holds. */
  readonly isWhole: () => Promise<boolean>
  /** Whom it takes for the leader of a stream; undefined when it knows none, or does not answer. */
  readonly leaderOf: (stream: string) => Promise<string | undefined>
}

export type NodeOptions = {
  /** Its data and its log are in here, under its name. */
  readonly folder: string
  readonly member: Omit<NatsNode, 'dir' | 'cluster'> & Required<Pick<NatsNode, 'cluster'>>
  readonly program: string
  readonly reaper: Reaper
}

type Jsz = {
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

/** A node that does not run yet. */
export const createNode = ({ folder, member, program, reaper }: NodeOptions): Node => {
  const { name } = member
  const { health_port } = member.cluster
  const dir = join(folder, name)
  const log_file = join(folder, `${name}.log`)
  let spec: ServerSpec = {
    ...natsServer({ ...member, dir }, program, log_file),
    // more than that it listens cannot be asked of a node whose peers are down
    isReady: () => givesOk(health_port, '/healthz?js-server-only=true'),
  }
  let child: Child | undefined

  const signal = (which: NodeJS.Signals): void => {
    if (child !== undefined) process.kill(child.pid, which)
  }
  const requireEnded = (): void => {
    if (child !== undefined) throw new Error(`${name} runs: end it first`)
  }
  return {
    isRunning: () => child !== undefined,
    log_file,
    kill: async () => {
      const { exited } = child ?? {}
      signal('SIGKILL')
      await exited
    },
    end: async () => {
      // a frozen process hears of SIGTERM only when it goes on
      signal('SIGCONT')
      await child?.stop()
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    start: async other => {
      requireEnded()
      if (other !== undefined) spec = { ...spec, binary: other }
      const noteProcess = (pid: number): void => reaper.add(pid, identityOf(pid) ?? '')
      const started = await startChild(spec, noteProcess, new AbortController().signal)
      child = started
      void started.exited.then(() => {
        reaper.remove(started.pid)
        child = undefined
      })
    },
    wipe: () => {
      requireEnded()
      rmSync(dir, { recursive: true, force: true })
      mkdirSync(dir, { recursive: true })
    },
    isWhole: async () => {
      const is_well = await givesOk(health_port, '/healthz').catch(() => false)
      return is_well && hasAllLeaders((await bodyOf(health_port, LEADERS_PATH).catch(() => '')) ?? '')
    },
    leaderOf: async stream => {
      const text = await bodyOf(health_port, LEADERS_PATH).catch(() => undefined)
      return text === undefined ? undefined : leaderIn(text, stream)
    },
  }
}
