/** The lines of the benchmark `ledger`, as data: who is asked for what, and how much at once. */

import { HTTP_CLIENTS } from '../work/http-pool.js'
import type { WorkName } from '../work/index.js'

/** The processes that a line is measured on; each line has new ones. */
export type PlaceName =
  /** The program with all roles, nats-server and the DynamoDB server. */
  | 'ledger'
  /** nats-server and a stream, without the program. */
  | 'stream'
  /**
   * nats-server, the DynamoDB server, a process that answers commands with guarded events, over NATS and HTTP, and one that writes
   * what is stored to a table.
   */
  | 'bare-ledger'
  /** A fastify server that answers at once. */
  | 'fastify'
  /** PostgreSQL with the ledger that is written by hand, and behind a bare fastify route. */
  | 'postgres'
  | 'postgres-route'

type Load = { readonly work: WorkName; readonly in_flight: number }

export type LedgerLine = Load & {
  readonly name: string
  readonly place: PlaceName
  /** The commands in one request. */
  readonly commands: number
  /** The events that one command stores; 0 for reads. */
  readonly events: number
  /** What other clients do meanwhile. */
  readonly beside?: Load
}

const IN_FLIGHT = 500
/** Batches of 1,000 in flight: fewer commands than may wait in the program (JETLEDGER_COMMAND_QUEUE). */
const BATCHES_IN_FLIGHT = 4
const BATCH_COMMANDS = 1_000

const line = (
  place: PlaceName,
  name: string,
  work: WorkName,
  in_flight: number,
  more: Partial<LedgerLine> = {},
): LedgerLine => ({ place, name, work, in_flight, commands: 1, events: 1, ...more })

const batch = (place: PlaceName, name: string, work: WorkName): LedgerLine =>
  line(place, name, work, BATCHES_IN_FLIGHT, { commands: BATCH_COMMANDS })

const transfer = (place: PlaceName, name: string, work: WorkName, in_flight: number): LedgerLine =>
  line(place, name, work, in_flight, { events: 2 })

const readsBeside = (place: PlaceName, name: string): LedgerLine =>
  line(place, name, 'httpBalance', HTTP_CLIENTS, {
    events: 0,
    beside: { work: 'httpCredit', in_flight: HTTP_CLIENTS },
  })

export const BASELINES = {
  raw: 'raw single publish, 500 in flight',
  raw_one: 'raw single publish, one at a time',
  bare_one: 'bare ledger, credit, one at a time',
  bare_many: 'bare ledger, credit, 500 in flight',
  bare_hot: 'bare ledger, one hot account',
  bare_transfer: 'bare ledger, transfer',
  bare_batch: 'bare ledger, batches of 1,000',
  bare_route_one: 'bare ledger, credit, over HTTP, one at a time',
  bare_route: 'bare ledger, credit, over HTTP',
  bare_route_hot: 'bare ledger, one hot account, over HTTP',
  bare_route_transfer: 'bare ledger, transfer, over HTTP',
  bare_route_batch: 'bare ledger, batches of 1,000, over HTTP',
  bare_route_reads: 'bare ledger, balance, over HTTP, while credits are written',
  echo_post: 'bare fastify echo, POST',
  echo_get: 'bare fastify echo, GET',
  postgres: 'PostgreSQL by hand, credit',
  postgres_hot: 'PostgreSQL by hand, one hot account',
  postgres_transfer: 'PostgreSQL by hand, transfer',
  postgres_batch: 'PostgreSQL by hand, batches of 1,000',
  route: 'PostgreSQL by hand, credit, over HTTP',
  route_hot: 'PostgreSQL by hand, one hot account, over HTTP',
  route_transfer: 'PostgreSQL by hand, transfer, over HTTP',
  route_batch: 'PostgreSQL by hand, batches of 1,000, over HTTP',
} as const

export const NATS = {
  few: 'NATS, credit with an id, 64 in flight',
  many: 'NATS, credit with an id, 500 in flight',
  few_plain: 'NATS, credit without an id, 64 in flight',
  many_plain: 'NATS, credit without an id, 500 in flight',
  hot: 'NATS, one hot account, with ids',
  transfer: 'NATS, transfer with an id',
  batch: 'NATS, batches of 1,000 with ids',
  one: 'NATS, credit with an id, one at a time',
} as const

export const HTTP = {
  credit: 'HTTP, credit, 64 clients',
  hot: 'HTTP, one hot account',
  transfer: 'HTTP, transfer',
  batch: 'HTTP, batches of 1,000',
  reads: 'HTTP, balance, nothing else at work',
  reads_beside: 'HTTP, balance, while credits are written',
  one: 'HTTP, credit, one at a time',
} as const

export const LINES: readonly LedgerLine[] = [
  line('stream', BASELINES.raw, 'rawSingle', IN_FLIGHT),
  line('stream', BASELINES.raw_one, 'rawSingle', 1),
  line('bare-ledger', BASELINES.bare_one, 'creditWithId', 1),
  line('bare-ledger', BASELINES.bare_many, 'creditWithId', IN_FLIGHT),
  line('bare-ledger', BASELINES.bare_hot, 'creditHotWithId', IN_FLIGHT),
  transfer('bare-ledger', BASELINES.bare_transfer, 'transferWithId', IN_FLIGHT),
  batch('bare-ledger', BASELINES.bare_batch, 'bulkWithIds'),
  line('bare-ledger', BASELINES.bare_route_one, 'httpCredit', 1),
  line('bare-ledger', BASELINES.bare_route, 'httpCredit', HTTP_CLIENTS),
  line('bare-ledger', BASELINES.bare_route_hot, 'httpCreditHot', HTTP_CLIENTS),
  transfer('bare-ledger', BASELINES.bare_route_transfer, 'httpTransfer', HTTP_CLIENTS),
  batch('bare-ledger', BASELINES.bare_route_batch, 'httpBatch'),
  readsBeside('bare-ledger', BASELINES.bare_route_reads),
  line('fastify', BASELINES.echo_post, 'httpCredit', HTTP_CLIENTS, { events: 0 }),
  line('fastify', BASELINES.echo_get, 'httpBalance', HTTP_CLIENTS, { events: 0 }),
  line('postgres', BASELINES.postgres, 'postgresCredit', HTTP_CLIENTS),
  line('postgres', BASELINES.postgres_hot, 'postgresCreditHot', HTTP_CLIENTS),
  transfer('postgres', BASELINES.postgres_transfer, 'postgresTransfer', HTTP_CLIENTS),
  batch('postgres', BASELINES.postgres_batch, 'postgresBatch'),
  line('postgres-route', BASELINES.route, 'httpCredit', HTTP_CLIENTS),
  line('postgres-route', BASELINES.route_hot, 'httpCreditHot', HTTP_CLIENTS),
  transfer('postgres-route', BASELINES.route_transfer, 'httpTransfer', HTTP_CLIENTS),
  batch('postgres-route', BASELINES.route_batch, 'httpBatch'),
  line('ledger', NATS.few, 'creditWithId', HTTP_CLIENTS),
  line('ledger', NATS.many, 'creditWithId', IN_FLIGHT),
  line('ledger', NATS.few_plain, 'creditUniform', HTTP_CLIENTS),
  line('ledger', NATS.many_plain, 'creditUniform', IN_FLIGHT),
  line('ledger', NATS.hot, 'creditHotWithId', IN_FLIGHT),
  transfer('ledger', NATS.transfer, 'transferWithId', IN_FLIGHT),
  batch('ledger', NATS.batch, 'bulkWithIds'),
  line('ledger', HTTP.credit, 'httpCredit', HTTP_CLIENTS),
  line('ledger', HTTP.hot, 'httpCreditHot', HTTP_CLIENTS),
  transfer('ledger', HTTP.transfer, 'httpTransfer', HTTP_CLIENTS),
  batch('ledger', HTTP.batch, 'httpBatch'),
  line('ledger', HTTP.reads, 'httpBalance', HTTP_CLIENTS, { events: 0 }),
  readsBeside('ledger', HTTP.reads_beside),
  line('ledger', NATS.one, 'creditWithId', 1),
  line('ledger', HTTP.one, 'httpCredit', 1),
]
