/**
 * Whether the stream is still the one that the queries of this process began with.
 *
 * A stream that was deleted and made anew, or restored, says nothing of the ledger until a person has accepted it, and a
 * process looks for that every two seconds only (docs/adr/0025). So what was read from the stream counts for an answer
 * when the stream is asked afterwards which one it is.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import { E } from '../fp.js'
import { isOneStream, type Origin, originOf } from '../stream/identity.js'
import { LEDGER_STREAM } from '../stream/settings.js'

/** What is said instead of an answer from a stream that is not the one that it was. */
export const ANOTHER_STREAM = 'the stream is not the one that it was a moment ago'

export type SameStream = {
  /** Asks after the call; concurrent calls share a question. False also while nobody can be asked. */
  readonly check: () => Promise<boolean>
}

/** `position` tells up to where the stream was followed: it does not become shorter. */
export const createSameStream = (jsm: JetStreamManager, position: () => number): SameStream => {
  let known: Origin | undefined
  let asking: Promise<boolean> | undefined
  let next: Promise<boolean> | undefined

  const ask = async (): Promise<boolean> => {
    const followed_seq = position()
    try {
      const info = await jsm.streams.info(LEDGER_STREAM)
      // an empty stream has no event to be known by: its first one is noted once it is there
      if (info.created !== known?.created || known.first === undefined) {
        const origin = await originOf(jsm, info)()
        if (E.isLeft(origin) || (known !== undefined && !isOneStream(known, origin.right))) return false
        known = origin.right
      }
      return info.state.last_seq >= followed_seq
    } catch {
      return false
    }
  }

  const begin = (): Promise<boolean> => {
    const now = ask().finally(() => {
      if (asking === now) asking = undefined
    })
    asking = now
    next = undefined
    return now
  }

  return {
    check: () => {
      if (asking === undefined) return begin()
      next ??= asking.then(begin)
      return next
    },
  }
}
