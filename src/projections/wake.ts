/**
 * Wakes work that waits for something to do.
 *
 * A call while the work is busy is not lost: the next wait then ends at once.
 */

export type Wake = {
  /** Wakes the work. */
  readonly call: () => void
  /** Resolves after the next call, or when `signal` aborts. */
  readonly next: (signal: AbortSignal) => Promise<void>
}

export const createWake = (): Wake => {
  let is_called = false
  let waiting: (() => void) | undefined
  return {
    call: () => {
      is_called = true
      waiting?.()
    },
    next: async signal => {
      if (!is_called && !signal.aborted) {
        let end = (): void => undefined
        const woken = new Promise<void>(resolve => {
          end = resolve
        })
        waiting = end
        signal.addEventListener('abort', end)
        await woken
        signal.removeEventListener('abort', end)
        waiting = undefined
      }
      is_called = false
    },
  }
}
