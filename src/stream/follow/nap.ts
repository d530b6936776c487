/**
 * The pauses between the requests of a reader that waits for new messages, and what ends them early.
 */

import type { NatsConnection } from 'nats'

export type NapOptions = {
  /** The first pause, and the one after something has come. Each further one is twice as long as the one before. */
  readonly first_ms: number
  readonly max_ms: number
  /** A pause that is woken lasts for this time at least. */
  readonly woken_ms: number
}

export type Nap = {
  /** Waits for the next pause's time, until it is woken, or until `signal` aborts. */
  readonly take: (signal: AbortSignal) => Promise<void>
  /** Makes the pauses short again, also the one that is under way: something has come. */
  readonly reset: () => void
  /** Ends the pause, or the next one: something is there to be read. */
  readonly wake: () => void
}

export const createNap = ({ first_ms, max_ms, woken_ms }: NapOptions): Nap => {
  let next_ms = first_ms
  let began_ms = 0
  let timer: NodeJS.Timeout | undefined
  let end: (() => void) | undefined

  const endAfter = (wait_ms: number): void => {
    clearTimeout(timer)
    timer = setTimeout(() => end?.(), Math.max(0, began_ms + wait_ms - performance.now()))
  }

  /** Makes the present pause end after `wait_ms`, or the next one if there is none at the moment. */
  const shorten = (wait_ms: number): void => {
    if (end !== undefined) endAfter(wait_ms)
    next_ms = end === undefined ? wait_ms : first_ms
  }

  return {
    reset: () => shorten(first_ms),
    wake: () => shorten(woken_ms),
    take: signal =>
      new Promise(resolve => {
        const wait_ms = next_ms
        next_ms = Math.min(Math.max(2 * wait_ms, first_ms), max_ms)
        began_ms = performance.now()
        end = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', onAbort)
          end = undefined
          resolve()
        }
        const onAbort = end
        signal.addEventListener('abort', onAbort)
        if (signal.aborted) onAbort()
        else endAfter(wait_ms)
      }),
  }
}

const listeners = new WeakMap<NatsConnection, Set<() => void>>()

/** Calls `listener` when this process has stored messages over the connection. Returns what ends that. */
export const onStored = (nc: NatsConnection, listener: () => void): (() => void) => {
  const all = listeners.get(nc) ?? new Set()
  listeners.set(nc, all)
  all.add(listener)
  return () => all.delete(listener)
}

/** Tells the followers of the connection that there is something new to read. */
export const wakeFollowers = (nc: NatsConnection): void => {
  for (const listener of listeners.get(nc) ?? []) listener()
}
