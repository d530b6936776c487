/** What a run has started, to be ended in the other order, however the run went. */

export type Cleanup = {
  readonly push: (stop: () => Promise<void> | void) => void
  /** Runs everything, newest first, each although another one failed; throws the first failure at the end. */
  readonly run: () => Promise<void>
}

export const createCleanup = (): Cleanup => {
  const stops: (() => Promise<void> | void)[] = []
  return {
    push: stop => {
      stops.push(stop)
    },
    run: async () => {
      const failures: unknown[] = []
      for (const stop of stops.splice(0).reverse()) {
        try {
          await stop()
        } catch (failure) {
          failures.push(failure)
        }
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
