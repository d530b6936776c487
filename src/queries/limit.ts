/**
 * A limit on how much is under way at once; what comes beyond it waits its turn. Who waits is bounded by the endpoint.
 */

export type Limit = <A>(work: () => Promise<A>) => Promise<A>

/** At most `under_way_max` at once, in the order of the calls. */
export const createLimit = (under_way_max: number): Limit => {
  const waiting: (() => void)[] = []
  let under_way = 0
  return async work => {
    if (under_way >= under_way_max) await new Promise<void>(resolve => waiting.push(resolve))
    else under_way += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      // whoever is next takes this place over, so that nobody overtakes it
      if (next === undefined) under_way -= 1
      else next()
    }
  }
}
