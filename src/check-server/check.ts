/**
 * The check: three servers are written to and ended in the midst of it, again and again; each time they are back, every
 * replica is read by itself and compared with what was acknowledged and with the others.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { readCopies } from './copy.js'
import { compareCopies, complaintsIn, judgeCopy } from './judge.js'
import { createLoad, type Load } from './load.js'
import { createServers, type EndSignal, type Replica, type Servers } from './servers.js'
import { type Compression, connectTo, createStream, STREAM } from './stream.js'

export type CheckOptions = {
  readonly program: string
  /** Receives stores and logs. */
  readonly folder: string
  readonly compression: Compression
  readonly cycles: number
  /** How long each cycle writes. */
  readonly write_s: number
  /** How the servers are ended, in turns. */
  readonly signals: readonly EndSignal[]
  /** Hears what is going on. */
  readonly say: (line: string) => void
}

export type Outcome = {
  readonly acknowledged: number
  /** What was lost, changed or torn, a sentence each; none when the server keeps what it acknowledged. */
  readonly findings: readonly string[]
}

const WRITE_TIMEOUT_MS = 60_000
/** Servers that are ready know their streams a moment later. */
const APPEAR_TIMEOUT_MS = 10_000
const SETTLE_TIMEOUT_MS = 60_000
const LOOK_EVERY_MS = 200
const CREATE_TRIES_MAX = 30

/** A new cluster refuses streams until its first leader has heard of all nodes. */
const createPatiently = async (urls: readonly string[], compression: Compression): Promise<void> => {
  const nc = await connectTo(urls)
  try {
    for (let tries = 1; ; tries += 1) {
      try {
        return await createStream(nc, compression)
      } catch (error) {
        if (tries === CREATE_TRIES_MAX) throw error
        await pause(LOOK_EVERY_MS)
      }
    }
  } finally {
    await nc.close()
  }
}

/** Waits until the stream takes writes again; gives whether it does. */
const untilWritten = async (load: Load, before: number): Promise<boolean> => {
  const deadline = performance.now() + WRITE_TIMEOUT_MS
  while (load.acknowledged.size === before) {
    if (performance.now() > deadline) return false
    await pause(LOOK_EVERY_MS)
  }
  return true
}

/** Writes for a while, and ends the servers amid the writes; gives whether anything was acknowledged. */
const writeAndEnd = async (
  servers: Servers,
  load: Load,
  write_s: number,
  signal: EndSignal,
): Promise<boolean> => {
  const nc = await connectTo(servers.urls)
  const over = new AbortController()
  const before = load.acknowledged.size
  const writing = load.run(nc, over.signal)
  const is_written = await untilWritten(load, before)
  if (is_written) await pause(write_s * 1_000)
  await servers.end(signal)
  over.abort()
  await nc.close()
  await writing
  return is_written
}

const shownReplicas = (names: readonly string[], replicas: readonly Replica[]): string =>
  names
    .map(name => {
      const replica = replicas.find(({ server }) => server === name)
      return replica === undefined
        ? `${name} has none`
        : `${name} has ${replica.messages} events up to ${replica.last_seq}`
    })
    .join(', ')

/** Waits until all replicas have come to the same end; gives what there is to say when they do not. */
const untilEqual = async ({ names, replicas }: Servers): Promise<string[]> => {
  const began_ms = performance.now()
  for (;;) {
    const found = await replicas(STREAM)
    const ends = new Set(found.map(({ messages, last_seq }) => `${messages} ${last_seq}`))
    if (found.length === names.length && ends.size === 1) return []
    const waited_ms = performance.now() - began_ms
    if (found.length === 0 && waited_ms > APPEAR_TIMEOUT_MS)
      return ['no server has the stream any more: everything is gone']
    if (waited_ms > SETTLE_TIMEOUT_MS)
      return [`the replicas do not become equal: ${shownReplicas(names, found)}`]
    await pause(LOOK_EVERY_MS)
  }
}

const lookAtCopies = async (servers: Servers, load: Load): Promise<string[]> => {
  const nc = await connectTo(servers.urls)
  try {
    const read = await readCopies(nc, servers.names)
    const copies = read.filter(copy => typeof copy !== 'string')
    return [
      ...read.filter(copy => typeof copy === 'string'),
      ...copies.flatMap(copy => judgeCopy(copy, load.acknowledged)),
      ...compareCopies(copies),
      ...load.twice.map(seq => `sequence ${seq} was acknowledged for two events`),
    ]
  } catch (error) {
    return [`the copies cannot be read: ${error instanceof Error ? error.message : String(error)}`]
  } finally {
    await nc.close()
  }
}

const lookAtLogs = (servers: Servers): string[] =>
  servers.logs().flatMap(({ server, text }) => complaintsIn(server, text))

/** Starts the ended servers and looks at what they have. */
const startAndLook = async (servers: Servers, load: Load): Promise<string[]> => {
  try {
    await servers.start()
  } catch (error) {
    // its first line: what follows is the end of the log, which is looked at below
    const [text] = (error instanceof Error ? error.message : String(error)).split('\n')
    return [`they did not come back: ${text}`, ...lookAtLogs(servers)]
  }
  const unequal = await untilEqual(servers)
  return [...unequal, ...(await lookAtCopies(servers, load)), ...lookAtLogs(servers)]
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

/** One cycle; gives what was found. */
const runCycle = async (
  { write_s }: CheckOptions,
  servers: Servers,
  load: Load,
  signal: EndSignal,
): Promise<string[]> => {
  const is_written = await writeAndEnd(servers, load, write_s, signal)
  if (!is_written) return [`the stream took no event in ${seconds(WRITE_TIMEOUT_MS)}`, ...lookAtLogs(servers)]
  return startAndLook(servers, load)
}

const runCycles = async (options: CheckOptions, servers: Servers): Promise<Outcome> => {
  const { compression, cycles, signals, say } = options
  await servers.start()
  await createPatiently(servers.urls, compression)
  const load = createLoad()
  for (let cycle = 1; cycle <= cycles; cycle += 1) {
    const signal = signals[(cycle - 1) % signals.length] ?? 'SIGKILL'
    const [before, began_ms] = [load.acknowledged.size, performance.now()]
    const findings = await runCycle(options, servers, load, signal)
    const acknowledged = load.acknowledged.size
    const verdict = findings.length === 0 ? 'all there, three equal copies' : 'NOT as it was acknowledged'
    const took = seconds(performance.now() - began_ms)
    say(
      `cycle ${cycle} of ${cycles}: ${acknowledged - before} events acknowledged, ended with ${signal}: ${verdict} (${took})`,
    )
    if (findings.length > 0) return { acknowledged, findings }
  }
  return { acknowledged: load.acknowledged.size, findings: [] }
}

/** Checks a nats-server program. Rejects when it could not be checked; leaves no process behind. */
export const checkServer = async (options: CheckOptions): Promise<Outcome> => {
  const servers = await createServers(options.program, options.folder)
  try {
    return await runCycles(options, servers)
  } finally {
    await servers.stop()
  }
}
