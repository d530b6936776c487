/**
 * A bounded queue between the consumer's callback and the loop that folds: takes come in batches.
 */

export type Inbox<A> = {
  /** Adds an item; beyond the limit it is left out (the server delivers it again, or its gap is read). */
  readonly put: (item: A) => void
  /** Waits for at least one item and takes up to `most`; none at all once the inbox is closed. Throws its error. */
  readonly take: (most: number) => Promise<A[]>
  /** How many items wait. */
  readonly size: () => number
  /** Ends it, with the error that `take` shall throw, if any. What is in it stays unhandled. */
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
