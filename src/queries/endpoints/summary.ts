/**
 * The endpoint `customer.summary`: the number of customers, the sums of their balances, credits, debits and refusals; in
 * total, and by day of the stream's time (UTC). In total also what is held, and how many customers are restricted.
 */

import { E, type Either, pipe, TE, type t } from '../../fp.js'
import { Day, formatDay } from '../../instant.js'
import { Asset } from '../../ledger/account-id.js'
import { toJson } from '../../ledger/amount.js'
import { exactFieldsOf } from '../../ledger/codec.js'
import type { EndpointConfig, ServiceReply } from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import { allKey, dayKey, readTotals, type Totals } from '../../tables/totals.js'
import { type QueryDeps, readActive } from '../deps.js'
import { unavailable } from '../unavailable.js'
import type { RequestLimits } from './balance.js'
import { decodeRequest, invalid } from './query-body.js'

const DAYS_MAX = 31
const MS_PER_DAY = 86_400_000

const Request = exactFieldsOf({}, { from: Day, to: Day, asset: Asset })

/** The requested days, oldest first; without `from` and `to` up to 31 days that end today. */
const daysOf = (
  { from, to }: t.TypeOf<typeof Request>,
  today_ms: number,
): Either<ServiceError, readonly string[]> => {
  const span_ms = (DAYS_MAX - 1) * MS_PER_DAY
  const last = to ?? (from === undefined ? today_ms : Math.min(from + span_ms, Math.max(from, today_ms)))
  const first = from ?? Math.max(last - span_ms, 0)
  const days = Math.round((last - first) / MS_PER_DAY) + 1
  if (days < 1) return E.left(invalid('from, to: from must not be after to'))
  if (days > DAYS_MAX) return E.left(invalid(`from, to: at most ${DAYS_MAX} days`))
  return E.right(Array.from({ length: days }, (_, i) => formatDay(first + i * MS_PER_DAY)))
}

const movementsOf = ({ credits, credited, debits, debited, declined }: Totals) => ({
  credits: { count: toJson(credits), amount: toJson(credited) },
  debits: { count: toJson(debits), amount: toJson(debited) },
  declined: toJson(declined),
})

/** Of a ledger whose accounts are all plain there is nothing to say. */
const rulesOf = ({ held, restricted }: Totals) => ({
  ...(held === 0n ? {} : { held: toJson(held) }),
  ...(restricted === 0n ? {} : { restricted: toJson(restricted) }),
})

const toReply = (
  days: readonly string[],
  asset: string | undefined,
  sums: ReadonlyMap<string, Totals>,
): ServiceReply => {
  const all = sums.get(allKey(asset))
  return {
    body: JSON.stringify({
      ...(asset === undefined ? {} : { asset }),
      ...(all === undefined
        ? {}
        : {
            customers: toJson(all.customers),
            balance: toJson(all.balance),
            ...rulesOf(all),
            ...movementsOf(all),
          }),
      days: days.flatMap(day => {
        const sum = sums.get(dayKey(day, asset))
        return sum === undefined ? [] : [{ day, ...movementsOf(sum) }]
      }),
    }),
  }
}

/** The endpoint `summary`. */
export const summaryEndpoint = (deps: QueryDeps, limits: RequestLimits): EndpointConfig => ({
  name: 'summary',
  subject: 'customer.summary',
  queue_group: 'q',
  description: 'The sums of everything, all in all and by day',
  metadata: { format: 'application/json' },
  ...limits,
  handle: ({ body }) =>
    pipe(
      decodeRequest(Request, 'from, to and asset')(body),
      E.bindTo('request'),
      E.bind('days', ({ request }) => daysOf(request, Date.parse(`${formatDay(Date.now())}T00:00:00Z`))),
      TE.fromEither,
      TE.chain(({ request: { asset }, days }) => {
        const keys = [allKey(asset), ...days.map(day => dayKey(day, asset))]
        return pipe(
          readActive(deps.activeWhole, ({ table, trustWhole }) =>
            readTotals(deps.tables, table, keys, trustWhole),
          ),
          TE.bimap(
            error => unavailable('the totals', error),
            ({ found }) => toReply(days, asset, found),
          ),
        )
      }),
    ),
})
