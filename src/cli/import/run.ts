/**
 * Carries an import out: reads chunk after chunk, sends the rows of each in lanes beside each other, and counts what became of
 * them. The next chunk is read while one is sent.
 */

import type { Chunk } from './chunks.js'
import { lanesOf } from './lanes.js'
import type { Rejects } from './rejects.js'
import type { CommandRow, Reject } from './rows.js'
import type { Sender, Sent } from './send.js'

/** Requests that are under way at once. */
const LANES = 4

/** What became of the rows so far. */
export type Counts = {
  rows: number
  carried_out: number
  /** Carried out before, by an earlier run or by an earlier try. */
  known: number
  refused: number
  malformed: number
  /** The rows that were not carried out, by code. */
  readonly codes: Map<string, number>
}

export type Import = {
  readonly chunks: AsyncIterable<Chunk>
  /** Undefined: refused rows are only counted. */
  readonly rejects: Rejects | undefined
  /** Undefined: the rows are only checked, and nothing is sent. */
  readonly sender: Sender | undefined
  /** Is told the number of rows that are settled. */
  readonly onProgress: (rows: number) => void
}

export const noCounts = (): Counts => ({
  rows: 0,
  carried_out: 0,
  known: 0,
  refused: 0,
  malformed: 0,
  codes: new Map(),
})

const countCode = ({ codes }: Counts, { code }: Reject): void => {
  codes.set(code, (codes.get(code) ?? 0) + 1)
}

const countSent = (counts: Counts, sent: readonly Sent[]): void => {
  counts.rows += sent.length
  for (const one of sent) {
    if (one.tag === 'refused') {
      counts.refused += 1
      countCode(counts, one.reject)
    } else if (one.tag === 'known') counts.known += 1
    else counts.carried_out += 1
  }
}

/** Sends the commands of a chunk, and returns those that were refused. */
const sendChunk = async (
  sender: Sender,
  commands: readonly CommandRow[],
  counts: Counts,
  onProgress: Import['onProgress'],
): Promise<readonly Reject[]> => {
  const refused: Reject[] = []
  const onSent = (sent: readonly Sent[]): void => {
    countSent(counts, sent)
    for (const one of sent) if (one.tag === 'refused') refused.push(one.reject)
    onProgress(counts.rows)
  }
  const ended = await Promise.allSettled(lanesOf(commands, LANES).map(lane => sender.send(lane, onSent)))
  const failed = ended.find(one => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return refused
}

const importChunk = async (
  { sender, rejects, onProgress }: Import,
  { commands, heading, rejects: malformed }: Chunk,
  counts: Counts,
): Promise<void> => {
  counts.rows += malformed.length
  counts.malformed += malformed.length
  for (const reject of malformed) countCode(counts, reject)
  if (sender === undefined) counts.rows += commands.length
  const refused = sender === undefined ? [] : await sendChunk(sender, commands, counts, onProgress)
  await rejects?.write(
    heading,
    [...malformed, ...refused].sort((a, b) => a.row - b.row),
  )
  onProgress(counts.rows)
}

/**
 * Imports every row and adds to `counts`, which are right also when it fails. Throws `Failure` when the file cannot be read
 * or the ledger does not take the rows.
 */
export const runImport = async (work: Import, counts: Counts): Promise<void> => {
  let sending: Promise<void> = Promise.resolve()
  // a failure is thrown below, after the reading of the next chunk
  const begin = (chunk: Chunk): void => {
    sending = importChunk(work, chunk, counts)
    sending.catch(() => undefined)
  }
  try {
    for await (const chunk of work.chunks) {
      await sending
      begin(chunk)
    }
  } finally {
    await sending
  }
}
