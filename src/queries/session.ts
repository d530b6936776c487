/**
 * Reads that have to be as new as their caller knows the customer to be: read your own write, and strong reads.
 */

import { E } from '../fp.js'
import type { ClientId } from '../ledger/client-id.js'
import { catalogued } from '../service/catalogue.js'
import type { HotSet } from './hot-set.js'
import type { Loader, Result } from './loader.js'
import type { Progress } from './progress.js'
import type { Waiters } from './waiters.js'

export type SessionParts = {
  readonly hot: HotSet<unknown>
  readonly loader: Loader
  readonly waiters: Waiters
  readonly progress: Pick<Progress, 'isBehind'>
}

export type Session = {
  /** At `version` or newer, from wherever that is quickest; `NOT_REACHED` when the stream has no such version. */
  readonly atLeast: (id: ClientId, version: number) => Promise<Result>
  /** With everything that the stream held at the call, and at `version` or newer. */
  readonly strong: (id: ClientId, version: number) => Promise<Result>
}

export const createSession = ({ hot, loader, waiters, progress }: SessionParts): Session => {
  const inMemory = (id: ClientId, version: number): Result | undefined => {
    const found = hot.get(id)
    return found !== undefined && found.account.version >= version
      ? E.right({ account: found.account, source: 'memory' })
      : undefined
  }

  const strong = async (id: ClientId, version: number): Promise<Result> => {
    const found = await loader.confirm(id)
    if (E.isLeft(found) || found.right.account.version >= version) return found
    const message = `version ${version} is asked for, and the stream has come to version ${found.right.account.version}`
    return E.left(catalogued('NOT_REACHED', { message }))
  }

  return {
    strong,
    atLeast: async (id, version) => {
      if (hot.get(id) === undefined) {
        const loaded = await loader.load(id)
        if (E.isRight(loaded) && loaded.right.account.version >= version) return loaded
      }
      const known = inMemory(id, version)
      if (known !== undefined) return known
      // the event is mostly on its way, and waiting for it costs nobody anything
      if (hot.get(id) !== undefined && !progress.isBehind()) await waiters.until(id, version)
      return inMemory(id, version) ?? strong(id, version)
    },
  }
}
