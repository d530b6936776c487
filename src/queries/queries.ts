/**
 * The query side of a process: the hot set, the parts that feed it, and the endpoints that answer from it.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { AccountId } from '../ledger/account-id.js'
import type { EndpointConfig } from '../service/config.js'
import { createAssetLook } from '../stream/assets.js'
import type { Folded } from '../stream/fold-subject.js'
import { createProver } from '../stream/proof.js'
import type { QueryDeps } from './deps.js'
import { accountEndpoint } from './endpoints/account.js'
import { balanceEndpoint, type ReadyReply, type RequestLimits } from './endpoints/balance.js'
import { eventsEndpoint } from './endpoints/events.js'
import { explainEndpoint } from './endpoints/explain.js'
import { holdsEndpoint } from './endpoints/holds.js'
import { listEndpoint, rankingEndpoint } from './endpoints/list.js'
import { statementEndpoint } from './endpoints/statement.js'
import { summaryEndpoint } from './endpoints/summary.js'
import { createBatcher } from './hot-set/batcher.js'
import { type Follower, startFollower } from './hot-set/follower.js'
import { createFreshnessWatch, type FreshnessWatch } from './hot-set/freshness-watch.js'
import { createHotSet } from './hot-set/hot-set.js'
import { createCustomerLoader } from './hot-set/loader.js'
import { createSession } from './hot-set/session.js'
import { createTableReads } from './hot-set/table-reads.js'
import { createWaiters } from './hot-set/waiters.js'
import { createMomentOf } from './moment.js'
import { createAsOf } from './past/as-of.js'
import { createExplainRecord } from './past/explain-record.js'
import { createFindEvent } from './past/find-event.js'
import { createFindHoldEndBefore } from './past/hold-end.js'
import { createReadPage } from './past/journal-page.js'
import { createFoldPast } from './past/past.js'
import { type AnswerCounts, watchQueries } from './query-metrics.js'
import { createReadAccount } from './read-account.js'
import { createSameStream } from './same-stream.js'

export type QueryOptions = {
  /** The largest number of customers in memory; 0 keeps none. */
  readonly hot_customers_max: number
  readonly limits: (endpoint: string) => RequestLimits
}

export type Queries = {
  readonly endpoints: readonly EndpointConfig[]
  /**
   * Takes accounts into memory that the stream has accepted as the newest ones, while there is room: a command of this process needs
   * no read of the table for the balance that it has just made. Each is as of its `last_seq`.
   */
  readonly learn: (accounts: ReadonlyMap<AccountId, Folded>) => void
  /** Stops following the stream; the endpoints must be stopped before. */
  readonly stop: () => Promise<void>
}

const BATCH_READS_IN_FLIGHT_MAX = 8
/** The largest lag of the table, in events, that memory can still make up for: about 10 MB. */
const RECENT_EVENTS_MAX = 50_000
/** Nearly every event arrives long before this bound; after it the stream's leader is asked. */
const WAIT_FOR_VERSION_MS_MAX = 250
const FIRST_LOOK_MS_MAX = 3_000

const untilFollowing = async ({ isFresh }: FreshnessWatch): Promise<void> => {
  const until_ms = performance.now() + FIRST_LOOK_MS_MAX
  while (!isFresh() && performance.now() < until_ms) await sleep(10)
}

/** Starts to follow the stream. Gives the endpoints once the memory is fresh, or after three seconds without that. */
export const startQueries = async (
  deps: QueryDeps,
  { hot_customers_max, limits }: QueryOptions,
): Promise<Queries> => {
  const hot = createHotSet<ReadyReply>({
    customers_max: hot_customers_max,
    recent_events_max: RECENT_EVENTS_MAX,
  })
  const waiters = createWaiters(WAIT_FOR_VERSION_MS_MAX)
  const watch = createFreshnessWatch(deps, hot)
  const follower: Follower = startFollower(deps, {
    position: hot.position,
    restart: position => {
      hot.restart(position)
      watch.restarted(position)
    },
    follow: (stored, id, decoded) => {
      const changed = hot.follow(stored, id, decoded)
      watch.reached(stored.seq)
      if (changed !== undefined && id !== undefined) waiters.notify(id, changed.account.version)
    },
  })
  watch.start(follower)

  const stream = createSameStream(deps, hot.position)
  // later answers are compared with the stream that is found here
  await stream.check()
  const batch = createBatcher({
    nc: deps.nc,
    tables: deps.tables,
    active: deps.active,
    calls_in_flight_max: BATCH_READS_IN_FLIGHT_MAX,
  })
  const table = createTableReads(batch, deps.active, watch, createProver(deps), stream, deps.log)
  const loader = createCustomerLoader(deps, hot, table, watch, stream)
  const session = createSession({ hot, loader, waiters, watch, stream })
  const fold = createFoldPast(deps, stream)
  const as_of = createAsOf(deps, fold)
  const read = createReadAccount(session, as_of)
  const momentOf = createMomentOf(deps)
  const find = createFindEvent(deps)
  const assets = createAssetLook(deps.jsm)
  const accounts = { read, momentOf, assets }

  const answers: AnswerCounts = { memory: 0, table: 0, stream: 0 }
  const unwatch = watchQueries(answers, hot)

  const learn: Queries['learn'] = accounts => {
    for (const [id, { customer, last_seq }] of accounts) {
      // customers who are only written to must not take the place of those who are read
      if (hot.size() >= hot_customers_max) return
      if (customer.parked === undefined && hot.get(id) === undefined) hot.load(id, customer, last_seq)
    }
  }

  await untilFollowing(watch)
  return {
    learn,
    endpoints: [
      balanceEndpoint({ hot, read, momentOf, now: deps.now, watch, answers }, limits('balance')),
      accountEndpoint(accounts, limits('account')),
      holdsEndpoint(accounts, limits('holds')),
      explainEndpoint(
        { find, explain: createExplainRecord(as_of.before, createFindHoldEndBefore(deps, find)) },
        limits('explain'),
      ),
      statementEndpoint({ ...deps, assets }, createReadPage(deps, fold), limits('statement')),
      listEndpoint(deps, limits('list')),
      rankingEndpoint(deps, limits('ranking')),
      summaryEndpoint(deps, limits('summary')),
      eventsEndpoint(deps, limits('events')),
    ],
    stop: async () => {
      unwatch()
      await watch.stop()
      await follower.stop()
    },
  }
}
