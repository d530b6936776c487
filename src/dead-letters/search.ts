/**
 * Searches the dead letters for an event that nobody knows the sequence of: no table has a row of an event without effect.
 */

import type { NatsConnection } from 'nats'
import { run, type TaskEither } from '../fp.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { streamInfo } from '../stream/provision.js'
import { readRange } from '../stream/read.js'
import { DEAD_LETTER_PREFIX, DEAD_LETTER_STREAM } from '../stream/settings.js'
import { readClaims } from './form.js'
import { isMarkSubject } from './marks.js'

export type LettersFound = {
  /** The sequences in the ledger that the letters name, newest letter first. Whether an event stands there is not looked at. */
  readonly seqs: readonly number[]
  /** Whether there are no older letters than those that were looked at. */
  readonly is_whole: boolean
}

/** Looks through the newest `letters_max` messages of the dead letters for bodies that `isMeant` takes. */
export const searchLetters = (
  nc: NatsConnection,
  isMeant: (body: Uint8Array) => boolean,
  letters_max: number,
): TaskEither<StreamError, LettersFound> =>
  tryStream('search the dead letters', async () => {
    const { state } = await run(streamInfo(nc, DEAD_LETTER_STREAM))
    const from_seq = Math.max(state.last_seq - letters_max + 1, 1)
    const range = { stream: DEAD_LETTER_STREAM, subject: `${DEAD_LETTER_PREFIX}>` }
    const seqs = new Set<number>()
    for await (const message of readRange(nc, { ...range, from_seq, to_seq: state.last_seq })) {
      if (isMarkSubject(message.subject) || !isMeant(message.body)) continue
      const claims = readClaims(message)
      if (claims !== undefined) seqs.add(claims.seq)
    }
    return { seqs: [...seqs].reverse(), is_whole: from_seq === 1 }
  })
