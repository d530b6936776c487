/**
 * Projects events with the least that a ledger on JetStream and DynamoDB does: it pulls them with a durable consumer, writes what
 * each claims to its account's item, and a row of each if every event has one, in transactions of 100 items. The table has the
 * program's indexes, and no write may undo a later one. Nothing is folded or summed, and a failure ends it. So it is the upper limit.
 */

import {
  AckPolicy,
  DeliverPolicy,
  type JsMsg,
  jetstream,
  jetstreamManager,
  ReplayPolicy,
} from '@nats-io/jetstream'
import { connect, nanos } from 'nats'
import { run as mustRun } from '../../src/fp.js'
import type { AccountId } from '../../src/ledger/account-id.js'
import { chunksOf, inParallel } from '../../src/parallel.js'
import { LEDGER_STREAM } from '../../src/stream/settings.js'
import type { PlainItem } from '../../src/tables/attribute-values.js'
import { createTablesClient } from '../../src/tables/client.js'
import { TABLES } from '../../src/tables/definition.js'
import { rowId } from '../../src/tables/journal-ids.js'
import { createTable } from '../../src/tables/provision.js'
import { shardOf } from '../../src/tables/shard.js'
import { type PlainWrite, sendTransaction } from '../../src/tables/transact-request.js'
import type { ClientMessage } from '../measure/job.js'
import { BALANCE_PREFIX } from '../work/customers.js'

type StoredEvent = {
  readonly type: string
  readonly amount: number
  /** Events of other publishers have no id and claim nothing. */
  readonly transaction_id?: string
  readonly after?: { readonly balance: number; readonly version: number }
}

/** As in the program: the events of one run, the transactions under way together, and the items of each. */
const RUN_EVENTS_MAX = 4_000
const LANES = 4
const TRANSACTION_ITEMS = 100
const PULL_EVENTS_MAX = 2_000
const PULL_EXPIRES_MS = 1_000
const ACK_WAIT_MS = 5_000
const TABLE = 'bare'

process.on('disconnect', () => process.exit(0))

const [, , nats_urls = '', endpoint, durable_name = '', journal] = process.argv
const has_rows = journal === 'every-event'
const nc = await connect({
  servers: nats_urls.split(','),
  name: 'jetledger-bench-bare-projector',
  reconnect: false,
  noAsyncTraces: true,
})
const tables = createTablesClient({
  endpoint,
  region: 'local',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
})
await mustRun(createTable(tables, TABLE, TABLES.ledger))

let waiting: JsMsg[] = []
let wake = (): void => undefined

const takeRun = async (): Promise<readonly JsMsg[]> => {
  if (waiting.length === 0)
    await new Promise<void>(resolve => {
      wake = resolve
    })
  const taken = waiting.slice(0, RUN_EVENTS_MAX)
  waiting = waiting.slice(RUN_EVENTS_MAX)
  return taken
}

const put = (Item: PlainItem): PlainWrite => ({
  Put: {
    TableName: TABLE,
    Item,
    ConditionExpression: 'attribute_not_exists(id) OR seq <= :seq',
    ExpressionAttributeValues: { ':seq': Number(Item.seq) },
  },
})

const writesOf = (run: readonly JsMsg[]): PlainWrite[] => {
  const heads = new Map<string, PlainItem>()
  const rows: PlainItem[] = []
  for (const message of run) {
    const { seq } = message
    const { type, amount, transaction_id = `${seq}`, after } = message.json<StoredEvent>()
    const client_id = message.subject.slice(BALANCE_PREFIX.length) as AccountId
    const { balance, version } = after ?? { balance: amount, version: 1 }
    heads.set(client_id, { id: client_id, shard: shardOf(client_id), client_balance: balance, version, seq })
    if (!has_rows) continue
    const at = message.time.toISOString()
    rows.push({
      id: rowId(transaction_id),
      client_id,
      type,
      amount,
      balance,
      version,
      seq,
      at,
      transaction_id,
    })
  }
  return [...heads.values(), ...rows].map(put)
}

const project = async (): Promise<never> => {
  for (;;) {
    const run = await takeRun()
    await inParallel(LANES, chunksOf(TRANSACTION_ITEMS, writesOf(run)), writes =>
      sendTransaction(tables, TABLE, writes),
    )
    run.at(-1)?.ack()
  }
}

await (await jetstreamManager(nc)).consumers.add(LEDGER_STREAM, {
  durable_name,
  deliver_policy: DeliverPolicy.All,
  replay_policy: ReplayPolicy.Instant,
  ack_policy: AckPolicy.All,
  ack_wait: nanos(ACK_WAIT_MS),
  max_ack_pending: RUN_EVENTS_MAX,
})
const consumer = await jetstream(nc).consumers.get(LEDGER_STREAM, durable_name)
await consumer.consume({
  max_messages: PULL_EVENTS_MAX,
  expires: PULL_EXPIRES_MS,
  callback: message => {
    waiting.push(message)
    wake()
  },
})
const ready: ClientMessage = { tag: 'ready' }
process.send?.(ready)
await project()
