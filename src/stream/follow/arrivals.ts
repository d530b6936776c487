/**
 * Lets requests wait until the stream was followed up to a sequence: the event that gets there wakes them, or a bound
 * ends the wait.
 */

export type Arrivals = {
  /** The follower came to `position`: wakes the requests that wait for it. */
  readonly reached: (position: number) => void
  /** Resolves when the stream was followed up to `seq`, or when `wait_ms_max` is over. */
  readonly until: (seq: number, wait_ms_max: number) => Promise<void>
}

type Waiter = { readonly seq: number; readonly wake: () => void }

/** @param position gives the sequence up to which the stream was followed */
export const createArrivals = (position: () => number): Arrivals => {
  const waiting = new Set<Waiter>()
  /** The lowest sequence that a request waits for: an event below it costs one comparison. */
  let lowest_seq = Number.POSITIVE_INFINITY

  const leave = (waiter: Waiter): void => {
    waiting.delete(waiter)
    if (waiting.size === 0) lowest_seq = Number.POSITIVE_INFINITY
  }

  const wakeUpTo = (reached_seq: number): void => {
    lowest_seq = Number.POSITIVE_INFINITY
    for (const waiter of waiting) {
      if (waiter.seq <= reached_seq) waiter.wake()
      else lowest_seq = Math.min(lowest_seq, waiter.seq)
    }
  }

  return {
    reached: reached_seq => {
      if (reached_seq >= lowest_seq) wakeUpTo(reached_seq)
    },
    until: (seq, wait_ms_max) => {
      if (position() >= seq) return Promise.resolve()
      return new Promise(resolve => {
        const wake = (): void => {
          clearTimeout(timer)
          leave(waiter)
          resolve()
        }
        const waiter: Waiter = { seq, wake }
        const timer = setTimeout(wake, wait_ms_max)
        waiting.add(waiter)
        lowest_seq = Math.min(lowest_seq, seq)
      })
    },
  }
}
