/**
 * The tables that an export writes: their columns, in order, defined once for JSON lines, CSV and Parquet.
 */

import type { EventRow } from './row.js'

/**
 * `int64` is a whole number, `time` a time, `word` a word of this program's own, `text` a text that may come from anybody, `json`
 * an object that may come from anybody.
 */
type ColumnType = 'int64' | 'time' | 'word' | 'text' | 'json'

export type Column<Row> = {
  readonly name: string
  readonly type: ColumnType
  /** Whether every row has a value. */
  readonly is_required?: true
  readonly of: (row: Row) => bigint | number | string | object | undefined
}

export type Table<Row> = readonly Column<Row>[]

export const EVENTS: Table<EventRow> = [
  { name: 'seq', type: 'int64', is_required: true, of: row => row.seq },
  { name: 'at', type: 'time', is_required: true, of: row => row.at },
  { name: 'client_id', type: 'text', of: row => row.client_id },
  { name: 'asset', type: 'word', of: row => row.asset },
  { name: 'type', type: 'word', of: row => row.type },
  { name: 'amount', type: 'int64', of: row => row.amount },
  { name: 'transaction_id', type: 'text', of: row => row.transaction_id },
  { name: 'reference', type: 'text', of: row => row.reference },
  { name: 'counterparty', type: 'text', of: row => row.counterparty },
  { name: 'by', type: 'text', of: row => row.by },
  { name: 'effect', type: 'word', is_required: true, of: row => row.effect },
  { name: 'reason', type: 'text', of: row => row.reason },
  { name: 'balance', type: 'int64', of: row => row.balance },
  { name: 'version', type: 'int64', of: row => row.version },
  { name: 'metadata', type: 'json', of: row => row.metadata },
  { name: 'details', type: 'json', of: row => row.details },
]

/** The columns that say nothing about a statement, whose rows are one customer's events that count. */
const NOT_OF_STATEMENT: ReadonlySet<string> = new Set(['client_id', 'asset', 'effect', 'reason'])

export const STATEMENT: Table<EventRow> = EVENTS.filter(({ name }) => !NOT_OF_STATEMENT.has(name))

/** An account after the last event of an export. */
export type BalanceRow = {
  readonly client_id: string
  /** Undefined for the default asset. */
  readonly asset?: string | undefined
  readonly balance: bigint
  /** The number of credits and debits that count. */
  readonly version: number
  /** The sequence of the last event that counts. */
  readonly seq: number
  /** Whether later events of the customer wait for a newer program, so that they do not count yet. */
  readonly is_waiting: boolean
}

export const BALANCES: Table<BalanceRow> = [
  { name: 'client_id', type: 'text', is_required: true, of: row => row.client_id },
  { name: 'asset', type: 'word', of: row => row.asset },
  { name: 'balance', type: 'int64', is_required: true, of: row => row.balance },
  { name: 'version', type: 'int64', is_required: true, of: row => row.version },
  { name: 'seq', type: 'int64', is_required: true, of: row => row.seq },
  { name: 'state', type: 'word', is_required: true, of: row => (row.is_waiting ? 'waiting' : 'current') },
]
