/**
 * A circuit breaker before a store that commands can do without: a command waits for it for a moment at the most, and not at all
 * while it is away.
 *
 * While the circuit is open one read in half a second goes through as a probe, in the background; the first probe that is
 * answered soon closes the circuit.
 */

import { E, type Either } from '../../fp.js'
import { within } from '../../parallel.js'

/** The answer of a store. `late`: there is none yet, and `later` will give it; `away`: the store was not asked, or failed. */
export type Soon<L, A> =
  | { readonly tag: 'answer'; readonly answer: A }
  | { readonly tag: 'late'; readonly later: Promise<Either<L, A>> }
  | { readonly tag: 'away'; readonly error: L | undefined }

export type Breaker<L> = {
  /** Calls `read`, and waits for its answer for a moment at the most. `read` must not reject. */
  readonly soon: <A>(read: () => Promise<Either<L, A>>) => Promise<Soon<L, A>>
}

export type BreakerOptions<L> = {
  /** Whether an error means that the store is away; any other error concerns this read alone. */
  readonly isAway: (error: L) => boolean
  /** Is called when the circuit opens; without an error when the store was too slow. */
  readonly onOpen: (error: L | undefined) => void
}

/** The longest that a caller waits. */
export const SOON_MS = 250
const PROBE_EVERY_MS = 500

/** Begins with a closed circuit. */
export const createBreaker = <L>({ isAway, onOpen }: BreakerOptions<L>): Breaker<L> => {
  let isOpen = false
  let probed_ms = Number.NEGATIVE_INFINITY

  const open = (error: L | undefined): void => {
    if (isOpen) return
    isOpen = true
    probed_ms = performance.now()
    onOpen(error)
  }

  const read = async <A>(ask: () => Promise<Either<L, A>>): Promise<Soon<L, A>> => {
    const answering = ask()
    const result = await within(SOON_MS, answering)
    if (result === undefined) {
      open(undefined)
      return { tag: 'late', later: answering }
    }
    if (E.isLeft(result) && isAway(result.left)) open(result.left)
    else isOpen = false
    return E.isRight(result) ? { tag: 'answer', answer: result.right } : { tag: 'away', error: result.left }
  }

  return {
    soon: ask => {
      if (!isOpen) return read(ask)
      if (performance.now() - probed_ms > PROBE_EVERY_MS) {
        probed_ms = performance.now()
        void read(ask)
      }
      return Promise.resolve({ tag: 'away', error: undefined })
    },
  }
}
