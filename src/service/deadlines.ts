/**
 * Keeps the deadlines of many unanswered requests with one timer.
 *
 * A timer per request costs more than everything else done for it. All requests of an endpoint share one timeout, so
 * they expire in the order in which they came. So one timer for the oldest request is enough; when it fires, it is set
 * again for the request that is then the oldest. Under load that is about one timer per timeout, not one per request.
 */

const NS_PER_MS = 1_000_000n

export type Waiting = {
  /** The time at which the request began to wait: `process.hrtime.bigint()`. */
  readonly started_ns: bigint
}

export type Deadlines<T extends Waiting> = {
  /** Adds an item that waits for its answer. Items must be added in the order of their `started_ns`. */
  readonly add: (item: T) => void
  /** Removes an item that has its answer. False when it does not wait any more: it has expired, or was removed before. */
  readonly remove: (item: T) => boolean
  /** The number of items that wait. */
  readonly size: () => number
  /** Resolves as soon as no item waits. */
  readonly empty: () => Promise<void>
  /** Removes all items that wait and calls `visit` for each; none of them will expire. */
  readonly takeAll: (visit: (item: T) => void) => void
}

/**
 * @param timeout_ms how long an item may wait, the same for all
 * @param expire called once for each item that waited longer, after it was removed; must not throw
 */
export const createDeadlines = <T extends Waiting>(
  timeout_ms: number,
  expire: (item: T) => void,
): Deadlines<T> => {
  const timeout_ns = BigInt(timeout_ms) * NS_PER_MS
  const waiting = new Set<T>()
  let timer: NodeJS.Timeout | undefined
  let onEmpty: (() => void)[] = []

  const remove = (item: T): boolean => {
    if (!waiting.delete(item)) return false
    if (waiting.size === 0 && onEmpty.length > 0) {
      for (const resolve of onEmpty) resolve()
      onEmpty = []
    }
    return true
  }

  const arm = (delay_ms: number): void => {
    // unref: an endpoint that was never stopped must not keep the process alive
    timer = setTimeout(sweep, delay_ms).unref()
  }

  const sweep = (): void => {
    timer = undefined
    const expired_until_ns = process.hrtime.bigint() - timeout_ns
    for (const item of waiting) {
      const left_ns = item.started_ns - expired_until_ns
      if (left_ns > 0n) {
        // one more, since a timer may fire up to a millisecond early
        arm(Number(left_ns / NS_PER_MS) + 1)
        return
      }
      remove(item)
      expire(item)
    }
  }

  return {
    add: item => {
      waiting.add(item)
      if (timer === undefined) arm(timeout_ms)
    },
    remove,
    size: () => waiting.size,
    empty: () =>
      new Promise(resolve => {
        if (waiting.size === 0) resolve()
        else onEmpty.push(resolve)
      }),
    takeAll: visit => {
      for (const item of waiting) {
        remove(item)
        visit(item)
      }
    },
  }
}
