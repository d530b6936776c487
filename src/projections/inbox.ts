/**
 * A bounded queue between the consumer's callback, which adds messages, and the loop that folds them in batches.
 */

export type Inbox<A> = {
  /**
   * Adds an item. Beyond the limit the item is dropped: the server delivers it again, or it is read from the stream
   * as a gap.
   */
  readonly put: (item: A) => void
  /**
   * Waits for at least one item and takes up to `most`. Returns none once the inbox is closed; throws when it was
   * closed with an error.
   */
  readonly take: (most: number) => Promise<A[]>
  /** The number of waiting items. */
  readonly size: () => number
  /** Closes the inbox; `take` then throws `error`, if one is given. Items that still wait are not handled. */
  readonly close: (error?: Error) => void
}

export const createInbox = <A>(limit: number): Inbox<A> => {
  let items: A[] = []
  let wake: (() => void) | undefined
  let closed: { error: Error | undefined } | undefined

  const ring = (): void => {
    wake?.()
    wake = undefined
  }

  return {
    put: item => {
      if (items.length < limit) items.push(item)
      ring()
    },
    take: async most => {
      while (items.length === 0 && closed === undefined) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      if (closed?.error !== undefined) throw closed.error
      if (closed !== undefined) return []
      const taken = items.slice(0, most)
      items = items.slice(most)
      return taken
    },
    size: () => items.length,
    close: error => {
      closed ??= { error }
      ring()
    },
  }
}
