/**
 * Fills a table that nobody reads yet: the stream folded in memory, and written a checkpoint at a time.
 *
 * Every customer's account is held in memory (about 300 bytes each), so a customer is written once per checkpoint
 * however many events it has; rows are held until they are written. Reading goes on while a checkpoint is written.
 */

import { type ClientId, eventSubject } from '../../ledger/client-id.js'
import { chunksOf } from '../../parallel.js'
import { readPages } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import { noteParked } from '../parked.js'
import { readSkips } from '../skips.js'
import type { Target } from '../target.js'
import { PATIENT, writeParts } from '../write-parts.js'
import type { Expected } from './expected.js'
import { createGatherer, type Gathered } from './gather.js'

export type FillOptions = {
  /** After so long what is gathered is written, and a replay that is killed begins again from there. */
  readonly checkpoint_ms: number
  /** Told when everything up to `seq` is written. Throws to end the fill. */
  readonly onCheckpoint: (seq: number) => Promise<void>
  readonly onProgress: (seq: number) => void
  readonly signal: AbortSignal
}

export type Filler = {
  /** Folds and writes everything up to stream sequence `seq`. Throws `Failed`, or what reading throws. */
  readonly to: (seq: number) => Promise<void>
  /** Everything up to this stream sequence is in the table. */
  readonly position: () => number
}

/** Folded at once, before anything else may happen in this process. */
const CHUNK_EVENTS = 1_000
/** Rows that wait for their checkpoint; a row is about as large as its event. */
const ROWS_MAX = 20_000

/** Goes on at `from_seq` over `expected`, which holds what the table holds, and is kept current. */
export const createFiller = (
  target: Target,
  expected: Expected,
  from_seq: number,
  { checkpoint_ms, onCheckpoint, onProgress, signal }: FillOptions,
): Filler => {
  const gatherer = createGatherer(target, expected)
  let written_seq = from_seq - 1
  let writing: Promise<void> = Promise.resolve()
  let began_ms = performance.now()

  const write = async ({ levels, parked }: Gathered, seq: number): Promise<void> => {
    await noteParked(target, parked)
    const refused = await writeParts(target, levels, signal, PATIENT)
    // what the table refuses is not expected there when both are compared; rows were gathered meanwhile
    expected.rows -= refused
    await onCheckpoint(seq)
    written_seq = seq
  }

  /** Begins to write what is gathered, when the checkpoint before it is written. */
  const checkpoint = async (seq: number): Promise<void> => {
    await writing
    writing = write(gatherer.take(), seq)
    // its failure is thrown at the next checkpoint or at the end; until then it is not unhandled
    writing.catch(() => undefined)
    expected.unwritten_rows = 0
    began_ms = performance.now()
  }

  /** Folds a customer again whose decision was met: its subject is read from the event that it waits at. */
  const takeUp = async (id: ClientId, parked_seq: number, to_seq: number): Promise<void> => {
    const takeMore = gatherer.takeUp(id, await readSkips(target, id, parked_seq, to_seq))
    const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq: parked_seq, to_seq }
    for await (const page of readPages(target.nc, range)) takeMore(page)
  }

  const fold = async (seq: number): Promise<void> => {
    const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: written_seq + 1, to_seq: seq }
    for await (const page of readPages(target.nc, range)) {
      for (const records of chunksOf(CHUNK_EVENTS, page)) {
        signal.throwIfAborted()
        gatherer.run(records)
        const folded_seq = records.at(-1)?.seq ?? 0
        for (const [id, parked_seq] of gatherer.decided()) await takeUp(id, parked_seq, folded_seq)
        onProgress(folded_seq)
        if (performance.now() - began_ms < checkpoint_ms && expected.unwritten_rows < ROWS_MAX) continue
        await checkpoint(folded_seq)
      }
    }
    signal.throwIfAborted()
    await checkpoint(seq)
  }

  return {
    to: async seq => {
      try {
        await fold(seq)
      } finally {
        // nothing may go on behind the caller's back
        await writing
      }
      onProgress(seq)
    },
    position: () => written_seq,
  }
}
