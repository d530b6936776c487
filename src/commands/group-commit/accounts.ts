/**
 * The accounts in memory, as this instance last saw or left them. They are never more than a proposal: the stream checks the
 * sequence of every customer.
 */

import type { AccountId } from '../../ledger/account-id.js'
import { createLru } from '../../lru.js'
import type { Folded } from '../../stream/fold-subject.js'
import { forgetWhenSetBack } from '../../stream/set-back.js'
import type { CommandDeps } from '../deps.js'
import { AccountLoader, isLoaded, type LoadProblem, type LoadResult } from './load.js'

export type Accounts = {
  /** The accounts of `ids`: from memory if they are there, else loaded. */
  readonly take: (ids: ReadonlySet<AccountId>) => Promise<Map<AccountId, Folded | LoadProblem>>
  /** Loads the accounts that `take` had no time for. */
  readonly takeInTime: (ids: ReadonlySet<AccountId>) => Promise<ReadonlyMap<AccountId, Folded | LoadProblem>>
  /** The customers of `ids` that have changed since they were `seen`, as of an end of the stream that is proved after the call. */
  readonly reload: (ids: Iterable<AccountId>, seen: ReadonlyMap<AccountId, Folded>) => Promise<Set<AccountId>>
  readonly remember: (loaded: ReadonlyMap<AccountId, Folded>) => void
  readonly forget: (ids: Iterable<AccountId>) => void
}

const ACCOUNTS_MAX = 100_000

/** Is given the accounts that this instance's own events have made: the stream has accepted these as the newest of each. */
export type OnStored = (accounts: ReadonlyMap<AccountId, Folded>) => void

export const createAccounts = (deps: CommandDeps, onStored: OnStored = () => undefined): Accounts => {
  const memory = forgetWhenSetBack(deps.nc, createLru<AccountId, Folded>(ACCOUNTS_MAX))
  const loader = new AccountLoader(deps)

  /** Keeps an account unless a newer one is known: a round may have read it before another round stored more. */
  const keep = (id: AccountId, loaded: Folded): void => {
    if (loaded.last_seq >= (memory.get(id)?.last_seq ?? 0)) memory.set(id, loaded)
  }

  const kept = (results: LoadResult): LoadResult => {
    for (const [id, result] of results) if (isLoaded(result)) keep(id, result)
    return results
  }

  const load = async (
    ids: readonly AccountId[],
    confirmed: boolean,
    bases: ReadonlyMap<AccountId, Folded> = new Map(),
  ): Promise<LoadResult> => (ids.length === 0 ? new Map() : kept(await loader.load(ids, confirmed, bases)))

  const reload: Accounts['reload'] = async (ids, seen) => {
    const all = [...new Set(ids)]
    for (const id of all) memory.delete(id)
    const results = await load(all, true, seen)
    return new Set(
      all.filter(id => {
        const result = results.get(id)
        return result === undefined || !isLoaded(result) || result.last_seq !== seen.get(id)?.last_seq
      }),
    )
  }

  return {
    take: async ids => {
      const taken = new Map<AccountId, Folded | LoadProblem>()
      const missing: AccountId[] = []
      const parked = new Map<AccountId, Folded>()
      for (const id of ids) {
        const known = memory.get(id)
        if (known === undefined) missing.push(id)
        else if (known.customer.parked === undefined) taken.set(id, known)
        // an operator may have decided meanwhile that the customer goes on
        else parked.set(id, known)
      }
      if (missing.length + parked.size === 0) return taken
      const results = await load([...missing, ...parked.keys()], false, parked)
      for (const [id, result] of results) taken.set(id, result)
      return taken
    },
    takeInTime: async ids => {
      const missing = [...ids].filter(id => memory.get(id) === undefined)
      return missing.length === 0 ? new Map() : kept(await loader.loadInTime(missing))
    },
    reload,
    remember: loaded => {
      for (const [id, state] of loaded) keep(id, state)
      try {
        onStored(loaded)
      } catch (err) {
        // the events are stored: a fault of a listener must not take the place of their answers
        deps.log.error({ err }, 'accounts that are stored could not be handed on')
      }
    },
    forget: ids => {
      for (const id of ids) memory.delete(id)
    },
  }
}
