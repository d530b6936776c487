/**
 * Feeds the hot set with every event of the stream (stream/follow/follower.ts). A memory that is far behind begins anew
 * at the end of the stream, because that is quicker than to catch up.
 */

import { E } from '../../fp.js'
import type { EventPlace } from '../../ledger/account.js'
import { type AccountId, accountOn } from '../../ledger/account-id.js'
import { type Decoded, decodeMovement, isPlain, type LedgerEvent } from '../../ledger/event.js'
import { type Follower, startFollower as follow } from '../../stream/follow/follower.js'
import type { QueryDeps } from '../deps.js'

export type { Follower } from '../../stream/follow/follower.js'

/** How the hot set is kept up to date; `position` is the sequence of the last event that it has. */
export type HotSetUpdates = {
  readonly position: () => number
  readonly follow: (stored: EventPlace, id: AccountId | undefined, decoded: Decoded) => void
  readonly restart: (position: number) => void
}

/** With a longer lag it is quicker to forget every customer in memory and to begin at the stream's end. */
const CATCH_UP_EVENTS_MAX = 100_000

/** The parts of an event that the fold needs: the others, like metadata, would only fill the memory. */
const essenceOf = (event: LedgerEvent): LedgerEvent => {
  if (isPlain(event)) return { type: event.type, amount: event.amount }
  const { reference: _r, metadata: _m, after: _a, transfer: _t, ...needed } = event
  return needed
}

const essence = (decoded: Decoded): Decoded =>
  decoded.tag === 'event' ? { tag: 'event', event: essenceOf(decoded.event) } : decoded

/** An event on a subject that is no account's. */
const NO_ACCOUNT: Decoded = { tag: 'malformed', reason: 'the subject is no account' }

/** Starts following in the background; it ends with `stop` only. */
export const startFollower = (deps: QueryDeps, updates: HotSetUpdates): Follower =>
  follow(deps, 'hot set', {
    position: updates.position,
    begin: ({ is_new_stream, last_seq }) => {
      if (is_new_stream || last_seq - updates.position() > CATCH_UP_EVENTS_MAX) updates.restart(last_seq)
    },
    take: ({ seq, subject, data, time }) => {
      const id = accountOn(subject)
      if (E.isRight(id)) updates.follow({ seq, at: time }, id.right, essence(decodeMovement(data, id.right)))
      else updates.follow({ seq, at: time }, undefined, NO_ACCOUNT)
    },
    // customers in memory may miss the event, so the memory begins anew after it
    failed: ({ seq }) => updates.restart(seq),
  })
