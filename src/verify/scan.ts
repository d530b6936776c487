/**
 * Reads many items: the whole table, one customer's rows from an index, or any number of ids.
 */

import type { TaskEither } from '../fp.js'
import { chunksOf, inParallel } from '../parallel.js'
import { BATCH_KEYS_MAX, type RawItem } from '../tables/batch-get.js'
import type { TableError } from '../tables/errors.js'
import { queryRaw, type RawPage, readRaw, scanRaw } from '../tables/raw-items.js'
import type { Run } from './deps.js'
import { persist } from './problem.js'

const REQUESTS_MAX = 4

async function* pagesOf(
  { signal }: Run,
  read: (from?: RawItem) => TaskEither<TableError, RawPage>,
): AsyncGenerator<readonly RawItem[]> {
  let from: RawItem | undefined
  do {
    const page: RawPage = await persist(read(from), signal)
    yield page.items
    from = page.next
  } while (from !== undefined)
}

/** Reads every item of a table, page by page. Throws `CannotVerify`. */
export const scanAll = (run: Run, table: string): AsyncGenerator<readonly RawItem[]> =>
  pagesOf(run, from => scanRaw(run.tables, table, from))

/** Reads the rows of one customer, page by page. Throws `CannotVerify`. */
export const rowsOf = (run: Run, table: string, client_id: string): AsyncGenerator<readonly RawItem[]> => {
  const index = { name: 'by-customer', attribute: 'client_id', value: client_id }
  return pagesOf(run, from => queryRaw(run.tables, table, index, from))
}

/**
 * Reads the items of any number of ids, strongly consistent. An id without an item is absent in the result. Throws
 * `CannotVerify`.
 */
export const readAll = async (
  run: Run,
  table: string,
  ids: readonly string[],
): Promise<Map<string, RawItem>> => {
  const pages = await inParallel(REQUESTS_MAX, chunksOf(BATCH_KEYS_MAX, [...new Set(ids)]), page =>
    persist(readRaw(run.tables, table, page), run.signal),
  )
  return new Map(pages.flatMap(page => [...page]))
}
