/**
 * Watches how far the journal is behind the stream, so that a command need not ask. An id that the journal does not hold is
 * new only while the events that the journal lacks are young enough for the stream's duplicate window.
 */

import { countUnstorable } from '../../dead-letters/letters.js'
import { E, type TaskEither } from '../../fp.js'
import type { StreamError } from '../../stream/errors.js'
import { projectionLag } from '../../stream/lag.js'
import { leadershipOf } from '../../stream/leadership.js'
import type { CommandDeps } from '../deps.js'
import { certainlyRefused_ms } from './window.js'

const LOOK_EVERY_MS = 1_000
const LOOK_OLD_MS = 5_000

/** How far the journal was behind at `at_ms` of `performance.now()`. */
type Found = {
  readonly seq: number
  readonly lag_ms: number
  readonly lag_ms_max: number
  readonly at_ms: number
}

type LagLook = {
  /** The journal holds every event up to here. */
  readonly seq: number
  /** The stream itself refuses the ids of all events that the journal lacks. */
  readonly isNear: boolean
}

export type LagWatch = {
  /** Whether the table had refused rows at the last look: then an id that it does not hold may be stored all the same. */
  readonly hasRefusedRows: () => boolean
  /** How far the journal is; undefined when there is no journal. */
  readonly look: () => Promise<LagLook | undefined>
}

/** Looks at most once a second, and only while commands ask. */
export const createLagWatch = (
  { nc, jsm }: CommandDeps,
  consumer: TaskEither<StreamError, string>,
): LagWatch => {
  let known: Found | 'no journal' | undefined
  let has_refused_rows = false
  let asked_ms = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined

  const find = async (): Promise<void> => {
    // the answer may be as old as the question
    const at_ms = performance.now()
    const name = await consumer()
    const lag = E.isLeft(name) ? name : await projectionLag(nc, name.right)()
    const proof = leadershipOf(nc).newest()
    if (E.isRight(lag) && proof !== undefined) {
      const { seq, lag_ms } = lag.right
      known = { seq, lag_ms, lag_ms_max: certainlyRefused_ms(proof), at_ms }
    } else if (E.isLeft(lag) && lag.left.tag === 'NotFound') known = 'no journal'
    const refusals = await countUnstorable(nc, jsm, 'ledger')()
    // when it cannot be asked it may have refused some
    has_refused_rows = E.isLeft(refusals) || refusals.right > 0
    looking = undefined
  }

  return {
    hasRefusedRows: () => has_refused_rows,
    look: async () => {
      const silent_ms = performance.now() - asked_ms
      if (looking === undefined && silent_ms > LOOK_EVERY_MS) {
        asked_ms = performance.now()
        looking = find()
      }
      // after a silence the last look is too old
      if (known === undefined || silent_ms > LOOK_OLD_MS) await looking
      if (known === 'no journal') return undefined
      if (known === undefined) return { seq: 0, isNear: false }
      const { seq, lag_ms, lag_ms_max, at_ms } = known
      return { seq, isNear: lag_ms + performance.now() - at_ms < lag_ms_max }
    },
  }
}
