/**
 * Fills a table that has no readers yet: folds the stream in memory, and writes the result a checkpoint at a time.
 *
 * Every customer's account is held in memory (about 300 bytes each), so a customer is written once per checkpoint
 * however many events it has. Rows are held until they are written. Reading goes on while a checkpoint is written.
 */

import { type AccountId, eventSubject } from '../../ledger/account-id.js'
import { chunksOf } from '../../parallel.js'
import { readPages } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import { noteParked } from '../parked.js'
import { readSkips } from '../skips.js'
import type { Target } from '../target.js'
import { PATIENT, writeParts } from '../write-parts.js'
import type { TableContent } from './expected.js'
import { createFoldGatherer, type Gathered } from './fold-gatherer.js'

export type FillOptions = {
  /** The time between two checkpoints; a replay that is killed goes on from the last checkpoint. */
  readonly checkpoint_ms: number
  /** Called when everything up to `seq` is written. It throws to end the fill. */
  readonly onCheckpoint: (seq: number) => Promise<void>
  /** Called when everything up to `seq` is folded. */
  readonly onProgress: (seq: number) => void
  readonly signal: AbortSignal
}

export type Filler = {
  /** Folds and writes everything up to stream sequence `seq`. Throws `Failed`, or what reading throws. */
  readonly to: (seq: number) => Promise<void>
  /** The stream sequence up to which everything is in the table. */
  readonly position: () => number
}

/** The number of events that are folded at a stretch, before other work in this process gets its turn. */
const CHUNK_EVENTS = 1_000
/** A checkpoint begins early when this many rows wait for it; a row is about as large as its event. */
const ROWS_MAX = 20_000

/**
 * Creates a filler that begins at `from_seq`. `expected` is the table's content up to there, and the filler updates
 * it.
 */
export const createFiller = (
  target: Target,
  expected: TableContent,
  from_seq: number,
  { checkpoint_ms, onCheckpoint, onProgress, signal }: FillOptions,
): Filler => {
  const gatherer = createFoldGatherer(target, expected)
  let written_seq = from_seq - 1
  let writing: Promise<void> = Promise.resolve()
  let began_ms = performance.now()

  const write = async ({ levels, parked }: Gathered, seq: number): Promise<void> => {
    await noteParked(target, parked)
    const refused = await writeParts(target, levels, signal, PATIENT)
    // refused rows are not expected in the table; they are subtracted, because more rows were gathered in the meantime
    expected.rows -= refused
    await onCheckpoint(seq)
    written_seq = seq
  }

  /** Waits until the checkpoint before is written, and begins to write what was gathered since. */
  const checkpoint = async (seq: number): Promise<void> => {
    await writing
    writing = write(gatherer.take(), seq)
    // a failure is thrown at the next checkpoint or at the end; until then it must not be an unhandled rejection
    writing.catch(() => undefined)
    expected.unwritten_rows = 0
    began_ms = performance.now()
  }

  /** Folds a parked customer again, whose decision was found, from the event at which the customer waits. */
  const takeUp = async (id: AccountId, parked_seq: number, to_seq: number): Promise<void> => {
    const takeMore = gatherer.takeUp(id, await readSkips(target, id, parked_seq, to_seq))
    const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq: parked_seq, to_seq }
    for await (const page of readPages(target.nc, range)) takeMore(page)
  }

  const fold = async (seq: number): Promise<void> => {
    const range = {
      stream: LEDGER_STREAM,
      subject: LEDGER_SUBJECTS,
      from_seq: written_seq + 1,
      to_seq: seq,
      // a replay makes the consumer of its projection, so it has the right to
      may_consume: true,
    } as const
    for await (const page of readPages(target.nc, range)) {
      for (const records of chunksOf(CHUNK_EVENTS, page)) {
        signal.throwIfAborted()
        gatherer.run(records)
        const folded_seq = records.at(-1)?.seq ?? 0
        for (const [id, parked_seq] of gatherer.takeDecided()) await takeUp(id, parked_seq, folded_seq)
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
        // no write may go on after this call has ended
        await writing
      }
      onProgress(seq)
    },
    position: () => written_seq,
  }
}
