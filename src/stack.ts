/**
 * The parts of a program that were started, to be stopped in the other order, however the program ends.
 */

export type Stack = {
  readonly push: (stop: () => Promise<void> | void) => void
  /** Stops every part, newest first, each although another one failed; throws the first failure at the end. */
  readonly stop: () => Promise<void>
}

export const createStack = (): Stack => {
  const parts: (() => Promise<void> | void)[] = []
  return {
    push: stop => {
      parts.push(stop)
    },
    stop: async () => {
      const failures: unknown[] = []
      for (const stop of parts.splice(0).reverse()) {
        try {
          await stop()
        } catch (cause) {
          failures.push(cause)
        }
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
