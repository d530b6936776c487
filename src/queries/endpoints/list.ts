/**
 * The endpoints `customer.list`: every customer by id, or those whose ids begin with a prefix, and `customer.ranking`: the
 * highest balances first, equal ones by id.
 *
 * Both merge the customers of all shards of the ranking (docs/adr/0011). A page is as of its reading: a customer whose
 * balance moves between two pages of the ranking may be on both pages, or on neither.
 */

import { E, type Either, pipe, type TaskEither, TE, type t } from '../../fp.js'
import { Asset, accountIdOf, customerOf } from '../../ledger/account-id.js'
import { Balance, toJson } from '../../ledger/amount.js'
import { ClientId } from '../../ledger/client-id.js'
import { exactFieldsOf } from '../../ledger/codec.js'
import { inParallel } from '../../parallel.js'
import { catalogued } from '../../service/catalogue.js'
import type { EndpointConfig, ServiceReply } from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import type { StreamError } from '../../stream/errors.js'
import type { TableError } from '../../tables/errors.js'
import { readBelieved } from '../../tables/heads.js'
import { customersById, highestBelow, type Ranked, withBalance } from '../../tables/ranking.js'
import { SHARDS, shardsOf } from '../../tables/shard.js'
import { type QueryDeps, readActive } from '../deps.js'
import { unavailable } from '../unavailable.js'
import type { RequestLimits } from './balance.js'
import { Cursor, type CursorOf, cursorOf, type Filters } from './cursor.js'
import { decodeRequest, PageLimit, wholeFrom } from './query-body.js'

const ENTRIES = 50
const RANKED = 10

type Read = Either<TableError, Ranked[]>

/** Reads every shard and joins what they give; left is the first failure. */
const fromShards = async (
  asset: string | undefined,
  read: (shard: string) => Promise<Read>,
): Promise<Read> => {
  const pages = await inParallel(SHARDS, shardsOf(asset), read)
  return pipe(
    E.sequenceArray(pages),
    E.map(found => found.flat()),
  )
}

const byId = (a: Ranked, b: Ranked): number => (a.id < b.id ? -1 : 1)

const byRank = (a: Ranked, b: Ranked): number => {
  if (a.balance === b.balance) return byId(a, b)
  return a.balance > b.balance ? -1 : 1
}

/** The customers of one shard that follow `after` in the ranking, `items_max` at the most. */
const rankedIn = async (
  { tables }: Pick<QueryDeps, 'tables'>,
  table: string,
  shard: string,
  after: { readonly id: string; readonly balance: bigint } | undefined,
  items_max: number,
): Promise<Read> => {
  const ranked: Ranked[] = []
  if (after !== undefined) {
    const ties = await withBalance(tables, table, shard, after.balance, after.id, items_max)()
    if (E.isLeft(ties)) return ties
    ranked.push(...ties.right)
  }
  let below = after?.balance
  while (ranked.length < items_max) {
    const wanted = items_max - ranked.length
    const found = await highestBelow(tables, table, shard, below, wanted)()
    if (E.isLeft(found)) return found
    const last = found.right.at(-1)
    if (last === undefined) break
    // of the customers with the last balance, some may be missing and others may come first: they are read by id
    const ties = await withBalance(tables, table, shard, last.balance, undefined, wanted)()
    if (E.isLeft(ties)) return ties
    const above = found.right.filter(({ balance }) => balance > last.balance)
    ranked.push(...above.sort(byRank), ...ties.right)
    below = last.balance
  }
  return E.right(ranked.slice(0, items_max))
}

const toServiceError = (error: TableError | StreamError): ServiceError =>
  error.tag === 'Unexpected' ? catalogued('INTERNAL_ERROR', {}, error) : unavailable('the ranking', error)

/** The first `limit` customers of all shards; `last` is the last one on the page when more follow. */
const pageOf = (found: readonly Ranked[], order: (a: Ranked, b: Ranked) => number, limit: number) => {
  const page = found.toSorted(order).slice(0, limit)
  return { page, last: found.length > limit ? page.at(-1) : undefined }
}

const readShards = (
  deps: QueryDeps,
  asset: string | undefined,
  read: (table: string, shard: string) => Promise<Read>,
): TaskEither<ServiceError, Ranked[]> =>
  pipe(
    readActive(deps.activeWhole, ({ table, trustWhole }) =>
      readBelieved(deps.tables, table, trustWhole, () => fromShards(asset, shard => read(table, shard))),
    ),
    TE.bimap(toServiceError, ({ found }) => found),
  )

const PAGE_FIELDS = { asset: Asset, limit: PageLimit, cursor: Cursor }
const PageRequest = exactFieldsOf({}, PAGE_FIELDS)
type PageRequest = t.TypeOf<typeof PageRequest>

type Page<A> = { readonly limit: number; readonly after: A | undefined }

/** The page that a request asks for: its size, and the place where the page before it ended. */
const pageFrom = <A>(
  { read }: CursorOf<A>,
  { limit = ENTRIES, cursor }: Omit<PageRequest, 'asset'>,
  filters: Filters = [],
): Either<ServiceError, Page<A>> =>
  cursor === undefined
    ? E.right({ limit, after: undefined })
    : pipe(
        read(cursor, filters),
        E.map(after => ({ limit, after })),
      )

const ListCursor = cursorOf('list', exactFieldsOf({ client_id: ClientId }))

const ListRequest = exactFieldsOf({}, { ...PAGE_FIELDS, prefix: ClientId })

/** The filters that all pages of one list share. */
const filtersOf = (asset: string | undefined, ...more: Filters): Filters =>
  asset === undefined ? more : [...more, `asset ${asset}`]

const assetField = (asset: string | undefined) => (asset === undefined ? {} : { asset })

const listReply = (
  found: readonly Ranked[],
  asset: string | undefined,
  limit: number,
  filters: Filters,
): ServiceReply => {
  const { page, last } = pageOf(found, byId, limit)
  return {
    body: JSON.stringify({
      ...assetField(asset),
      customers: page.map(({ id, balance, version }) => ({
        client_id: customerOf(id),
        balance: toJson(balance),
        version,
      })),
      ...(last === undefined
        ? {}
        : { cursor: ListCursor.write({ client_id: customerOf(last.id) }, filters) }),
    }),
  }
}

const common = (name: string, description: string, limits: RequestLimits) => ({
  name,
  subject: `customer.${name}`,
  queue_group: 'q',
  description,
  metadata: { format: 'application/json' },
  ...limits,
})

/** The endpoint `list`. */
export const listEndpoint = (deps: QueryDeps, limits: RequestLimits): EndpointConfig => ({
  ...common('list', 'Every customer with its balance, or those of a prefix, by id', limits),
  handle: ({ body }) =>
    pipe(
      TE.fromEither(decodeRequest(ListRequest, 'limit, cursor, prefix and asset')(body)),
      TE.chain(({ prefix, asset, ...page }) => {
        const filters = filtersOf(asset, ...(prefix === undefined ? [] : [prefix]))
        return pipe(
          TE.fromEither(pageFrom(ListCursor, page, filters)),
          TE.chain(({ limit, after }) =>
            pipe(
              readShards(deps, asset, (table, shard) =>
                customersById(
                  deps.tables,
                  table,
                  shard,
                  { after_id: after && accountIdOf(after.client_id, asset), prefix },
                  limit + 1,
                )(),
              ),
              TE.map(found => listReply(found, asset, limit, filters)),
            ),
          ),
        )
      }),
    ),
})

/** More customers than a ledger can have; the ranks of a whole page after it are still exact numbers. */
const RANK_MAX = 1e12

const RankingCursor = cursorOf(
  'ranking',
  exactFieldsOf({ client_id: ClientId, balance: Balance, rank: wholeFrom(1, RANK_MAX) }),
)

const rankingReply = (
  found: readonly Ranked[],
  asset: string | undefined,
  limit: number,
  rank: number,
): ServiceReply => {
  const { page, last } = pageOf(found, byRank, limit)
  return {
    body: JSON.stringify({
      ...assetField(asset),
      ranking: page.map(({ id, balance }, i) => ({
        rank: rank + i + 1,
        client_id: customerOf(id),
        balance: toJson(balance),
      })),
      ...(last === undefined
        ? {}
        : {
            cursor: RankingCursor.write(
              { client_id: customerOf(last.id), balance: last.balance, rank: rank + page.length },
              filtersOf(asset),
            ),
          }),
    }),
  }
}

/** The endpoint `ranking`. */
export const rankingEndpoint = (deps: QueryDeps, limits: RequestLimits): EndpointConfig => ({
  ...common('ranking', 'The customers with the highest balances first', limits),
  handle: ({ body }) =>
    pipe(
      TE.fromEither(decodeRequest(PageRequest, 'limit, cursor and asset')(body)),
      TE.chain(({ asset, ...page }) =>
        pipe(
          TE.fromEither(pageFrom(RankingCursor, { limit: RANKED, ...page }, filtersOf(asset))),
          TE.chain(({ limit, after }) => {
            const last = after && { id: accountIdOf(after.client_id, asset), balance: after.balance }
            return pipe(
              readShards(deps, asset, (table, shard) => rankedIn(deps, table, shard, last, limit + 1)),
              TE.map(found => rankingReply(found, asset, limit, after?.rank ?? 0)),
            )
          }),
        ),
      ),
    ),
})
