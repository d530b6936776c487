/**
 * The pauses between the attempts of one piece of work. They grow exponentially up to a bound, are randomised (jitter),
 * and end at once when an AbortSignal aborts.
 */

export type BackOff = { readonly first_ms: number; readonly max_ms: number }

/** The pause before attempt `attempt` (1, 2, ...): a random time between half of the exponential step and all of it. */
export const delay_ms = ({ first_ms, max_ms }: BackOff, attempt: number): number => {
  const step_ms = Math.min(max_ms, first_ms * 2 ** Math.min(attempt - 1, 30))
  return step_ms / 2 + (Math.random() * step_ms) / 2
}

/** All waits that end with one signal share one listener, because Node warns of a signal that has more than ten. */
type Waits = { readonly ends: Set<() => void>; readonly onAbort: () => void }

const waits = new WeakMap<AbortSignal, Waits>()

const waitsOf = (signal: AbortSignal): Waits => {
  const known = waits.get(signal)
  if (known !== undefined) return known
  const ends = new Set<() => void>()
  const made: Waits = {
    ends,
    onAbort: () => {
      for (const end of ends) end()
    },
  }
  waits.set(signal, made)
  signal.addEventListener('abort', made.onAbort)
  return made
}

/** Removes one wait. The last wait also removes the listener, which would otherwise stay in memory with the signal. */
const leave = (signal: AbortSignal, { ends, onAbort }: Waits, end: () => void): void => {
  ends.delete(end)
  if (ends.size > 0) return
  signal.removeEventListener('abort', onAbort)
  waits.delete(signal)
}

/** Waits `wait_ms`; returns early, without an error, when `signal` aborts. Any number of waits may share one signal. */
export const rest = (wait_ms: number, signal: AbortSignal): Promise<void> => {
  if (signal.aborted) return Promise.resolve()
  const own = waitsOf(signal)
  return new Promise(resolve => {
    const end = (): void => {
      clearTimeout(timer)
      leave(signal, own, end)
      resolve()
    }
    const timer = setTimeout(end, wait_ms)
    own.ends.add(end)
  })
}

/** Waits before attempt `attempt`; returns early, without an error, when `signal` aborts. */
export const pause = (backOff: BackOff, attempt: number, signal: AbortSignal): Promise<void> =>
  rest(delay_ms(backOff, attempt), signal)
