/**
 * A bounded map that forgets what was not used for long.
 *
 * Two halves: what is used moves into the young one, and when that is full it becomes the old one, and what the old one
 * held is forgotten. So at least half of `size_max` is kept, and a hit, which every command makes, moves nothing.
 */

export type Lru<K, V> = {
  readonly get: (key: K) => V | undefined
  readonly set: (key: K, value: V) => void
  readonly delete: (key: K) => void
}

export const createLru = <K, V>(size_max: number): Lru<K, V> => {
  const half = Math.ceil(size_max / 2)
  let young = new Map<K, V>()
  let old = new Map<K, V>()

  const set = (key: K, value: V): void => {
    young.set(key, value)
    if (young.size < half) return
    old = young
    young = new Map()
  }

  return {
    set,
    get: key => {
      const value = young.get(key)
      if (value !== undefined) return value
      const older = old.get(key)
      if (older !== undefined) set(key, older)
      return older
    },
    delete: key => {
      young.delete(key)
      old.delete(key)
    },
  }
}
