/**
 * Checks whether the stream is still the one that the queries of this process began with.
 *
 * A stream that was deleted and created again, or restored, says nothing about the ledger until a person has accepted
 * it, and a process looks for that only every two seconds (docs/adr/0025). So a read of the stream counts for an answer
 * only when the stream's leader proves afterwards which stream it is.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E } from '../fp.js'
import { isOneStream, type Origin, readPoint } from '../stream/identity.js'
import { leadershipOf, type Proof } from '../stream/leadership.js'

/** The error text for a read from a stream that has been replaced. */
export const ANOTHER_STREAM = 'the stream is not the one that it was a moment ago'

export type SameStream = {
  /** Asks the stream's leader after the call; concurrent calls share a question. False also while no leader answers. */
  readonly check: () => Promise<boolean>
  /** Whether a proof is about this stream. It was asked for when the stream had been followed up to `followed_seq`. */
  readonly isIn: (proof: Proof, followed_seq: number) => Promise<boolean>
}

/** `position` gives the sequence up to which the stream was followed: the same stream never ends before it. */
export const createSameStream = (
  { nc, jsm }: { readonly nc: NatsConnection; readonly jsm: JetStreamManager },
  position: () => number,
): SameStream => {
  let known: Origin | undefined

  /** Notes the origin of the stream. False when it differs from the origin noted before, or cannot be read. */
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
    // an empty stream has no event to recognise it by: its first event is noted once there is one
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
