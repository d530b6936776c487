/**
 * Where a time lies in the stream.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'

/**
 * The sequence of the first message of `subjects` that is not older than `time` (RFC 3339, to the nanosecond), as the
 * stream's leader has it; undefined when every message is older.
 */
export const firstSeqFrom = (
  jsm: JetStreamManager,
  stream: string,
  subjects: string,
  time: string,
): TaskEither<StreamError, number | undefined> => {
  // nats-server takes a time in place of a sequence; the client's type does not know that form
  const query = { start_time: time, next_by_subj: subjects } as unknown as {
    seq: number
    next_by_subj: string
  }
  return pipe(
    tryStream(`${stream} from ${time}`, () => jsm.streams.getMessage(stream, query)),
    TE.map(found => found?.seq),
  )
}
