/**
 * Finds the sequence at which a time begins in the ledger stream.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { formatInstant, parseInstant } from '../instant.js'
import { againWhileBehind, BEHIND } from './behind.js'
import { type StreamError, tryStream } from './errors.js'
import { LEDGER_STREAM } from './settings.js'

type Deps = { readonly jsm: JetStreamManager }

const firstOf = (
  { jsm }: Deps,
  subjects: string,
  time: string,
): TaskEither<StreamError, number | undefined> => {
  // nats-server takes a time in place of a sequence; the client's type does not know that form
  const query = { start_time: time, next_by_subj: subjects } as unknown as {
    seq: number
    next_by_subj: string
  }
  return pipe(
    tryStream(`${LEDGER_STREAM} from ${time}`, () => jsm.streams.getMessage(LEDGER_STREAM, query)),
    TE.map(found => found?.seq),
  )
}

/** Whether the server has the event at `seq` and it is older than `ns`; a server that is behind lacks the event. */
const isOlder = ({ jsm }: Deps, seq: number, ns: bigint): TaskEither<StreamError, boolean> =>
  seq === 0
    ? TE.right(true)
    : pipe(
        tryStream(`read ${LEDGER_STREAM} at ${seq}`, () => jsm.streams.getMessage(LEDGER_STREAM, { seq })),
        TE.map(found => (found === null ? ns : (parseInstant(found.timestamp) ?? ns)) < ns),
      )

/**
 * The sequence of the first event of `subjects` that is not older than `ns` (nanoseconds since 1970), or the sequence
 * after `end_seq` when every event up to `end_seq` is older. The ledger must hold an event at `end_seq`: a server that
 * finds no event may only be behind, so that event's own time has to show that it is older. `TryAgain` while no server
 * can tell.
 */
export const firstSeqFrom =
  (deps: Deps, subjects: string, ns: bigint, end_seq: number): TaskEither<StreamError, number> =>
  () =>
    againWhileBehind(`tells where ${formatInstant(ns)} lies in the stream`, async () => {
      const first = await firstOf(deps, subjects, formatInstant(ns))()
      if (E.isLeft(first)) return first
      if (first.right !== undefined) return E.right(Math.min(first.right, end_seq + 1))
      const older = await isOlder(deps, end_seq, ns)()
      return E.isLeft(older) ? older : E.right(older.right ? end_seq + 1 : BEHIND)
    })
