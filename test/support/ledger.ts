/**
 * The rig of the specs that need real servers: it starts servers, connects, makes the streams and the tables, starts
 * projections, and stops all of it in reverse order.
 *
 * - `startTestStream` is a nats-server with the ledger's streams.
 * - `startTestLedger` is that and a DynamoDB server with tables.
 * - `openTestLedger` is a ledger over servers that the spec has started itself, because they are a cluster, have users,
 *   or stand behind a proxy.
 *
 * A folder whose specs need more puts it on top of this rig (`src/queries/testing`, `src/gateway/testing`,
 * `src/verify/testing`).
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { type ConnectionOptions, connect, type NatsConnection } from 'nats'
import { pino } from 'pino'
import type { CommandDeps } from '../../src/commands/deps.js'
import { E, type TaskEither, TE } from '../../src/fp.js'
import { readPointer } from '../../src/generations/pointer.js'
import { createHealth } from '../../src/health.js'
import { waitCaughtUp } from '../../src/projections/caught-up.js'
import { PROJECTIONS } from '../../src/projections/definitions/ledger.js'
import type { ProjectionDeps } from '../../src/projections/deps.js'
import { type Projector, startProjector } from '../../src/projections/runner.js'
import { consumerName } from '../../src/projections/target.js'
import { createStack, type Stack } from '../../src/stack.js'
import { NEW_LEDGER_SCHEMA, putText, SCHEMA_KEY } from '../../src/stream/config-bucket.js'
import { consumerProgress } from '../../src/stream/consumer.js'
import { manager, provision } from '../../src/stream/provision.js'
import { publish } from '../../src/stream/publish.js'
import { createTablesClient } from '../../src/tables/client.js'
import { TABLES, tableName } from '../../src/tables/definition.js'
import { createTable } from '../../src/tables/provision.js'
import type { JournalKind } from '../../src/tables/savepoints.js'
import {
  startTestNats,
  startTestServers,
  type TestNats,
  type TestNatsOptions,
  type TestServers,
  until,
} from './servers.js'

/** A connection to a server that has the ledger's streams. */
type OpenStream = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly kv: KV
  /** Publishes a body on a customer's subject; resolves with the stream sequence. */
  readonly emit: (token: string, body: unknown) => Promise<number>
  /** Notes how something is stopped that the spec has started. */
  readonly atStop: Stack['push']
  /** Stops everything that was started, newest first. */
  readonly stop: () => Promise<void>
}

export type OpenLedger = OpenStream &
  ProjectionDeps &
  Pick<CommandDeps, 'table'> & {
    /** The name of the table of the first generation. */
    readonly first_table: string
    /** Starts the projection; if it still runs at the end, `stop` stops it. */
    readonly project: () => Projector
    /** Waits until the projection has handled what the stream held at the call. */
    readonly caughtUp: () => Promise<void>
  }

export type TestStream = OpenStream & { readonly nats: TestNats }
export type TestLedger = OpenLedger & { readonly servers: TestServers }

type StreamOptions = TestNatsOptions & {
  /** The options of the client; by default those of nats.js. */
  readonly connection?: ConnectionOptions
}
type TableOptions = {
  /** Whether the table exists before the spec begins; a projection makes it itself. */
  readonly has_table?: boolean
  /** Which events have rows in its tables; every one, unless stated. */
  readonly journal?: JournalKind
}

export const LOCAL = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

const BASE_TABLE = 'balances'
const REQUEST_MS_MAX = 10_000
const CATCH_UP_MS_MAX = 20_000
/** Some nodes of a cluster that starts are not there yet. */
const PROVISIONED_MS_MAX = 20_000

/** Returns the right value; fails the test with the error of a left value. */
export const right = async <A>(task: TaskEither<unknown, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left), { cause: result.left })
  return result.right
}

/** Returns the left value of a task that has to fail. */
export const left = async <L>(task: TaskEither<L, unknown>): Promise<L> => {
  const result = await task()
  if (E.isRight(result)) throw new Error(`it should have failed, but gave ${JSON.stringify(result.right)}`)
  return result.left
}

const bytesOf = (body: unknown): string | Uint8Array =>
  typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)

/** Connects, and makes the streams where they do not exist; the connection is closed by `stack`. */
const openStream = async (stack: Stack, connection: ConnectionOptions, replicas: number) => {
  const nc = await connect(connection)
  stack.push(() => nc.close())
  const kv = await until(() => right(provision(nc, { replicas })), {
    deadline_ms: PROVISIONED_MS_MAX,
    what: 'the streams to be made',
  })
  // a new ledger begins with the newest schema
  await until(() => right(putText(kv, SCHEMA_KEY, NEW_LEDGER_SCHEMA)).then(() => true), {
    deadline_ms: PROVISIONED_MS_MAX,
    what: 'the schema to be noted',
  })
  const emit: OpenStream['emit'] = async (token, body) => {
    const message = { subject: `customer.balance.${token}`, body: bytesOf(body) }
    return (await right(publish(nc, message, REQUEST_MS_MAX))).seq
  }
  return { nc, kv, jsm: await right(manager(nc)), emit, atStop: stack.push, stop: stack.stop }
}

/** Starts a nats-server of its own with the streams. */
export const startTestStream = async ({
  connection = {},
  ...options
}: StreamOptions = {}): Promise<TestStream> => {
  const nats = await startTestNats(options)
  const stack = createStack()
  stack.push(() => nats.stop())
  return { nats, ...(await openStream(stack, { servers: nats.url, ...connection }, 1)) }
}

const projecting = (deps: ProjectionDeps, stack: Stack): Pick<OpenLedger, 'project' | 'caughtUp'> => {
  const isCaughtUp = async (): Promise<boolean> => {
    const signal = AbortSignal.timeout(CATCH_UP_MS_MAX)
    if ((await waitCaughtUp(deps, 'ledger', 1_000, signal, () => undefined)) > 0) return false
    // a projection that is not at work yet has nothing to do in an empty stream
    const { generation } = await right(readPointer(deps.jsm, 'ledger'))
    return E.isRight(await consumerProgress(deps.jsm, consumerName('ledger', generation))())
  }
  return {
    project: () => {
      const projector = startProjector(deps, PROJECTIONS.ledger)
      stack.push(projector.stop)
      return projector
    },
    caughtUp: async () => {
      await until(isCaughtUp, {
        deadline_ms: CATCH_UP_MS_MAX,
        what: 'the projection to have caught up',
      })
    },
  }
}

type Place = TableOptions & {
  readonly connection: ConnectionOptions
  /** The URL of the DynamoDB server, or of a proxy before it. */
  readonly dynamodb_endpoint: string
  readonly replicas?: number
}

const openLedger = async (stack: Stack, place: Place): Promise<OpenLedger> => {
  const stream = await openStream(stack, place.connection, place.replicas ?? 1)
  const tables = createTablesClient({ endpoint: place.dynamodb_endpoint, ...LOCAL })
  stack.push(() => tables.destroy())
  if (place.has_table) await right(createTable(tables, tableName(BASE_TABLE, 'ledger', 1), TABLES.ledger))
  const ledger = {
    ...stream,
    tables,
    base_table: BASE_TABLE,
    journal: place.journal ?? 'every-event',
    table: TE.right(tableName(BASE_TABLE, 'ledger', 1)),
    first_table: tableName(BASE_TABLE, 'ledger', 1),
    log: pino({ level: 'silent' }),
    health: createHealth(() => undefined),
  }
  return { ...ledger, ...projecting(ledger, stack) }
}

/** Opens a ledger on servers that the spec has started. */
export const openTestLedger = (place: Place): Promise<OpenLedger> => openLedger(createStack(), place)

/** Starts a ledger with servers of its own. */
export const startTestLedger = async (options: TableOptions = {}): Promise<TestLedger> => {
  const servers = await startTestServers()
  const stack = createStack()
  stack.push(() => servers.stop())
  const ledger = await openLedger(stack, {
    connection: { servers: servers.nats.url },
    dynamodb_endpoint: servers.dynamodb.endpoint,
    ...options,
  })
  return { ...ledger, servers }
}
