/**
 * The endpoint `customer.balance`: the balance of one customer.
 *
 * `{"client_id":"678"}` gives exactly `{"balance":7120}`; a customer without events has `{"balance":0}`. What the
 * predecessor did not have is in headers (`Ledger-Version`, `Ledger-Seq`, `Ledger-Source`; `Ledger-Age-Ms` on an answer
 * that no server proves to be new) and in optional fields.
 * A customer in memory is answered at once, with the bytes that were made for an earlier answer.
 */

import { E, type Either, pipe, TE } from '../../fp.js'
import { shownName } from '../../json.js'
import { amountJson } from '../../ledger/amount.js'
import type { ClientId } from '../../ledger/client-id.js'
import type { EndpointConfig, Handler, ServiceReply } from '../../service/config.js'
import { headerLines } from '../../service/headers.js'
import type { FreshnessWatch } from '../hot-set/freshness-watch.js'
import type { HotCustomer, HotSet } from '../hot-set/hot-set.js'
import type { Found, Result } from '../hot-set/loader.js'
import type { Session } from '../hot-set/session.js'
import type { AsOf } from '../past/as-of.js'
import type { AnswerCounts } from '../query-metrics.js'
import {
  type BalanceRequest,
  type DecodedBalanceRequest,
  decodeBalanceRequest,
  usualClientId,
} from './balance-request.js'

export type RequestLimits = { readonly max_in_flight: number; readonly timeout_ms: number }

/** A finished reply, kept with the customer until the customer's next event. */
export type ReadyReply = Either<never, ServiceReply>

export type BalanceParts = {
  readonly hot: HotSet<ReadyReply>
  readonly session: Session
  readonly as_of: AsOf
  readonly watch: Pick<FreshnessWatch, 'isFresh' | 'lag'>
  readonly answers: AnswerCounts
}

const toReply = ({ account, source, age_ms }: Omit<Found, 'complete_to'>): ServiceReply => ({
  body: `{"balance":${amountJson(account.balance)}}`,
  lines: headerLines({
    'Ledger-Version': String(account.version),
    'Ledger-Seq': String(account.seq),
    'Ledger-Source': source,
    ...(age_ms === undefined ? {} : { 'Ledger-Age-Ms': String(age_ms) }),
  }),
})

const IGNORED_NAMES_MAX = 10

/** Adds a header to a reply that names the ignored fields of its request. */
const withIgnoredNames =
  (ignored: readonly string[]) =>
  (reply: ServiceReply): ServiceReply => {
    if (ignored.length === 0) return reply
    const names = ignored.slice(0, IGNORED_NAMES_MAX).map(name => shownName(name).replace(/[\s,]/g, '?'))
    const more = ignored.length > IGNORED_NAMES_MAX ? ['...'] : []
    const line = headerLines({ 'Ledger-Ignored': [...names, ...more].join(', ') })
    return { ...reply, lines: `${reply.lines}${line}` }
  }

/** The endpoint `balance` of the service `customer`. */
export const balanceEndpoint = (parts: BalanceParts, limits: RequestLimits): EndpointConfig => {
  const { hot, session, as_of, watch, answers } = parts

  const toCountedReply = (found: Found): ServiceReply => {
    answers[found.source] += 1
    return toReply(found)
  }

  const fromMemory = (customer: HotCustomer<ReadyReply>): ReadyReply => {
    customer.used = true
    answers.memory += 1
    customer.made ??= E.right(toReply({ account: customer.account, source: 'memory' }))
    return customer.made
  }

  const read = ({ client_id, min_version = 0, consistency, ...past }: BalanceRequest): Promise<Result> => {
    if (past.as_of_seq !== undefined) return as_of.seq(client_id, past.as_of_seq)
    if (past.as_of !== undefined) return as_of.time(client_id, past.as_of)
    if (consistency === 'strong') return session.strong(client_id, min_version)
    return min_version === 0 ? session.plain(client_id) : session.atLeast(client_id, min_version)
  }

  /** The answer from memory; undefined when memory is not fresh, or has no `version` or newer of the customer. */
  const atOnce = (id: ClientId, version: number): ReadyReply | undefined => {
    const customer = hot.get(id)
    return customer !== undefined && customer.account.version >= version && watch.isFresh()
      ? fromMemory(customer)
      : undefined
  }

  const handleRequest = ({ request, ignored }: DecodedBalanceRequest): ReturnType<Handler> => {
    const { client_id, min_version = 0, consistency, ...past } = request
    const is_plain = consistency === undefined && past.as_of === undefined && past.as_of_seq === undefined
    const made = is_plain ? atOnce(client_id, min_version) : undefined
    const addNames = withIgnoredNames(ignored)
    return made === undefined
      ? pipe(
          TE.fromTask(() => read(request)),
          TE.chainEitherK(E.map(found => addNames(toCountedReply(found)))),
        )
      : pipe(made, E.map(addNames))
  }

  return {
    name: 'balance',
    subject: 'customer.balance',
    queue_group: 'q',
    description: 'The balance of one customer',
    metadata: { format: 'application/json' },
    ...limits,
    data: () => ({ lag: watch.lag(), hot_customers: hot.size(), answers }),
    handle: ({ body }) => {
      const id = usualClientId(body)
      const made = id === undefined ? undefined : atOnce(id, 0)
      if (made !== undefined) return made
      const request = decodeBalanceRequest(body)
      return E.isLeft(request) ? request : handleRequest(request.right)
    },
  }
}
