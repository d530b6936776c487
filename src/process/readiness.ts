/**
 * Answers `GET /readyz`: probes NATS, the stream and DynamoDB, and measures how far behind the projections are.
 */

import type { NatsConnection } from 'nats'
import { E, type TaskEither } from '../fp.js'
import type { Readiness } from '../gateway/operations.js'
import { readPointer } from '../generations/pointer.js'
import type { Health, HealthEntry } from '../health.js'
import { metrics } from '../metrics.js'
import { within } from '../parallel.js'
import { judge, look } from '../projections/belonging.js'
import { waitCaughtUp } from '../projections/caught-up.js'
import { LETTERS_PART } from '../projections/letters.js'
import { UNSTORABLE_PART } from '../projections/refused.js'
import { consumerName } from '../projections/target.js'
import { streamInfo } from '../stream/provision.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { PROJECTION_NAMES, type ProjectionName, tableName } from '../tables/definition.js'
import { tableExists } from '../tables/provision.js'
import { disbelief, filling } from './belief.js'
import { SETTINGS } from './by-hand.js'
import type { Ledger as OpenLedger } from './open-ledger.js'
import { SERVERS } from './server-health.js'
import { LEDGER } from './standing.js'

/** The part of a ledger that readiness needs. It is asked before the ledger may be used, too. */
type Ledger = Omit<OpenLedger, 'kv' | 'standing'>

const PROBE_MS_MAX = 2_000
/** Within this time every caller gets the same answer. */
const FRESH_MS = 1_000
/**
 * A projection that is further behind is reported as degraded. It is not down: all instances see the same lag, and they
 * would lose their callers at the same moment, although balances come from memory and commands are slowed (docs/adr/0034).
 */
const BEHIND_EVENTS_MAX = 10_000

const lag = metrics.gauge('jetledger_projection_lag_events', 'Events that a projection has not handled yet')

const OK: HealthEntry = { state: 'ok', detail: '' }
const down = (detail: string): HealthEntry => ({ state: 'down', detail })

/** Waits for a probe and returns its entry; a probe that fails or takes too long becomes an entry with state `down`. */
const awaitProbe = async (probe: Promise<HealthEntry>): Promise<HealthEntry> => {
  try {
    return (await within(PROBE_MS_MAX, probe)) ?? down(`no answer within ${PROBE_MS_MAX} ms`)
  } catch (thrown) {
    return down(thrown instanceof Error ? thrown.message : String(thrown))
  }
}

const entryOf = async <A>(
  task: TaskEither<{ readonly message: string }, A>,
  say: (value: A) => HealthEntry,
): Promise<HealthEntry> => {
  const result = await task()
  return E.isLeft(result) ? down(result.left.message) : say(result.right)
}

const askProjection = async (
  ledger: Ledger,
  projection: ProjectionName,
  onBehind: (events: number) => void,
): Promise<HealthEntry> => {
  const behind = await waitCaughtUp(ledger, projection, 0, new AbortController().signal, () => undefined)
  if (!Number.isFinite(behind)) return down('not known')
  onBehind(behind)
  const detail = `${behind} events behind`
  if (behind > BEHIND_EVENTS_MAX) return { state: 'degraded', detail }
  return behind === 0 ? OK : { state: 'ok', detail }
}

/** The entry for a projection's table: it must be the one that the projection filled, and must be filled completely. */
const tableEntry = async ({ jsm, tables, config }: Ledger, name: ProjectionName): Promise<HealthEntry> => {
  const pointer = await readPointer(jsm, name)()
  if (E.isLeft(pointer))
    return down(`NATS cannot tell which table is the active one: ${pointer.left.message}`)
  const { generation } = pointer.right
  const table = tableName(config.DDB_TABLE, name, generation)
  const place = { jsm, tables, table, consumer: consumerName(name, generation), projection: { name } }
  const belonging = judge(table, await look(place))
  if (belonging.tag !== 'ours') return down(disbelief(table, belonging) ?? '')
  const { newest, whole_from_seq } = belonging.identity
  return newest.seq < whole_from_seq ? down(filling(table, belonging.identity)) : OK
}

/** Whether this process works with the table: only then has it the right to look at it. */
const readsTable = ({ config: { JETLEDGER_ROLES: roles } }: Ledger): boolean =>
  (['commands', 'projections', 'queries'] as const).some(role => roles.includes(role))

/**
 * The entry for a projection. It also sets the lag metric, to NaN when the lag is not known, so that no old figure
 * stays.
 */
const projectionEntry = async (ledger: Ledger, projection: ProjectionName): Promise<HealthEntry> => {
  let lag_events = Number.NaN
  const entry = await awaitProbe(
    askProjection(ledger, projection, events => {
      lag_events = events
    }),
  )
  lag.set(lag_events, { projection })
  if (entry.state === 'down' || !readsTable(ledger)) return entry
  const table = await awaitProbe(tableEntry(ledger, projection))
  return table.state === 'ok' ? entry : table
}

const natsEntry = (health: Health): HealthEntry => health.read().parts.nats ?? down('not connected yet')

/** A readiness whose one answer serves all callers within a second. */
const cached = (look: Readiness): Readiness => {
  let last: { readonly at_ms: number; readonly answer: ReturnType<Readiness> } | undefined
  return () => {
    const now_ms = performance.now()
    if (last === undefined || now_ms - last.at_ms > FRESH_MS) last = { at_ms: now_ms, answer: look() }
    return last.answer
  }
}

/** The entry for DynamoDB: whether the active table exists. A replay makes another table active. */
const dynamodbEntry = async ({ jsm, tables, config }: Ledger): Promise<HealthEntry> => {
  const pointer = await readPointer(jsm, 'ledger')()
  if (E.isLeft(pointer))
    return down(`NATS cannot tell which table is the active one: ${pointer.left.message}`)
  const table = tableName(config.DDB_TABLE, 'ledger', pointer.right.generation)
  return entryOf(tableExists(tables, table), exists =>
    exists ? OK : down(`the table ${table} does not exist`),
  )
}

/** The readiness of a process before its ledger is open. */
export const notReady: Readiness = async () => ({ start: down('the process is starting') })

/**
 * Problems that a person should look at although the ledger answers: letters that are not kept, items that a table
 * refuses.
 */
const leftOutEntries = (health: Health): Record<string, HealthEntry> =>
  Object.fromEntries(
    Object.entries(health.read().parts).filter(
      ([part]) => part === LETTERS_PART || part.startsWith(UNSTORABLE_PART),
    ),
  )

/** The readiness of a process with an open ledger. */
export const ledgerReadiness = (ledger: Ledger): Readiness => {
  const { nc, health } = ledger
  return cached(async () => {
    const projections = PROJECTION_NAMES.map(
      async name => [`projection ${name}`, await projectionEntry(ledger, name)] as const,
    )
    const stream = awaitProbe(entryOf(streamInfo(nc, LEDGER_STREAM), () => OK))
    const dynamodb = awaitProbe(dynamodbEntry(ledger))
    return {
      start: health.read().parts.start ?? OK,
      nats: natsEntry(health),
      ledger: health.read().parts[LEDGER] ?? OK,
      settings: health.read().parts[SETTINGS] ?? OK,
      servers: health.read().parts[SERVERS] ?? OK,
      stream: await stream,
      dynamodb: await dynamodb,
      ...Object.fromEntries(await Promise.all(projections)),
      ...leftOutEntries(health),
    }
  })
}

/** The readiness of a process whose only role is the gateway: it sees the service from outside, as its callers do. */
export const gatewayReadiness = (nc: NatsConnection, health: Health): Readiness =>
  cached(async () => {
    const answers = async (): Promise<HealthEntry> => {
      await nc.request('$SRV.PING.customer', undefined, { timeout: PROBE_MS_MAX / 2 })
      return OK
    }
    const service = await awaitProbe(answers())
    // without the service the gateway still takes requests, and answers each with an error
    return {
      nats: natsEntry(health),
      service: service.state === 'ok' ? OK : { state: 'degraded', detail: 'nobody answers as the service' },
    }
  })
