/**
 * Runs the check: it writes to three servers and ends them during the writes, again and again. Each time they are
 * back, it reads every replica by itself, and compares it with the acknowledged events and with the other replicas.
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { readCopies } from './copy.js'
import { compareCopies, complaintsIn, judgeCopy } from './judge.js'
import { createLoad, type Load } from './load.js'
import { createServers, type EndSignal, type Replica, type Servers } from './servers.js'
import { type Compression, connectTo, createStream, STREAM } from './stream.js'

export type CheckOptions = {
  readonly program: string
  /** The path of the folder for the stores and logs. */
  readonly folder: string
  readonly compression: Compression
  readonly cycles: number
  /** The time in which each cycle writes. */
  readonly write_s: number
  /** The signals that end the servers, one after the other in the cycles. */
  readonly signals: readonly EndSignal[]
  /** Called with a line of progress after each cycle. */
  readonly say: (line: string) => void
}

export type Outcome = {
  readonly acknowledged: number
  /** Sentences about lost, changed or incomplete writes; empty when the server keeps what it acknowledged. */
  readonly findings: readonly string[]
}

const WRITE_TIMEOUT_MS = 60_000
/** Servers know their streams only a moment after they are ready. */
const APPEAR_TIMEOUT_MS = 10_000
const SETTLE_TIMEOUT_MS = 60_000
const LOOK_EVERY_MS = 200
const CREATE_TRIES_MAX = 30

/** Creates the stream, with repetitions: a new cluster refuses streams until its first leader knows all nodes. */
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

/** Waits until the stream takes writes again. Resolves with false when it takes none in time. */
const untilWritten = async (load: Load, before: number): Promise<boolean> => {
  const deadline = performance.now() + WRITE_TIMEOUT_MS
  while (load.acknowledged.size === before) {
    if (performance.now() > deadline) return false
    await pause(LOOK_EVERY_MS)
  }
  return true
}

/** Writes for a while, and ends the servers during the writes. Resolves with whether any write was acknowledged. */
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

/**
 * Writes once more, and waits until that is the last event of all replicas. Resolves with a sentence when it does not
 * become so. Without that write the replicas may be equal for a moment only: what was in the log of the replicas when
 * they were ended, and not yet agreed on, is stored when they have a leader again, on one server after the other.
 */
const untilEqual = async (
  { names, replicas }: Servers,
  nc: NatsConnection,
  load: Load,
): Promise<string[]> => {
  const began_ms = performance.now()
  let last_seq: number | undefined
  let refusal = ''
  for (;;) {
    last_seq ??= await load.writeOnce(nc).catch((error: unknown) => {
      refusal = error instanceof Error ? error.message : String(error)
      return undefined
    })
    const found = await replicas(STREAM)
    const counts = new Set(found.map(({ messages }) => messages))
    const is_equal = counts.size === 1 && found.every(replica => replica.last_seq === last_seq)
    if (found.length === names.length && is_equal) return []
    const waited_ms = performance.now() - began_ms
    if (found.length === 0 && waited_ms > APPEAR_TIMEOUT_MS)
      return ['no server has the stream any more: everything is gone']
    if (waited_ms > SETTLE_TIMEOUT_MS) {
      const what =
        last_seq === undefined ? `the stream takes no event (${refusal})` : 'the replicas do not become equal'
      return [`${what}: ${shownReplicas(names, found)}`]
    }
    await pause(LOOK_EVERY_MS)
  }
}

const lookAtCopies = async (servers: Servers, load: Load): Promise<string[]> => {
  const nc = await connectTo(servers.urls)
  try {
    const unequal = await untilEqual(servers, nc, load)
    const read = await readCopies(nc, servers.names)
    const copies = read.filter(copy => typeof copy !== 'string')
    return [
      ...unequal,
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

/** Starts the ended servers, and resolves with the findings in their copies and logs. */
const startAndLook = async (servers: Servers, load: Load): Promise<string[]> => {
  try {
    await servers.start()
  } catch (error) {
    // only its first line: the other lines are the end of the log, which is examined below
    const [text] = (error instanceof Error ? error.message : String(error)).split('\n')
    return [`they did not come back: ${text}`, ...lookAtLogs(servers)]
  }
  return [...(await lookAtCopies(servers, load)), ...lookAtLogs(servers)]
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

/** Runs one cycle, and resolves with its findings. */
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

/** Checks a nats-server program. Rejects when the check is not possible. Leaves no process behind. */
export const checkServer = async (options: CheckOptions): Promise<Outcome> => {
  const servers = await createServers(options.program, options.folder)
  try {
    return await runCycles(options, servers)
  } finally {
    await servers.stop()
  }
}
