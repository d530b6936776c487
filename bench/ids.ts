/**
 * The benchmark of a start with many known transaction ids: the time until the set of ids is whole, and the memory, first
 * without a checkpoint and then from the one that the first start has written.
 *
 * The events are real ones in a real stream. The process has the role `commands` alone and no tables, because neither has to
 * do with the ids.
 */

import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { inParallel } from '../src/parallel.js'
import { createStack } from '../src/stack.js'
import { LEDGER_STREAM, TRANSACTION_IDS_STREAM } from '../src/stream/settings.js'
import type { Benchmark, Surroundings } from './benchmark.js'
import { memory_bytes } from './processes/cpu.js'
import { type ServiceOptions, startService, untilReady, WITHOUT_PROJECTOR } from './processes/service.js'
import { MB, whole } from './rebuild-rounds.js'
import { openGround } from './stage.js'
import { publishEvents } from './work/events.js'

/** Events of a chunk of the checkpoint (src/commands/idempotency/id-chunk.ts). */
const CHUNK_EVENTS = 65_536
const WHOLE_MS_GOAL = 10_000
const MEMORY_BYTES_GOAL = 1_536 * MB
/** A start without a checkpoint reads at least so fast, on any machine. */
const EVENTS_PER_MS_MIN = 5
const PATIENCE_MS = 60_000
const POLL_MS = 100
const PUBLISHERS = 4
const READ = 'the transaction ids were read'

type Start = {
  readonly from_checkpoint: number
  readonly ready_ms: number
  /** From the start of the process until its set of ids was whole. */
  readonly whole_ms: number
  readonly peak_bytes: number
}

type Line = { readonly msg?: string; readonly time?: string; readonly from_checkpoint?: number }

/** The line in which the process says that the ids were read; undefined while it has not. */
const lineOf = (log_file: string, after_lines: number): Line | undefined =>
  readFileSync(log_file, 'utf8')
    .split('\n')
    .slice(after_lines)
    .filter(line => line.includes(READ))
    .map(line => JSON.parse(line) as Line)
    .at(0)

const linesIn = (log_file: string): number => readFileSync(log_file, 'utf8').split('\n').length - 1

const answersPing = ({ nc }: ServiceOptions): Promise<boolean> =>
  nc.request('$SRV.PING.customer', '', { timeout: POLL_MS }).then(
    () => true,
    () => false,
  )

/** Starts the program once, and stops it when its ids are whole and the checkpoint has `chunks` chunks. */
const measureStart = async (
  options: ServiceOptions,
  jsm: JetStreamManager,
  events: number,
  signal: AbortSignal,
): Promise<Start> => {
  const began = Date.now()
  const service = startService(options)
  const after_lines = linesIn(service.log_file)
  try {
    let peak_bytes = 0
    await untilReady(service, () => answersPing(options), signal)
    const ready_ms = Date.now() - began
    const deadline = Date.now() + PATIENCE_MS + events / EVENTS_PER_MS_MIN
    const until = async <A>(look: () => Promise<A | undefined>): Promise<A> => {
      for (;;) {
        signal.throwIfAborted()
        peak_bytes = Math.max(peak_bytes, memory_bytes(service.pid) ?? 0)
        const found = await look()
        if (found !== undefined) return found
        if (Date.now() > deadline) throw new Error(`the ids were not read in time; see ${service.log_file}`)
        await pause(POLL_MS)
      }
    }
    const { time = '', from_checkpoint = 0 } = await until(async () => lineOf(service.log_file, after_lines))
    const chunks = Math.floor(events / CHUNK_EVENTS)
    await until(async () => {
      const { messages } = (await jsm.streams.info(TRANSACTION_IDS_STREAM)).state
      return messages >= chunks ? messages : undefined
    })
    return { from_checkpoint, ready_ms, whole_ms: Date.parse(time) - began, peak_bytes }
  } finally {
    await service.stop()
  }
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(1)

const row = (name: string, { from_checkpoint, ready_ms, whole_ms, peak_bytes }: Start): string[] => [
  name,
  whole(from_checkpoint),
  seconds(ready_ms),
  seconds(whole_ms),
  whole(peak_bytes / MB),
]

/** Publishes the events; their order does not matter, so some publishers work beside each other. */
const publishAll = async (
  { nc }: ServiceOptions,
  jsm: JetStreamManager,
  customers: number,
  events: number,
  { signal, say }: Surroundings,
): Promise<void> => {
  say(`publishing ${whole(events)} events of ${whole(customers)} customers`)
  const part = Math.ceil(events / PUBLISHERS)
  const began_ms = performance.now()
  await inParallel(
    PUBLISHERS,
    Array.from({ length: PUBLISHERS }, (_, i) => i * part),
    from => publishEvents(nc, customers, from, Math.min(from + part, events), signal),
  )
  const { state } = await jsm.streams.info(LEDGER_STREAM)
  say(`the stream has ${whole(state.messages)} events after ${seconds(performance.now() - began_ms)} s`)
}

export const ids: Benchmark = async (options, sync_interval, surroundings) => {
  const cleanup = createStack()
  const { signal, say } = surroundings
  try {
    const ground = await openGround(options, sync_interval, cleanup)
    const env = { ...WITHOUT_PROJECTOR, LOG_LEVEL: 'info' }
    const profile = options.profile_dir === undefined ? {} : { profile_dir: options.profile_dir }
    const service: ServiceOptions = { ...ground, ...profile, roles: 'commands', env }
    const jsm = await jetstreamManager(ground.nc)
    // a first process makes the ledger
    const first = startService(service)
    await untilReady(first, () => answersPing(service), signal)
    await first.stop()
    const customers = options.customers.at(-1) ?? 1
    await publishAll(service, jsm, customers, options.events, surroundings)
    const without = await measureStart(service, jsm, options.events, signal)
    say(`without a checkpoint: ${seconds(without.whole_ms)} s`)
    const starts: Start[] = []
    for (let round = 0; round < options.rounds; round += 1) {
      const start = await measureStart(service, jsm, options.events, signal)
      starts.push(start)
      say(`from the checkpoint: ${seconds(start.whole_ms)} s`)
    }
    const whole_ms = Math.max(...starts.map(start => start.whole_ms))
    const peak_bytes = Math.max(...starts.map(start => start.peak_bytes))
    const verdict = (is_met: boolean): string => (is_met ? 'met' : 'missed')
    return {
      title: 'ids: a start with many known transaction ids',
      settings: {
        events: whole(options.events),
        customers: whole(customers),
        rounds: options.rounds,
        node: process.version,
      },
      lines: [],
      tables: [
        {
          head: ['start', 'ids from the checkpoint', 'answers after s', 'all ids known after s', 'peak MB'],
          rows: [
            row('without a checkpoint', without),
            ...starts.map(start => row('from the checkpoint', start)),
          ],
        },
        {
          head: ['the slowest and largest start', 'value', 'goal for 50,000,000', ''],
          rows: [
            [
              'all ids known after s',
              seconds(whole_ms),
              seconds(WHOLE_MS_GOAL),
              verdict(whole_ms <= WHOLE_MS_GOAL),
            ],
            [
              'peak MB',
              whole(peak_bytes / MB),
              whole(MEMORY_BYTES_GOAL / MB),
              verdict(peak_bytes <= MEMORY_BYTES_GOAL),
            ],
          ],
        },
      ],
    }
  } finally {
    await cleanup.stop()
  }
}
