/**
 * A bounded map that forgets what was used longest ago.
 */

export type Lru<K, V> = {
  readonly get: (key: K) => V | undefined
  readonly set: (key: K, value: V) => void
  readonly delete: (key: K) => void
}

export const createLru = <K, V>(size_max: number): Lru<K, V> => {
  // a Map keeps the order of insertion: the first entry is the one that was used longest ago
  const entries = new Map<K, V>()
  return {
    get: key => {
      const value = entries.get(key)
      if (value === undefined) return undefined
      entries.delete(key)
      entries.set(key, value)
      return value
    },
    set: (key, value) => {
      entries.delete(key)
      entries.set(key, value)
      if (entries.size <= size_max) return
      const oldest = entries.keys().next()
      if (oldest.done !== true) entries.delete(oldest.value)
    },
    delete: key => {
      entries.delete(key)
    },
  }
}
