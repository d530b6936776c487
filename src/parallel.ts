/**
 * Runs asynchronous work with limits: on the number of works at once, and on the time that a caller waits for one.
 */

/** Cuts `items` into pieces of at most `size`. */
export const chunksOf = <A>(size: number, items: readonly A[]): A[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

/**
 * Does `work` for every item, at most `limit` at once, and returns the results in the items' order. `lane` is the number
 * of the worker, from 0. After a failure no further item is begun, and the failure is thrown when the works under way have
 * ended, so nothing goes on behind the caller's back.
 */
export const inParallel = async <A, B>(
  limit: number,
  items: readonly A[],
  work: (item: A, lane: number) => Promise<B>,
): Promise<B[]> => {
  const results = new Map<number, B>()
  const failures: unknown[] = []
  const queue = items.entries()
  const worker = async (_: unknown, lane: number): Promise<void> => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return
      try {
        results.set(index, await work(item, lane))
      } catch (thrown) {
        failures.push(thrown)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result)
}

/** Returns a function that runs works, at most `limit` at once; the others wait for their turn, in order. */
export const createSlots = (limit: number): (<A>(work: () => Promise<A>) => Promise<A>) => {
  const waiting: (() => void)[] = []
  let running = 0
  return async work => {
    if (running >= limit) await new Promise<void>(resolve => waiting.push(resolve))
    else running += 1
    try {
      return await work()
    } finally {
      // the slot is handed to the next waiting work, so a work that arrives now cannot overtake it
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

/**
 * Shares one `work` among many callers, one run at a time. Every caller gets the result of a run that began after its
 * call: calls during a run share the next run. `work` must not reject.
 */
export const sharedAfter = <A>(work: () => Promise<A>): (() => Promise<A>) => {
  let running: Promise<A> | undefined
  let next: Promise<A> | undefined
  const begin = (): Promise<A> => {
    const begun = work().finally(() => {
      if (running === begun) running = undefined
    })
    running = begun
    return begun
  }
  return () => {
    // the next run is asked for first: for a moment after the end of a run it has not begun, and none is running
    if (next !== undefined) return next
    if (running === undefined) return begin()
    next = running.then(() => {
      next = undefined
      return begin()
    })
    return next
  }
}

/** Returns the result of `work`, or undefined when it takes longer than `timeout_ms`. A rejection of `work` is passed on. */
export const within = async <A>(timeout_ms: number, work: Promise<A>): Promise<A | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), timeout_ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
