/**
 * Keeps the parts of a program that were started, so that they are stopped in reverse order, however the program ends.
 */

export type Stack = {
  readonly push: (stop: () => Promise<void> | void) => void
  /** Stops every part, newest first, also when another one failed to stop. Throws the first failure at the end. */
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
