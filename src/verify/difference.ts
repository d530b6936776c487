/**
 * What verify finds: where the tables are not what the stream gives, and where the stream contradicts itself.
 */

/** `stream` is about the events themselves: no table can be healed of it. */
export type Where = 'stream' | 'balances' | 'journal' | 'totals' | 'ranking'

export type Difference = {
  readonly where: Where
  readonly kind: 'missing' | 'stray' | 'differs' | 'after' | 'transfer' | 'batch'
  /** The item's id; of a finding in the stream the customer's, or the batch's. */
  readonly id: string
  /** The stream sequence that it is about, where it is about one. */
  readonly seq?: number
  readonly field?: string
  readonly is?: string
  readonly should_be?: string
  readonly detail?: string
}

export type Differences = {
  readonly add: (difference: Difference) => void
  /** The first ones, as many as were asked for. */
  readonly kept: readonly Difference[]
  /** How many there are, kept or not. */
  readonly count: (where?: Where) => number
  /** Whether something was found about this item. */
  readonly has: (where: Where, id: string) => boolean
}

/** Keeps up to `kept_max` differences and counts the rest. */
export const createDifferences = (kept_max: number): Differences => {
  const kept: Difference[] = []
  const counts = new Map<Where, number>()
  const ids = new Set<string>()
  return {
    add: difference => {
      const { where, id } = difference
      counts.set(where, (counts.get(where) ?? 0) + 1)
      if (kept.length >= kept_max) return
      kept.push(difference)
      ids.add(`${where} ${id}`)
    },
    kept,
    count: where =>
      where === undefined ? [...counts.values()].reduce((a, b) => a + b, 0) : (counts.get(where) ?? 0),
    has: (where, id) => ids.has(`${where} ${id}`),
  }
}
