/**
 * Lets requests wait for a version of a customer: the event that brings it wakes them, or a bound ends the wait.
 */

import type { AccountId } from '../../ledger/account-id.js'

export type Waiters = {
  /** Wakes the requests that wait for this version of a customer in memory, or for an older one. */
  readonly notify: (id: AccountId, version: number) => void
  /** Resolves when the version is there, or when the bound is over. */
  readonly until: (id: AccountId, version: number) => Promise<void>
}

type Waiter = { readonly version: number; readonly wake: () => void }

/** @param wait_ms_max the longest wait */
export const createWaiters = (wait_ms_max: number): Waiters => {
  const waiting = new Map<AccountId, Set<Waiter>>()

  const leave = (id: AccountId, waiter: Waiter): void => {
    const others = waiting.get(id)
    others?.delete(waiter)
    if (others?.size === 0) waiting.delete(id)
  }

  return {
    notify: (id, version) => {
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
