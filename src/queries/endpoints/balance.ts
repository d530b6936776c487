/**
 * The endpoint `customer.balance`: the balance of one customer.
 *
 * `{"client_id":"678"}` gives exactly `{"balance":7120}`; a customer without events has `{"balance":0}`. What the
 * predecessor did not have is in headers (`Ledger-Version`, `Ledger-Seq`, `Ledger-Source`; `Ledger-Available` and
 * `Ledger-Held` of an account with holds or a limit; `Ledger-Age-Ms` on an answer that no server proves to be new) and in
 * optional fields.
 * A customer in memory is answered at once, with the bytes that were made for an earlier answer.
 */

import { E, type Either, pipe } from '../../fp.js'
import { shownName } from '../../json.js'
import { type AccountAt, accountAt, dependsOnTime } from '../../ledger/account-at.js'
import type { AccountId } from '../../ledger/account-id.js'
import { amountJson } from '../../ledger/amount.js'
import type { EndpointConfig, Handler, ServiceReply } from '../../service/config.js'
import { headerLines } from '../../service/headers.js'
import type { FreshnessWatch } from '../hot-set/freshness-watch.js'
import type { HotCustomer, HotSet } from '../hot-set/hot-set.js'
import type { Found } from '../hot-set/loader.js'
import { ANY_TIME_MS, type MomentOf } from '../moment.js'
import type { AnswerCounts } from '../query-metrics.js'
import type { ReadAccount } from '../read-account.js'
import { sourceLines } from '../source-lines.js'
import { type DecodedBalanceRequest, decodeBalanceRequest, usualClientId } from './balance-request.js'

export type RequestLimits = { readonly max_in_flight: number; readonly timeout_ms: number }

/** A finished reply, kept with the customer until the customer's next event; none is kept that depends on time. */
export type ReadyReply = Either<never, ServiceReply>

export type BalanceParts = {
  readonly hot: HotSet<ReadyReply>
  readonly read: ReadAccount
  readonly momentOf: MomentOf
  /** The time by the stream's clock; undefined while it is not known. */
  readonly now: () => Date | undefined
  readonly watch: Pick<FreshnessWatch, 'isFresh' | 'lag'>
  readonly answers: AnswerCounts
}

/** What can be spent, where that is not the balance, and what is held, where something is. */
const rulesHeaders = ({ balance, available, held }: AccountAt): Readonly<Record<string, string>> => ({
  ...(available === balance ? {} : { 'Ledger-Available': String(available) }),
  ...(held === 0n ? {} : { 'Ledger-Held': String(held) }),
})

/** The reply about an account as it stands at the time `now_ms`. */
const toReply = (found: Pick<Found, 'account' | 'source' | 'age_ms'>, now_ms: number): ServiceReply => {
  const { account } = found
  const of_rules = account.rules === undefined ? {} : rulesHeaders(accountAt(account, now_ms))
  return { body: `{"balance":${amountJson(account.balance)}}`, lines: sourceLines(found, of_rules) }
}

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
  const { hot, read, momentOf, now, watch, answers } = parts

  /** Makes the reply for a customer in memory; undefined when it depends on the time, which is not known. */
  const makeReply = (customer: HotCustomer<ReadyReply>): ReadyReply | undefined => {
    const { account } = customer
    if (dependsOnTime(account)) {
      const time = now()
      return time && E.right(toReply({ account, source: 'memory' }, time.getTime()))
    }
    customer.made = E.right(toReply({ account, source: 'memory' }, ANY_TIME_MS))
    return customer.made
  }

  const fromMemory = (customer: HotCustomer<ReadyReply>): ReadyReply | undefined => {
    const made = customer.made ?? makeReply(customer)
    if (made === undefined) return undefined
    customer.used = true
    answers.memory += 1
    return made
  }

  const replyTo = async ({ request, ignored }: DecodedBalanceRequest) => {
    const found = await read(request)
    if (E.isLeft(found)) return found
    const moment = await momentOf(found.right)
    if (E.isLeft(moment)) return moment
    answers[found.right.source] += 1
    return E.right(withIgnoredNames(ignored)(toReply(found.right, moment.right)))
  }

  /** The answer from memory; undefined when memory is not fresh, or has no `version` or newer of the customer. */
  const atOnce = (id: AccountId, version: number): ReadyReply | undefined => {
    const customer = hot.get(id)
    return customer !== undefined && customer.account.version >= version && watch.isFresh()
      ? fromMemory(customer)
      : undefined
  }

  const handleRequest = ({ request, ignored }: DecodedBalanceRequest): ReturnType<Handler> => {
    const { client_id, min_version = 0, consistency, ...past } = request
    const is_plain = consistency === undefined && past.as_of === undefined && past.as_of_seq === undefined
    const made = is_plain ? atOnce(client_id, min_version) : undefined
    return made === undefined
      ? () => replyTo({ request, ignored })
      : pipe(made, E.map(withIgnoredNames(ignored)))
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
