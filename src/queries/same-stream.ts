/**
 * Whether the stream is still the one that the queries of this process began with.
 *
 * A stream that was deleted and made anew, or restored, says nothing of the ledger until a person has accepted it, and a
 * process looks for that every two seconds only (docs/adr/0025). So what was read from the stream counts for an answer
 * when the stream's leader proves afterwards which one it is.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E } from '../fp.js'
import { isOneStream, type Origin, readPoint } from '../stream/identity.js'
import { leadershipOf, type Proof } from '../stream/leadership.js'

/** What is said instead of an answer from a stream that is not the one that it was. */
export const ANOTHER_STREAM = 'the stream is not the one that it was a moment ago'

export type SameStream = {
  /** Asks after the call; concurrent calls share a question. False also while nobody can be asked. */
  readonly check: () => Promise<boolean>
  /** Whether a proof speaks of it that was asked for when the stream had been followed up to `followed_seq`. */
  readonly isIn: (proof: Proof, followed_seq: number) => Promise<boolean>
}

/** `position` tells up to where the stream was followed: it does not become shorter. */
export const createSameStream = (
  { nc, jsm }: { readonly nc: NatsConnection; readonly jsm: JetStreamManager },
  position: () => number,
): SameStream => {
  let known: Origin | undefined

  /** Notes what the stream is known by; false when that is something else than it was, or cannot be had. */
  const recognise = async ({ created, first_seq, last_seq }: Proof): Promise<boolean> => {
    const is_empty = last_seq < first_seq || last_seq === 0
    const first = is_empty ? E.right(undefined) : await readPoint(jsm, first_seq)()
    if (E.isLeft(first)) return false
    const origin = { created, missing: 0, ...(first.right === undefined ? {} : { first: first.right }) }
    if (known !== undefined && !isOneStream(known, origin)) return false
    known = origin
    return true
  }

  const isIn = async (proof: Proof, followed_seq: number): Promise<boolean> => {
    // an empty stream has no event to be known by: its first one is noted once it is there
    const is_known = proof.created === known?.created && known.first !== undefined
    return (is_known || (await recognise(proof))) && proof.last_seq >= followed_seq
  }

  return {
    isIn,
    check: async () => {
      const followed_seq = position()
      const proved = await leadershipOf(nc).prove()()
      return E.isRight(proved) && isIn(proved.right, followed_seq)
    },
  }
}
