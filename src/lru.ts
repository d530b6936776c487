/**
 * A bounded map that forgets the entries that were not used for the longest time.
 *
 * It has two halves. An entry that is used moves into the young half. When the young half is full it becomes the old one,
 * and the entries of the former old half are forgotten. So the newest half of `size_max` entries is always kept, and a
 * hit in the young half, which every command makes, moves nothing.
 */

export type Lru<K, V> = {
  readonly get: (key: K) => V | undefined
  readonly set: (key: K, value: V) => void
  readonly delete: (key: K) => void
  readonly clear: () => void
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
    clear: () => {
      young.clear()
      old.clear()
    },
  }
}
