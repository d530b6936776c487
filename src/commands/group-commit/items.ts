/**
 * Items of the balances table, where that answers soon: commands can do without it, and wait for it a moment at the most.
 */

import { E, type Either } from '../../fp.js'
import type { ClientId } from '../../ledger/client-id.js'
import type { Customer } from '../../ledger/fold.js'
import { chunksOf, inParallel } from '../../parallel.js'
import type { StreamError } from '../../stream/errors.js'
import { READ_KEYS_MAX, readCustomers } from '../../tables/balances.js'
import type { TableError } from '../../tables/errors.js'
import type { CommandDeps } from '../deps.js'
import { createBreaker, type Soon } from './breaker.js'

export type Items = ReadonlyMap<ClientId, Customer>
export type ItemsError = StreamError | TableError

export type ItemsReader = {
  /** The items of `ids` if the table answers soon. Never rejects. */
  readonly soon: (ids: readonly ClientId[]) => Promise<Soon<ItemsError, Items>>
  /** The same, for somebody who needs them and waits as long as the client of the table does. Never rejects. */
  readonly patiently: (ids: readonly ClientId[]) => Promise<Either<ItemsError, Items>>
}

const REQUESTS_MAX = 8

/** Thrown inside, so that the pages under way end when one has failed. */
class Failed extends Error {
  readonly error: ItemsError
  constructor(error: ItemsError) {
    super(error.message)
    this.error = error
  }
}

const orThrow = <A>(result: Either<ItemsError, A>): A => {
  if (E.isLeft(result)) throw new Failed(result.left)
  return result.right
}

export const createItemsReader = (deps: CommandDeps): ItemsReader => {
  const breaker = createBreaker<ItemsError>({
    isAway: ({ tag }) => tag === 'TryAgain',
    onOpen: error =>
      deps.log.warn(
        { err: error?.cause, reason: error?.message ?? 'it does not answer soon' },
        'DynamoDB is away: accounts are folded from the stream alone',
      ),
  })

  const read = async (ids: readonly ClientId[]): Promise<Either<ItemsError, Items>> => {
    try {
      const table = orThrow(await deps.balancesTable())
      const pages = await inParallel(REQUESTS_MAX, chunksOf(READ_KEYS_MAX, ids), async page =>
        orThrow(await readCustomers(deps.tables, table, page)()),
      )
      return E.right(new Map(pages.flatMap(page => [...page])))
    } catch (cause) {
      if (cause instanceof Failed) return E.left(cause.error)
      return E.left({ tag: 'Unexpected', message: String(cause), cause })
    }
  }

  return { soon: ids => breaker.soon(() => read(ids)), patiently: read }
}
