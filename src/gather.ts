/**
 * Gathers single look-ups into requests for many keys. What is asked for in one turn, or while all requests are under way,
 * goes into the next request; nothing waits for a request to fill.
 */

type Waiter<V> = {
  readonly resolve: (value: V | undefined) => void
  readonly reject: (cause: unknown) => void
}

/** `readMany` gets up to `keys_max` different keys, and at most `in_flight_max` calls of it run at once. */
export const createGatherer = <K, V>(
  keys_max: number,
  in_flight_max: number,
  readMany: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
): ((key: K) => Promise<V | undefined>) => {
  const waiting = new Map<K, Waiter<V>[]>()
  let in_flight = 0
  let isScheduled = false

  const takePage = (): Map<K, Waiter<V>[]> => {
    const page = new Map<K, Waiter<V>[]>()
    for (const [key, waiters] of waiting) {
      page.set(key, waiters)
      waiting.delete(key)
      if (page.size === keys_max) break
    }
    return page
  }

  const request = async (page: ReadonlyMap<K, readonly Waiter<V>[]>): Promise<void> => {
    in_flight += 1
    try {
      const found = await readMany([...page.keys()])
      for (const [key, waiters] of page) for (const { resolve } of waiters) resolve(found.get(key))
    } catch (cause) {
      for (const waiters of page.values()) for (const { reject } of waiters) reject(cause)
    } finally {
      in_flight -= 1
      schedule()
    }
  }

  const flush = (): void => {
    isScheduled = false
    while (waiting.size > 0 && in_flight < in_flight_max) void request(takePage())
  }

  const schedule = (): void => {
    if (isScheduled || waiting.size === 0) return
    isScheduled = true
    // after this turn's input: look-ups that came in one network read go into one request
    setImmediate(flush)
  }

  return key =>
    new Promise((resolve, reject) => {
      const waiters = waiting.get(key)
      if (waiters === undefined) waiting.set(key, [{ resolve, reject }])
      else waiters.push({ resolve, reject })
      schedule()
    })
}
