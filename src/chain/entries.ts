/**
 * Reads the ledger stream as entries of the tree: sequence by sequence, with the bytes that nats-server stores.
 *
 * It reads by direct get from any replica, up to an end that is proved. A sequence that a replica passes over holds no
 * event only if the leader says so as well: a wrong "no event here" would be signed for ever.
 */

import { E, run, type TaskEither } from '../fp.js'
import { parseInstant } from '../instant.js'
import { againWhileBehind, BEHIND } from '../stream/behind.js'
import { readDirect } from '../stream/direct.js'
import type { DirectRecorded } from '../stream/direct-message.js'
import type { StreamError } from '../stream/errors.js'
import type { Proof } from '../stream/leadership.js'
import { nextProved, type Reader } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { type Entry, holeAt } from './leaf.js'

/** The number of events that are asked for at once. */
const PAGE_EVENTS = 1_000

const entryOf = ({ seq, subject, body, time, stored_headers: headers }: DirectRecorded): Entry => {
  const time_ns = parseInstant(time)
  if (time_ns === undefined)
    throw new Error(`event ${seq} of ${LEDGER_STREAM} came without the server's headers`)
  return { seq, time_ns, subject, headers, body }
}

/** Whether the leader says that there is no event from `from` to before `to`. */
const isHoleBefore = async (reader: Reader, from: number, to: number): Promise<boolean> => {
  const next = await run(nextProved(reader, LEDGER_SUBJECTS, from))
  return next === undefined || next.seq >= to
}

/** Whether every sequence of the stream holds an event: then none can be missing from an answer that is whole. */
const isWhole = ({ first_seq, last_seq, messages }: Proof): boolean => first_seq <= 1 && messages === last_seq

const readPage = async (
  reader: Reader,
  proof: Proof,
  from: number,
  to: number,
): Promise<E.Either<StreamError, readonly Entry[] | typeof BEHIND>> => {
  const read = await readDirect(reader.nc, LEDGER_STREAM, { seq: from, batch: to - from })()
  if (E.isLeft(read)) return read
  const entries: Entry[] = []
  let next = from
  const fillTo = async (seq: number): Promise<boolean> => {
    if (next === seq) return true
    if (isWhole(proof) || !(await isHoleBefore(reader, next, seq))) return false
    for (; next < seq; next += 1) entries.push(holeAt(next))
    return true
  }
  for (const recorded of read.right.messages) {
    if (recorded.seq < next) continue
    if (recorded.seq >= to || !(await fillTo(recorded.seq))) break
    entries.push(entryOf(recorded))
    next += 1
  }
  // the server bounds an answer by bytes too, so a page may end early
  if (entries.length === 0 && !(await fillTo(to))) return E.right(BEHIND)
  return E.right(entries)
}

const pageFrom =
  (reader: Reader, proof: Proof, from: number, to_seq: number): TaskEither<StreamError, readonly Entry[]> =>
  () =>
    againWhileBehind(`has event ${from} of ${LEDGER_STREAM}`, () =>
      readPage(reader, proof, from, Math.min(to_seq + 1, from + PAGE_EVENTS)),
    )

/**
 * Gives the entries from `from_seq` to `to_seq` in pages, without a gap. `proof` has to reach `to_seq`. Throws `Failed`
 * with a `StreamError` when no server gives them.
 */
export async function* readEntries(
  reader: Reader,
  proof: Proof,
  from_seq: number,
  to_seq: number,
): AsyncGenerator<readonly Entry[]> {
  let next = from_seq
  while (next <= to_seq) {
    const page = await run(pageFrom(reader, proof, next, to_seq))
    next += page.length
    yield page
  }
}
