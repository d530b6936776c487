/**
 * A ledger for the specs of the query side: a nats-server, a DynamoDB server that can be killed, the projector, and the
 * queries as a service on it.
 */

import { DeleteCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import { connect, type Msg, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { type DynamodbProcess, startDynamodbProcess } from '../../../test/support/dynamodb-process.js'
import { LOCAL, right } from '../../../test/support/ledger.js'
import { newFolder, removeFolder, startTestNats, until } from '../../../test/support/servers.js'
import { E } from '../../fp.js'
import { createHealth } from '../../health.js'
import { followTables } from '../../process/active-tables.js'
import { waitCaughtUp } from '../../projections/caught-up.js'
import { PROJECTIONS } from '../../projections/definitions/all.js'
import { type Projector, startProjector } from '../../projections/runner.js'
import { type Service, startService } from '../../service/service.js'
import { manager, provision } from '../../stream/provision.js'
import { publish } from '../../stream/publish.js'
import { createTablesClient } from '../../tables/client.js'
import { type ProjectionName, tableName } from '../../tables/definition.js'
import { seqRowId } from '../../tables/journal-ids.js'
import type { QueryDeps } from '../deps.js'
import { type Queries, type QueryOptions, startQueries } from '../queries.js'

export type Rig = {
  readonly deps: QueryDeps
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly dynamodb: DynamodbProcess
  readonly service: Service
  /** Publishes an event of a customer; gives its stream sequence. */
  readonly emit: (id: string, body: unknown) => Promise<number>
  readonly ask: (subject: string, request: unknown) => Promise<Msg>
  /** Starts the projector; it is stopped at the end. */
  readonly startProjector: (projection?: ProjectionName) => Projector
  /** Waits until the table holds what the stream held at the call, and readers believe it. */
  readonly caughtUp: (projection?: ProjectionName) => Promise<void>
  /** Removes and gives the journal's row of an event without a transaction id, as if the index did not show it yet. */
  readonly takeRow: (seq: number) => Promise<Record<string, unknown>>
  readonly putRow: (row: Record<string, unknown>) => Promise<void>
  /** Another instance of the query side, on the same connection and subjects. */
  readonly startQueries: (options?: Partial<QueryOptions>) => Promise<Queries & { readonly service: Service }>
  readonly stop: () => Promise<void>
}

const REQUEST_MS_MAX = 10_000
const CATCH_UP_MS_MAX = 20_000
/** Some nodes of a cluster that starts are not there yet. */
const PROVISIONED_MS_MAX = 20_000

const OPTIONS: QueryOptions = {
  hot_customers_max: 1_000,
  limits: () => ({ max_in_flight: 4_096, timeout_ms: 8_000 }),
}

const textOf = (body: unknown): string | Uint8Array =>
  typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)

/** `<status>:<code>` of an error reply, '' for a success. */
export const errorOf = ({ headers }: Msg): string =>
  headers?.has('Nats-Service-Error-Code')
    ? `${headers.get('Nats-Service-Error-Code')}:${headers.get('Nats-Service-Error')}`
    : ''

/** Version, sequence and source from a reply's headers. */
export const ledgerOf = ({ headers }: Msg): string =>
  ['Version', 'Seq', 'Source'].map(name => headers?.get(`Ledger-${name}`)).join(' ')

/** Servers that the rig does not start, and the number of replicas that the streams have there. */
export type Elsewhere = { readonly url: string; readonly replicas: number }

/** Takes rows out of a journal, and puts them back. */
const rowsOf = (tables: Rig['deps']['tables'], journal: string): Pick<Rig, 'takeRow' | 'putRow'> => ({
  takeRow: async seq => {
    const { Attributes = {} } = await tables.send(
      new DeleteCommand({ TableName: journal, Key: { id: seqRowId(seq) }, ReturnValues: 'ALL_OLD' }),
    )
    return Attributes
  },
  putRow: async row => {
    await tables.send(new PutCommand({ TableName: journal, Item: row }))
  },
})

/** Starts everything but the projector; with a nats-server of its own unless there is one `elsewhere`. */
export const startRig = async (options: Partial<QueryOptions> = {}, elsewhere?: Elsewhere): Promise<Rig> => {
  const folder = newFolder()
  const nats = elsewhere === undefined ? await startTestNats() : undefined
  const { url, replicas } = elsewhere ?? { url: nats?.url ?? '', replicas: 1 }
  const dynamodb = await startDynamodbProcess(folder)
  const nc = await connect({ servers: url })
  const kv = await until(() => right(provision(nc, { replicas })), {
    deadline_ms: PROVISIONED_MS_MAX,
    what: 'the streams to be made',
  })
  const jsm = await right(manager(nc))
  const tables = createTablesClient({ endpoint: dynamodb.endpoint, ...LOCAL })
  const common = { nc, jsm, tables, log: pino({ level: 'silent' }), health: createHealth(() => undefined) }
  const table = 'balances'
  const journal = tableName(table, 'journal', 1)
  const followed = followTables(common, table)
  const deps: QueryDeps = {
    ...common,
    active: followed.of,
  }
  const projectors: Projector[] = []
  const stops: (() => Promise<void>)[] = []

  const start: Rig['startQueries'] = async more => {
    const queries = await startQueries(deps, { ...OPTIONS, ...options, ...more })
    const service = await startService(nc, {
      name: 'customer',
      version: '0.0.1',
      description: 'customer service',
      log: common.log,
      endpoints: queries.endpoints,
    })
    stops.push(async () => {
      await service.stop()
      await queries.stop()
    })
    return { ...queries, service }
  }
  const { service } = await start()

  return {
    deps,
    nc,
    jsm,
    dynamodb,
    service,
    emit: async (id, body) => {
      const message = { subject: `customer.balance.${id}`, body: textOf(body) }
      return (await right(publish(nc, message, REQUEST_MS_MAX))).seq
    },
    ask: (subject, request) => nc.request(subject, textOf(request), { timeout: REQUEST_MS_MAX }),
    startProjector: (projection = 'balances') => {
      const projector = startProjector({ ...common, kv, base_table: table }, PROJECTIONS[projection])
      projectors.push(projector)
      return projector
    },
    caughtUp: async (projection = 'balances') => {
      const signal = AbortSignal.timeout(CATCH_UP_MS_MAX)
      await until(async () => (await waitCaughtUp(common, projection, 1_000, signal, () => {})) === 0, {
        deadline_ms: CATCH_UP_MS_MAX,
        what: 'the projection to catch up',
      })
      // a table that was made a moment ago is believed after the next look at it
      await until(async () => E.isRight(await deps.active(projection)()), {
        deadline_ms: CATCH_UP_MS_MAX,
        what: 'the table to be believed',
      })
    },
    ...rowsOf(tables, journal),
    startQueries: start,
    stop: async () => {
      for (const stop of stops) await stop()
      followed.stop()
      await Promise.all(projectors.map(projector => projector.stop()))
      await nc.close()
      tables.destroy()
      await dynamodb.kill()
      await nats?.stop()
      removeFolder(folder)
    },
  }
}
