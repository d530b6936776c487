/**
 * Gathers single look-ups into requests for many keys. Look-ups of the same turn of the event loop, and look-ups that
 * arrive while as many requests as allowed are under way, go into the next request. No look-up waits for it to fill.
 */

type Waiter<V> = {
  readonly resolve: (value: V | undefined) => void
  readonly reject: (cause: unknown) => void
}

/**
 * The returned function looks up one key; undefined when `readMany` does not return it. `readMany` gets up to `keys_max`
 * different keys, and at most `in_flight_max` calls of it run at once. Its rejection rejects every look-up of that call.
 */
export const createGatherer = <K, V>(
  keys_max: number,
  in_flight_max: number,
  readMany: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
): ((key: K) => Promise<V | undefined>) => {
  const waiting = new Map<K, Waiter<V>[]>()
  let in_flight = 0
  let is_scheduled = false

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
    is_scheduled = false
    while (waiting.size > 0 && in_flight < in_flight_max) void request(takePage())
  }

  const schedule = (): void => {
    if (is_scheduled || waiting.size === 0) return
    is_scheduled = true
    // after this turn's input: look-ups that arrived in one network read share a request
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
