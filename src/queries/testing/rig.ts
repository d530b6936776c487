/**
 * A ledger for the specs of the query side: a nats-server, a DynamoDB server that can be killed, the projector, and the
 * queries as a service on it.
 */

import { DeleteCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import type { Msg } from 'nats'
import { type DynamodbProcess, startDynamodbProcess } from '../../../test/support/dynamodb-process.js'
import { type OpenLedger, openTestLedger } from '../../../test/support/ledger.js'
import { newFolder, removeFolder, startTestNats, until } from '../../../test/support/servers.js'
import { E } from '../../fp.js'
import { followTables } from '../../process/active-tables.js'
import { proveEvents } from '../../process/prove-events.js'
import { createOpenTexts } from '../../sealing/open-texts.js'
import { type Service, startService } from '../../service/service.js'
import { serverNow } from '../../stream/server-clock.js'
import { tableName } from '../../tables/definition.js'
import { seqRowId } from '../../tables/journal-ids.js'
import type { JournalKind } from '../../tables/savepoints.js'
import type { QueryDeps } from '../deps.js'
import { type Queries, type QueryOptions, startQueries } from '../queries.js'

export type Rig = Omit<OpenLedger, 'caughtUp'> & {
  readonly deps: QueryDeps
  readonly dynamodb: DynamodbProcess
  readonly service: Service
  readonly ask: (subject: string, request: unknown) => Promise<Msg>
  /** Waits until the table holds what the stream held at the call, and readers believe it. */
  readonly caughtUp: () => Promise<void>
  /** Removes and gives the row of an event without a transaction id, as if the index did not show it yet. */
  readonly takeRow: (seq: number) => Promise<Record<string, unknown>>
  readonly putRow: (row: Record<string, unknown>) => Promise<void>
  /** Another instance of the query side, on the same connection and subjects. */
  readonly startQueries: (options?: Partial<QueryOptions>) => Promise<Queries & { readonly service: Service }>
}

const REQUEST_MS_MAX = 10_000
const BELIEVED_MS_MAX = 20_000

const OPTIONS: QueryOptions = {
  hot_customers_max: 1_000,
  limits: () => ({ max_in_flight: 4_096, timeout_ms: 8_000 }),
}

const textOf = (body: unknown): string | Uint8Array =>
  typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)

/** Version, sequence and source from a reply's headers. */
export const ledgerOf = ({ headers }: Msg): string =>
  ['Version', 'Seq', 'Source'].map(name => headers?.get(`Ledger-${name}`)).join(' ')

/** Servers that the rig does not start, and the number of replicas that the streams have there. */
export type Elsewhere = { readonly url: string; readonly replicas: number }

/** Takes rows out of a table, and puts them back. */
const rowsOf = (tables: Rig['deps']['tables'], table: string): Pick<Rig, 'takeRow' | 'putRow'> => ({
  takeRow: async seq => {
    const { Attributes = {} } = await tables.send(
      new DeleteCommand({ TableName: table, Key: { id: seqRowId(seq) }, ReturnValues: 'ALL_OLD' }),
    )
    return Attributes
  },
  putRow: async row => {
    await tables.send(new PutCommand({ TableName: table, Item: row }))
  },
})

/**
 * Starts everything but the projector; with a nats-server of its own unless there is one `elsewhere`, and with the clock of
 * its servers unless there is another one.
 */
export const startRig = async (
  { journal = 'every-event', ...options }: Partial<QueryOptions> & { readonly journal?: JournalKind } = {},
  elsewhere?: Elsewhere,
  now?: QueryDeps['now'],
): Promise<Rig> => {
  const folder = newFolder()
  const nats = elsewhere === undefined ? await startTestNats() : undefined
  const { url, replicas } = elsewhere ?? { url: nats?.url ?? '', replicas: 1 }
  const dynamodb = await startDynamodbProcess(folder)
  const ledger = await openTestLedger({
    connection: { servers: url },
    dynamodb_endpoint: dynamodb.endpoint,
    replicas,
    journal,
  })
  const { nc, tables, base_table } = ledger
  const followed = followTables(ledger, base_table)
  ledger.atStop(followed.stop)
  const deps: QueryDeps = {
    ...ledger,
    active: followed.now,
    activeWhole: followed.nowWhole,
    prove: proveEvents(ledger),
    open: createOpenTexts(ledger),
    now: now ?? (() => serverNow(nc)),
  }

  const start: Rig['startQueries'] = async more => {
    const queries = await startQueries(deps, { ...OPTIONS, ...options, ...more })
    const service = await startService(nc, {
      name: 'customer',
      version: '0.0.1',
      description: 'customer service',
      log: ledger.log,
      endpoints: queries.endpoints,
    })
    ledger.atStop(async () => {
      await service.stop()
      await queries.stop()
    })
    return { ...queries, service }
  }
  const { service } = await start()

  return {
    ...ledger,
    deps,
    dynamodb,
    service,
    ask: (subject, request) => nc.request(subject, textOf(request), { timeout: REQUEST_MS_MAX }),
    caughtUp: async () => {
      await ledger.caughtUp()
      // a table that was made a moment ago is believed after the next look at it
      await until(async () => E.isRight(await deps.active()), {
        deadline_ms: BELIEVED_MS_MAX,
        what: 'the table to be believed',
      })
    },
    ...rowsOf(tables, tableName(base_table, 'ledger', 1)),
    startQueries: start,
    stop: async () => {
      await ledger.stop()
      await dynamodb.kill()
      await nats?.stop()
      removeFolder(folder)
    },
  }
}
