/**
 * A bounded queue between the consumer's callback, which adds messages, and the loop that folds them in batches.
 */

export type Inbox<A> = {
  /**
   * Adds an item. Beyond a limit the item is dropped: the server delivers it again, or it is read from the stream as
   * a gap.
   */
  readonly put: (item: A) => void
  /**
   * Waits for at least one item and takes up to `most`. Returns none once the inbox is closed; throws when it was
   * closed with an error.
   */
  readonly take: (most: number) => Promise<A[]>
  /** Waits until `count` items wait. False when `signal` aborts before that, or the inbox is closed. One caller at a time. */
  readonly reaches: (count: number, signal: AbortSignal) => Promise<boolean>
  /** The number of waiting items. */
  readonly size: () => number
  /** Closes the inbox; `take` then throws `error`, if one is given. Items that still wait are not handled. */
  readonly close: (error?: Error) => void
}

/** The most items that wait, and their most bytes together; `bytesOf` gives the size of an item. */
export type InboxLimits<A> = {
  readonly items_max: number
  readonly bytes_max: number
  readonly bytesOf: (item: A) => number
}

export const createInbox = <A>({ items_max, bytes_max, bytesOf }: InboxLimits<A>): Inbox<A> => {
  let items: A[] = []
  let bytes = 0
  let wake: (() => void) | undefined
  let look: (() => void) | undefined
  let closed: { error: Error | undefined } | undefined

  const ring = (): void => {
    wake?.()
    wake = undefined
    look?.()
  }

  return {
    put: item => {
      const item_bytes = bytesOf(item)
      if (items.length < items_max && bytes + item_bytes <= bytes_max) {
        items.push(item)
        bytes += item_bytes
      }
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
      for (const item of taken) bytes -= bytesOf(item)
      return taken
    },
    reaches: (count, signal) =>
      new Promise(resolve => {
        const lookOnce = (): void => {
          const is_reached = items.length >= count && closed === undefined
          if (!is_reached && closed === undefined && !signal.aborted) return
          signal.removeEventListener('abort', lookOnce)
          look = undefined
          resolve(is_reached)
        }
        look = lookOnce
        signal.addEventListener('abort', lookOnce)
        lookOnce()
      }),
    size: () => items.length,
    close: error => {
      closed ??= { error }
      ring()
    },
  }
}
