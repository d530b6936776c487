/** Lets works with a key in common run one after the other, in the order of their arrival. */

/** Does `work` when no earlier work with one of `keys` is under way. */
export type InTurn = <A>(keys: ReadonlySet<string>, work: () => Promise<A>) => Promise<A>

export const createTurns = (): InTurn => {
  /** The end of the last work of each key. */
  const ends = new Map<string, Promise<void>>()

  return async (keys, work) => {
    const before = [...keys].map(key => ends.get(key))
    let finish: () => void = () => undefined
    const end = new Promise<void>(resolve => {
      finish = resolve
    })
    // in the same turn as the look at the ends: so two works never wait for each other
    for (const key of keys) ends.set(key, end)
    try {
      await Promise.all(before)
      return await work()
    } finally {
      for (const key of keys) if (ends.get(key) === end) ends.delete(key)
      finish()
    }
  }
}
