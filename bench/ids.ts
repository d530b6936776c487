/**
 * The benchmark of a start with many known transaction ids: the time until the set of ids is certain, and its memory, from a
 * checkpoint and without one.
 *
 * Only the newest events are stored, as real ones: the ledger begins where they begin. The chunks of the checkpoint before
 * them are made of random hashes, and are linked to those of the real events. A start compares a chunk with one event of the
 * ledger in a row of chunks, so it does the same work as with all events; only a few samples find no event.
 */

import { randomFillSync } from 'node:crypto'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { unwrap } from '../src/fp.js'
import { hashOfEvent } from '../src/known-ids/hash-of-event.js'
import {
  CHUNK_EVENTS,
  ChunkCollector,
  chunkNameAfter,
  chunkSubject,
  IdChunk,
  type NamedChunk,
} from '../src/known-ids/id-chunk.js'
import type { IdHash } from '../src/known-ids/id-hash.js'
import { createStack } from '../src/stack.js'
import { applyTransactionIds } from '../src/stream/provision.js'
import { publish } from '../src/stream/publish.js'
import { readRange } from '../src/stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS, ledgerStream } from '../src/stream/settings.js'
import type { Benchmark, Surroundings } from './benchmark.js'
import type { Options } from './options.js'
import { startChild } from './processes/child.js'
import type { StartReport } from './processes/known-ids.js'
import { MB, whole } from './rebuild-rounds.js'
import { openGround } from './stage.js'
import { publishEvents } from './work/events.js'

/** The newest events, which are real: some chunks, and some events after the last chunk. */
const REAL_CHUNKS = 3
const TAIL_EVENTS = 30_000
const REAL_EVENTS = REAL_CHUNKS * CHUNK_EVENTS + TAIL_EVENTS
const CERTAIN_MS_GOAL = 10_000
const MEMORY_BYTES_GOAL = 1_536 * MB
const PUBLISH_MS_MAX = 10_000

type Ground = Awaited<ReturnType<typeof openGround>>
type Place = Ground & { readonly jsm: JetStreamManager; readonly first_seq: number }

/** Makes the streams. The ledger is empty, and its first event will have the sequence after `old_chunks` chunks. */
const makeStreams = async (ground: Ground, old_chunks: number): Promise<Place> => {
  const { nc, replicas } = ground
  const jsm = await jetstreamManager(nc)
  const first_seq = old_chunks * CHUNK_EVENTS + 1
  await jsm.streams.add({ ...ledgerStream({ replicas }), first_seq })
  return { ...ground, jsm, first_seq }
}

/** Chunks of random hashes: each costs as much as a real one. */
function* oldChunks(chunks: number): Generator<NamedChunk> {
  let before = '0'
  for (let index = 0; index < chunks; index += 1) {
    const chunk = IdChunk.empty(index, CHUNK_EVENTS)
    randomFillSync(chunk.body)
    const seq = (index + 1) * CHUNK_EVENTS
    const own = chunkNameAfter(before, { seq, subject: '', body: new Uint8Array(), at: new Date(0) })
    yield { name: { index, before, own }, chunk }
    before = own
  }
}

const storeChunk = async ({ nc }: Place, { name, chunk }: NamedChunk): Promise<void> => {
  const message = { subject: chunkSubject(name), body: chunk.body, expected_last_subject_seq: 0 }
  unwrap(await publish(nc, message, PUBLISH_MS_MAX)())
}

/** Stores the checkpoint: `old_chunks` ones of random hashes, and then those of the real events. */
const storeCheckpoint = async (place: Place, old_chunks: number, signal: AbortSignal): Promise<void> => {
  const { nc, jsm, replicas, first_seq } = place
  unwrap(await applyTransactionIds(nc, { replicas })())
  const collector = new ChunkCollector(CHUNK_EVENTS)
  for (const old of oldChunks(old_chunks)) {
    signal.throwIfAborted()
    await storeChunk(place, old)
    collector.goAfter(old)
  }
  const { state } = await jsm.streams.info(LEDGER_STREAM)
  const real = {
    stream: LEDGER_STREAM,
    subject: LEDGER_SUBJECTS,
    from_seq: first_seq,
    to_seq: state.last_seq,
  }
  const hash: IdHash = { low: 0, high: 0 }
  for await (const { seq, subject, body, at } of readRange(nc, real)) {
    const has_id = hashOfEvent(body, hash)
    const made = collector.take({ seq, subject, data: body, time: at }, has_id ? hash : undefined)
    if (made !== undefined) await storeChunk(place, made)
  }
}

/** Starts the set of ids in a process of its own. */
const measureStart = async ({ nats_url }: Place, signal: AbortSignal): Promise<StartReport> => {
  const child = startChild('known-ids', { args: [nats_url] })
  const abort = (): void => void child.stop()
  signal.addEventListener('abort', abort, { once: true })
  const answer = new Promise<StartReport>(resolve => child.process.once('message', resolve as () => void))
  const ended = child.ended.then(how => Promise.reject(new Error(`the set of known ids ${how}`)))
  ended.catch(() => undefined)
  try {
    return await Promise.race([answer, ended])
  } finally {
    signal.removeEventListener('abort', abort)
    await child.stop()
  }
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(1)

const row = (name: string, ids: number, start: StartReport): string[] => [
  name,
  whole(ids),
  seconds(start.took_ms),
  whole((ids / start.took_ms) * 1_000),
  seconds(start.cpu_ms),
  whole(start.peak_bytes / MB),
  whole(start.held_ms),
  start.maybe_share === 0 ? 'none' : `1 in ${whole(1 / start.maybe_share)}`,
]

const HEAD = [
  'start',
  'ids',
  'certain after s',
  'ids/s',
  'cpu s',
  'peak MB',
  'loop held ms',
  'looked up for nothing',
]

const verdict = (is_met: boolean): string => (is_met ? 'met' : 'missed')

const goalsOf = (starts: readonly StartReport[]): string[][] => {
  const took_ms = Math.max(...starts.map(start => start.took_ms))
  const peak_bytes = Math.max(...starts.map(start => start.peak_bytes))
  return [
    ['certain after s', seconds(took_ms), seconds(CERTAIN_MS_GOAL), verdict(took_ms <= CERTAIN_MS_GOAL)],
    [
      'peak MB',
      whole(peak_bytes / MB),
      whole(MEMORY_BYTES_GOAL / MB),
      verdict(peak_bytes <= MEMORY_BYTES_GOAL),
    ],
  ]
}

type Size = {
  /** The chunks of random hashes; undefined: there is no checkpoint, and the ledger begins with the real events. */
  readonly old_chunks: number | undefined
  readonly rounds: number
}

/** Measures starts on servers of their own. */
const measureStarts = async (
  { old_chunks, rounds }: Size,
  { customers, ...options }: Options,
  sync_interval: string,
  { signal, say }: Surroundings,
): Promise<readonly StartReport[]> => {
  const cleanup = createStack()
  try {
    const place = await makeStreams(await openGround(options, sync_interval, cleanup), old_chunks ?? 0)
    say(`publishing ${whole(REAL_EVENTS)} real events`)
    await publishEvents(place.nc, customers.at(-1) ?? 1, 0, REAL_EVENTS, signal)
    if (old_chunks !== undefined) {
      say(`storing ${whole(old_chunks + REAL_CHUNKS)} chunks`)
      await storeCheckpoint(place, old_chunks, signal)
    }
    const starts: StartReport[] = []
    for (let round = 0; round < rounds; round += 1) {
      const start = await measureStart(place, signal)
      starts.push(start)
      say(`certain after ${seconds(start.took_ms)} s`)
    }
    return starts
  } finally {
    await cleanup.stop()
  }
}

export const ids: Benchmark = async (options, sync_interval, surroundings) => {
  const { events, rounds } = options
  const old_chunks = Math.max(0, Math.floor((events - REAL_EVENTS) / CHUNK_EVENTS))
  const measure = (size: Size) => measureStarts(size, options, sync_interval, surroundings)
  const without = await measure({ old_chunks: undefined, rounds: 1 })
  const starts = await measure({ old_chunks, rounds })
  return {
    title: 'ids: a start with many known transaction ids',
    settings: { events: whole(events), rounds, node: process.version },
    lines: [],
    tables: [
      {
        head: HEAD,
        rows: [
          ...without.map(start => row('without a checkpoint', REAL_EVENTS, start)),
          ...starts.map(start => row('from the checkpoint', events, start)),
        ],
      },
      { head: ['the slowest and largest start', 'value', 'goal for 50,000,000', ''], rows: goalsOf(starts) },
    ],
  }
}
