/**
 * Those who wait for a customer's version: woken by the event that brings it, or after a bound.
 */

import type { ClientId } from '../../ledger/client-id.js'

export type Waiters = {
  /** A customer in memory changed. */
  readonly told: (id: ClientId, version: number) => void
  /** Resolves when the version is there, or when the bound is over. */
  readonly until: (id: ClientId, version: number) => Promise<void>
}

type Waiter = { readonly version: number; readonly wake: () => void }

/** @param wait_ms_max how long anybody waits */
export const createWaiters = (wait_ms_max: number): Waiters => {
  const waiting = new Map<ClientId, Set<Waiter>>()

  const leave = (id: ClientId, waiter: Waiter): void => {
    const others = waiting.get(id)
    others?.delete(waiter)
    if (others?.size === 0) waiting.delete(id)
  }

  return {
    told: (id, version) => {
      if (waiting.size === 0) return
      for (const waiter of waiting.get(id) ?? []) if (waiter.version <= version) waiter.wake()
    },
    until: (id, version) =>
      new Promise(resolve => {
        const wake = (): void => {
          clearTimeout(timer)
          leave(id, waiter)
          resolve()
        }
        const waiter: Waiter = { version, wake }
        const timer = setTimeout(wake, wait_ms_max)
        const others = waiting.get(id)
        if (others === undefined) waiting.set(id, new Set([waiter]))
        else others.add(waiter)
      }),
  }
}
