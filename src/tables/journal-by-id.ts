/**
 * Reads the journal by transaction id: the event of a transaction, and the account right after it.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { isJsonObject } from '../json.js'
import type { Account } from '../ledger/account.js'
import { type AccountId, isOfAsset } from '../ledger/account-id.js'
import { toJson } from '../ledger/amount.js'
import { decodeParsed, type LedgerEvent } from '../ledger/event.js'
import type { TableError } from './errors.js'
import { readTrusted, type Trust } from './heads.js'
import { rowId } from './journal-ids.js'
import { KeyedRow } from './journal-row.js'
import { accountOfRow, type Omitted, omittedOf } from './row-texts.js'
import { type JournalKind, journalOf } from './savepoints.js'

/** One row of the journal; `balance` and `version` are those after the event. */
export type JournalRow = {
  readonly client_id: AccountId
  readonly seq: number
  readonly balance: bigint
  readonly version: number
  /** The account after the event; undefined when its rules are too long for a row. */
  readonly account: Account | undefined
  /** The event without the fields that `omitted` names: only the stream has these fields. */
  readonly event: LedgerEvent
  readonly omitted: readonly Omitted[]
}

/** Decodes the row's event with the codec of events, because a table may hold anything; undefined when it is not valid. */
const eventOfRow = (row: KeyedRow): LedgerEvent | undefined => {
  const { client_id, type, amount, transaction_id, reference, metadata } = row
  const { counterparty, declined, details } = row
  const fields = {
    // the details of an event are those of schema 2, and only schema 2 knows accounts of an asset
    ...(isJsonObject(details) ? details : {}),
    ...(isJsonObject(details) || isOfAsset(client_id) ? { schema: 2 } : {}),
    type,
    ...(amount === undefined ? {} : { amount: toJson(amount) }),
    transaction_id,
    reference,
    metadata,
    // schema 2 is read strictly: not every type of event may have these two, not even without a value
    ...(counterparty === undefined ? {} : { transfer: { counterparty } }),
    ...(declined === undefined ? {} : { declined }),
  }
  const decoded = decodeParsed(fields)
  return decoded.tag === 'event' ? decoded.event : undefined
}

const decodeRow = (raw: unknown): E.Either<TableError, [string, JournalRow]> => {
  const row = KeyedRow.decode(raw)
  const event = E.isRight(row) ? eventOfRow(row.right) : undefined
  if (E.isLeft(row) || event === undefined) {
    return E.left({ tag: 'Unexpected', message: 'a row of the journal is not readable' })
  }
  const { id, client_id, seq, balance, version, omitted = '' } = row.right
  const account = accountOfRow(row.right)
  return E.right([id, { client_id, seq, balance, version, account, event, omitted: omittedOf(omitted) }])
}

/** Rows by transaction id, and which events have rows at all: an id that has none may be stored all the same. */
export type JournalRows = {
  readonly rows: ReadonlyMap<string, JournalRow>
  readonly journal: JournalKind
}

/**
 * Reads the rows of up to 99 transaction ids, strongly consistent, by transaction id; an id without a row is left out. If
 * several events have the id, the row is that of the first one that counted and has a row. `NotOurs` when `trust` rejects the
 * table.
 */
export const readJournal = (
  client: DynamoDBDocumentClient,
  table: string,
  transaction_ids: readonly string[],
  trust: Trust,
): TaskEither<TableError, JournalRows> =>
  pipe(
    readTrusted(client, table, transaction_ids.map(rowId), trust),
    TE.chainEitherK(({ items, identity }) =>
      pipe(
        items,
        E.traverseArray(decodeRow),
        E.map(rows => ({ rows, journal: journalOf(identity) })),
      ),
    ),
    TE.map(({ rows, journal }) => {
      const byRow = new Map(rows)
      const found = new Map<string, JournalRow>()
      for (const id of transaction_ids) {
        const row = byRow.get(rowId(id))
        if (row !== undefined) found.set(id, row)
      }
      return { rows: found, journal }
    }),
  )
