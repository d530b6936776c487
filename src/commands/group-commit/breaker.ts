/**
 * A circuit breaker before a store that commands can do without: nobody waits longer than a moment for it, and while it
 * is away nobody waits at all.
 *
 * While the circuit is open one read in half a second goes through as a probe, in the background; the first one that is
 * answered soon closes the circuit.
 */

import { E, type Either } from '../../fp.js'
import { within } from '../../parallel.js'

/** What a store said. `late`: nothing yet, and `later` resolves when it does; `away`: nobody asked, or it failed. */
export type Soon<L, A> =
  | { readonly tag: 'answer'; readonly answer: A }
  | { readonly tag: 'late'; readonly later: Promise<Either<L, A>> }
  | { readonly tag: 'away'; readonly error: L | undefined }

export type Breaker<L> = {
  /** Reads, and waits for the answer for a moment at the most. `read` must not reject. */
  readonly soon: <A>(read: () => Promise<Either<L, A>>) => Promise<Soon<L, A>>
}

export type BreakerOptions<L> = {
  /** Whether a failure says that the store is away; any other one is about this read alone. */
  readonly isAway: (error: L) => boolean
  /** Told once when the circuit opens; without an error the store was too slow. */
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
