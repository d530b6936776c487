/**
 * Accepts the existing stream as the ledger's stream: every table is rebuilt from it as another generation, and the
 * transactions and dead letters that only the former stream held are listed. The record of the ledger is written
 * after the tables are rebuilt, so that an interrupted acceptance leaves the ledger standing still and can be begun
 * again.
 */

import { appendFileSync, writeFileSync } from 'node:fs'
import { recordNow } from '../belonging/adopt.js'
import { type RecordEntry, writeRecord } from '../belonging/ledger-record.js'
import { lostLetters } from '../dead-letters/lost.js'
import { E } from '../fp.js'
import { readPointer, setPointer } from '../generations/pointer.js'
import { chunksOf } from '../parallel.js'
import { orFail } from '../process/failure.js'
import { PROJECTIONS } from '../projections/definitions/ledger.js'
import type { ProjectionDeps } from '../projections/deps.js'
import { replay } from '../projections/rebuild/rebuild.js'
import { consumerName } from '../projections/target.js'
import { dropConsumer } from '../stream/consumer.js'
import { BATCH_KEYS_MAX, type RawItem } from '../tables/batch-get.js'
import { PROJECTION_NAMES, type ProjectionName, tableName } from '../tables/definition.js'
import { dropTable, tableExists } from '../tables/provision.js'
import { readRaw, scanRaw } from '../tables/raw-items.js'

/** A transaction, or an event without an id, that is in the former journal and not in the accepted stream. */
type LostRow = {
  readonly kind: 'transaction'
  readonly id: string
  readonly client_id: string
  readonly type: string
  readonly amount: string
  readonly seq: number
}

export type Accepted = {
  readonly epoch: number
  readonly rebuilt: readonly {
    readonly projection: string
    readonly generation: number
    readonly events: number
  }[]
  readonly lost_transactions: number
  readonly lost_letters: number
  /** The path of the file that lists the lost transactions and letters, one JSON object per line. */
  readonly file: string
}

export type AcceptOptions = {
  readonly file: string
  /** The user who accepts it, where that is known. */
  readonly by: string | undefined
  readonly checkpoint_ms: number
  readonly onProgress: (projection: string, stage: string, done: number, total: number) => void
  /** Called for each lost transaction and each lost letter. */
  readonly onLost: (line: Readonly<Record<string, unknown>>) => void
  readonly signal: AbortSignal
}

type Rebuilt = Accepted['rebuilt'][number] & { readonly before: number }

const rebuild = async (
  deps: ProjectionDeps,
  name: ProjectionName,
  { by, checkpoint_ms, onProgress, signal }: AcceptOptions,
): Promise<Rebuilt> => {
  const before = (await orFail(readPointer(deps.jsm, name))).generation
  // the old consumer stands at a sequence of the former stream, and a replay would wait for it to advance
  await orFail(dropConsumer(deps.nc, consumerName(name, before)))
  const { generation, events } = await replay(deps, PROJECTIONS[name], {
    keep: true,
    by,
    checkpoint_ms,
    onProgress: (stage, done, total) => onProgress(name, stage, done, total),
    signal,
  })
  return { projection: name, generation, events, before }
}

/**
 * Drops the former generation, kept for the comparison. A table that may not be dropped (on AWS: CloudFormation's)
 * stays.
 */
const dropBefore = async (deps: ProjectionDeps, name: ProjectionName, before: number): Promise<void> => {
  const { generation, revision } = await orFail(readPointer(deps.jsm, name))
  await orFail(setPointer(deps, name, { generation }, revision))
  const table = tableName(deps.base_table, name, before)
  const dropped = await dropTable(deps.tables, table)()
  if (E.isLeft(dropped))
    deps.log.warn({ table, err: dropped.left }, 'the old table stays: it could not be removed')
}

/** A row of the journal under its key; undefined for an item that is none. */
const rowOf = (item: RawItem): readonly [key: string, row: LostRow] | undefined => {
  const [key, client_id, seq] = [item.id?.S, item.client_id?.S, Number(item.seq?.N)]
  if (key === undefined || client_id === undefined || !Number.isSafeInteger(seq)) return undefined
  const id = item.transaction_id?.S ?? `seq:${seq}`
  return [
    key,
    { kind: 'transaction', id, client_id, type: item.type?.S ?? '', amount: item.amount?.N ?? '', seq },
  ]
}

const isSame = (row: LostRow, item: RawItem | undefined): boolean => {
  const now = item === undefined ? undefined : rowOf(item)?.[1]
  return now?.client_id === row.client_id && now.type === row.type && now.amount === row.amount
}

/** Yields every row of the former journal that is not in the journal of the accepted stream. */
async function* lostRows(deps: ProjectionDeps, { before, generation }: Rebuilt): AsyncGenerator<LostRow> {
  const old = tableName(deps.base_table, 'ledger', before)
  const fresh = tableName(deps.base_table, 'ledger', generation)
  if (!(await orFail(tableExists(deps.tables, old)))) return
  let from: RawItem | undefined
  do {
    const page = await orFail(scanRaw(deps.tables, old, from))
    for (const rows of chunksOf(BATCH_KEYS_MAX, page.items.map(rowOf))) {
      const known = rows.filter(row => row !== undefined)
      if (known.length === 0) continue
      const keys = known.map(([key]) => key)
      const now = await orFail(readRaw(deps.tables, fresh, keys))
      for (const [key, row] of known) if (!isSame(row, now.get(key))) yield row
    }
    from = page.next
  } while (from !== undefined)
}

/** Accepts the stream. Throws `Failure`, and every error of a replay; after an error the call can be repeated. */
export const acceptStream = async (
  deps: ProjectionDeps,
  entry: RecordEntry,
  options: AcceptOptions,
): Promise<Accepted> => {
  const note = (line: Readonly<Record<string, unknown>>): void => {
    appendFileSync(options.file, `${JSON.stringify(line)}\n`)
    options.onLost(line)
  }
  writeFileSync(options.file, '')
  const rebuilt: Rebuilt[] = []
  let [lost_transactions, lost_letters] = [0, 0]
  for (const name of PROJECTION_NAMES) {
    const made = await rebuild(deps, name, options)
    rebuilt.push(made)
    for await (const row of lostRows(deps, made)) {
      note(row)
      lost_transactions += 1
    }
  }
  for await (const letter of lostLetters(deps.nc, deps.jsm)) {
    note({ kind: 'dead letter', ...letter })
    lost_letters += 1
  }
  const epoch = (entry.record?.epoch ?? 1) + 1
  const record = await orFail(recordNow(deps.jsm, epoch))
  // the stream is accepted as it is, with incomplete batches
  const accepted_seq = record.stream.newest?.seq ?? 0
  await orFail(writeRecord(deps.kv, { ...record, accepted_seq, accepted_by: options.by }, entry.revision))
  for (const { projection, before } of rebuilt) await dropBefore(deps, projection as ProjectionName, before)
  return {
    epoch,
    rebuilt: rebuilt.map(({ projection, generation, events }) => ({ projection, generation, events })),
    lost_transactions,
    lost_letters,
    file: options.file,
  }
}
