/**
 * Work on many things with a limit on how many are under way, and a limit on how long a work is waited for.
 */

/** Cuts `items` into pieces of at most `size`. */
export const chunksOf = <A>(size: number, items: readonly A[]): A[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

/**
 * Does `work` for every item, at most `limit` at once, and gives the results in the items' order. When one fails the
 * rest is not begun, and the failure is thrown after those under way have ended: nothing goes on behind a caller's back.
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

/** Lets at most `limit` works run at once; the others wait for their turn, in order. */
export const createSlots = (limit: number): (<A>(work: () => Promise<A>) => Promise<A>) => {
  const waiting: (() => void)[] = []
  let running = 0
  return async work => {
    if (running >= limit) await new Promise<void>(resolve => waiting.push(resolve))
    else running += 1
    try {
      return await work()
    } finally {
      // the slot goes from hand to hand: nobody who comes now can be before those who wait
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

/**
 * One `work` at a time, shared: whoever asks gets the result of one that begins after the question. Those who ask while
 * one is under way share the next. `work` must not reject.
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
    if (running === undefined) return begin()
    next ??= running.then(() => {
      next = undefined
      return begin()
    })
    return next
  }
}

/** What `work` resolves with, or undefined when that takes longer than `timeout_ms`. A rejection of `work` is passed on. */
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
