/**
 * Runs the three nats-servers of a check. Their ports and stores stay the same when they are ended and started again.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Child, type ServerSpec, startChild } from '../embedded/child.js'
import { bodyOf } from '../embedded/http-probe.js'
import { natsServer } from '../embedded/nats.js'
import { freePorts, LOOPBACK } from '../embedded/ports.js'
import { identityOf } from '../embedded/process-identity.js'
import { startReaper } from '../embedded/reaper.js'
import { E } from '../fp.js'
import { readJson } from '../json.js'

export type EndSignal = 'SIGTERM' | 'SIGKILL'

/** The state of a server's own replica of a stream, as the server reports it. */
export type Replica = { readonly server: string; readonly messages: number; readonly last_seq: number }

export type Servers = {
  readonly names: readonly string[]
  readonly urls: readonly string[]
  /** Starts all servers; rejects with a sentence when one is not ready in time. */
  readonly start: () => Promise<void>
  /** Ends all servers at the same time. */
  readonly end: (signal: EndSignal) => Promise<void>
  readonly replicas: (stream: string) => Promise<Replica[]>
  readonly logs: () => { readonly server: string; readonly text: string }[]
  /** Ends all servers with SIGKILL, and the reaper. */
  readonly stop: () => Promise<void>
}

const COUNT = 3
// elections take up to 9 s, and a machine may be busy
const READY_TIMEOUT_MS = 60_000
/** A server that does not end in this time after a signal is ended with SIGKILL. */
const END_TIMEOUT_MS = 30_000

type Jsz = {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly {
      readonly name?: string
      readonly state?: { readonly messages?: number; readonly last_seq?: number }
    }[]
  }[]
}

const replicaIn = (server: string, text: string, stream: string): Replica[] => {
  const read = readJson(text)
  if (E.isLeft(read)) return []
  const { account_details = [] } = read.right as Jsz
  const { state } =
    account_details.flatMap(({ stream_detail = [] }) => stream_detail).find(({ name }) => name === stream) ??
    {}
  return state === undefined ? [] : [{ server, messages: state.messages ?? 0, last_seq: state.last_seq ?? 0 }]
}

type Node = { readonly spec: ServerSpec; readonly url: string; readonly health_port: number }

const layOut = async (program: string, folder: string): Promise<Node[]> => {
  const ports = await freePorts(3 * COUNT)
  const route_ports = ports.slice(0, COUNT)
  return route_ports.map((route_port, i) => {
    const [port = 0, health_port = 0] = [ports[COUNT + i], ports[2 * COUNT + i]]
    const name = `nats-${i + 1}`
    const cluster = { name: 'check', route_port, route_ports, health_port }
    const node = { name, dir: join(folder, name), port, sync_interval: 'always', cluster }
    const spec = natsServer(node, program, join(folder, `${name}.log`))
    const url = `nats://${LOOPBACK}:${port}`
    return { spec: { ...spec, ready_timeout_ms: READY_TIMEOUT_MS }, url, health_port }
  })
}

const endOne = async (child: Child, signal: EndSignal): Promise<void> => {
  process.kill(child.pid, signal)
  const bound = new AbortController()
  const late = pause(END_TIMEOUT_MS, 'late', { signal: bound.signal }).catch(() => 'ended')
  if ((await Promise.race([child.exited, late])) === 'late') process.kill(child.pid, 'SIGKILL')
  bound.abort()
  await child.exited
}

/** Chooses ports and writes configurations for three servers of `program` in `folder`, without starting them. */
export const createServers = async (program: string, folder: string): Promise<Servers> => {
  const nodes = await layOut(program, folder)
  const names = nodes.map(({ spec }) => spec.name)
  const reaper = startReaper(() => undefined)
  let running: Child[] = []

  const start = async (): Promise<void> => {
    const abort = new AbortController()
    const onSpawn = (pid: number): void => {
      const identity = identityOf(pid)
      if (identity !== undefined) reaper.add(pid, identity)
    }
    const started = await Promise.allSettled(nodes.map(({ spec }) => startChild(spec, onSpawn, abort.signal)))
    running = started.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
    for (const one of started) if (one.status === 'rejected') throw one.reason
  }

  const end = async (signal: EndSignal): Promise<void> => {
    const children = running
    running = []
    await Promise.all(children.map(child => endOne(child, signal)))
    for (const { pid } of children) reaper.remove(pid)
  }

  return {
    names,
    urls: nodes.map(({ url }) => url),
    start,
    end,
    replicas: async stream => {
      const texts = await Promise.all(
        nodes.map(({ health_port }) => bodyOf(health_port, '/jsz?accounts=1&streams=1').catch(() => '')),
      )
      return texts.flatMap((text, i) => replicaIn(names[i] ?? '', text ?? '', stream))
    },
    logs: () => nodes.map(({ spec }) => ({ server: spec.name, text: readFileSync(spec.log_file, 'utf8') })),
    stop: async () => {
      await end('SIGKILL')
      reaper.done()
    },
  }
}
