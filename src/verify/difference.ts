/**
 * Collects what verify finds: differences between the table and the stream, and contradictions within the stream.
 */

/** The places within the table: the accounts' heads, the rows of events, and the sums. */
export const TABLE_PLACES = ['balances', 'journal', 'totals'] as const
type TablePlace = (typeof TABLE_PLACES)[number]

/**
 * The place of a difference. `stream` is about the events themselves, which no rebuild of a table can mend. `known-ids` is
 * about the checkpoint of transaction ids.
 */
export type Where = 'stream' | TablePlace | 'known-ids'

export type Difference = {
  readonly where: Where
  readonly kind: 'missing' | 'stray' | 'differs' | 'after' | 'transfer' | 'batch'
  /**
   * The id of the item; for a finding in the stream, the id of the customer or the batch. In the checkpoint it is the
   * transaction id, empty for an event without one, or the subject of a chunk that differs as a whole.
   */
  readonly id: string
  /** The stream sequence of the event in question, if there is one. */
  readonly seq?: number
  readonly field?: string
  readonly is?: string
  readonly should_be?: string
  readonly detail?: string
}

export type Differences = {
  readonly add: (difference: Difference) => void
  /** The first differences, up to the limit. */
  readonly kept: readonly Difference[]
  /** Returns the number of differences, kept or not, in some places. */
  readonly count: (...places: readonly Where[]) => number
  /** Returns the number of all differences. */
  readonly countAll: () => number
  /** Whether a kept difference is about this item. */
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
    count: (...places) => places.reduce((sum, where) => sum + (counts.get(where) ?? 0), 0),
    countAll: () => [...counts.values()].reduce((a, b) => a + b, 0),
    has: (where, id) => ids.has(`${where} ${id}`),
  }
}
