/** Reads pages of an asynchronous source and lets the reader look at items that it has not taken yet. */

export type Ahead<A> = {
  /** The item `index` places ahead; 0 is the next one. Undefined at the end of the source. */
  readonly at: (index: number) => A | undefined | Promise<A | undefined>
  /** Takes the next item away. */
  readonly take: () => void
}

/** The taken items that may stay in memory before they are removed. */
const TAKEN_MAX = 4_096

export const createAhead = <A>(pages: AsyncIterator<readonly A[]>): Ahead<A> => {
  let items: A[] = []
  let from = 0
  let is_done = false

  const read = async (index: number): Promise<A | undefined> => {
    while (!is_done && from + index >= items.length) {
      const page = await pages.next()
      if (page.done === true) is_done = true
      else items.push(...page.value)
    }
    return items[from + index]
  }

  return {
    at: index => (from + index < items.length ? items[from + index] : read(index)),
    take: () => {
      from += 1
      if (from < TAKEN_MAX) return
      items = items.slice(from)
      from = 0
    },
  }
}
