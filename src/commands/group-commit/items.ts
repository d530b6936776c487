/**
 * Reads heads of the table. Commands can do without the table, so they wait for it for a moment at the most.
 */

import { attempt, type Either, run, type TaskEither } from '../../fp.js'
import type { AccountId } from '../../ledger/account-id.js'
import type { Customer } from '../../ledger/fold.js'
import { chunksOf, inParallel } from '../../parallel.js'
import type { StreamError } from '../../stream/errors.js'
import type { TableError } from '../../tables/errors.js'
import { READ_KEYS_MAX, readHeads } from '../../tables/heads.js'
import type { CommandDeps } from '../deps.js'
import { createBreaker, type Soon } from './breaker.js'

export type Items = ReadonlyMap<AccountId, Customer>
export type ItemsError = StreamError | TableError

export type ItemsReader = {
  /** The items of `ids` if the table answers soon. Never rejects. */
  readonly soon: (ids: readonly AccountId[]) => Promise<Soon<ItemsError, Items>>
  /** The items of `ids`, for a caller who waits as long as the client of the table does. Never rejects. */
  readonly patiently: (ids: readonly AccountId[]) => Promise<Either<ItemsError, Items>>
}

const REQUESTS_MAX = 8

export const createItemsReader = (deps: CommandDeps): ItemsReader => {
  const breaker = createBreaker<ItemsError>({
    isAway: ({ tag }) => tag === 'TryAgain',
    onOpen: error =>
      deps.log.warn(
        { err: error?.cause, reason: error?.message ?? 'it does not answer soon' },
        'DynamoDB is away: accounts are folded from the stream alone',
      ),
  })

  const read = (ids: readonly AccountId[]): TaskEither<ItemsError, Items> =>
    attempt(
      async () => {
        const table = await run(deps.table)
        const pages = await inParallel(REQUESTS_MAX, chunksOf(READ_KEYS_MAX, ids), page =>
          run(readHeads(deps.tables, table, page)),
        )
        return new Map(pages.flatMap(page => [...page]))
      },
      (cause): ItemsError => ({ tag: 'Unexpected', message: String(cause), cause }),
    )

  return { soon: ids => breaker.soon(read(ids)), patiently: ids => read(ids)() }
}
