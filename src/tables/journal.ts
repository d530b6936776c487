/**
 * Reads the journal by transaction id: the event of a transaction, and the account right after it.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { toJson } from '../ledger/amount.js'
import { ClientId } from '../ledger/client-id.js'
import { fieldsOf } from '../ledger/codec.js'
import { decodeParsed, type LedgerEvent } from '../ledger/event.js'
import type { TableError } from './errors.js'
import { readTrusted, type Trust } from './heads.js'
import { rowId } from './journal-ids.js'
import { type Omitted, omittedOf } from './row-texts.js'
import { whole } from './whole.js'

/** One row of the journal; `balance` and `version` are those after the event. */
export type JournalRow = {
  readonly client_id: ClientId
  readonly seq: number
  readonly balance: bigint
  readonly version: number
  /** The event without the fields that `omitted` names: only the stream has these fields. */
  readonly event: LedgerEvent
  readonly omitted: readonly Omitted[]
}

const Item = fieldsOf(
  {
    id: t.string,
    client_id: ClientId,
    seq: whole,
    type: t.string,
    amount: t.bigint,
    balance: t.bigint,
    version: whole,
  },
  {
    transaction_id: t.string,
    reference: t.string,
    metadata: t.string,
    counterparty: t.string,
    declined: t.string,
    omitted: t.string,
  },
)
type Item = t.TypeOf<typeof Item>

/** Parses a JSON text of a row; undefined when the row has none, `null` when the text is not JSON. */
const parseText = (json: string | undefined): unknown => {
  if (json === undefined) return undefined
  const read = readJson(json)
  return E.isRight(read) ? read.right : null
}

/** Decodes the row's event with the codec of events, because a table may hold anything; undefined when it is not valid. */
const eventOf = (item: Item): LedgerEvent | undefined => {
  const { type, amount, transaction_id, reference, counterparty } = item
  const fields = {
    type,
    amount: toJson(amount),
    transaction_id,
    reference,
    metadata: parseText(item.metadata),
    transfer: counterparty === undefined ? undefined : { counterparty },
    declined: parseText(item.declined),
  }
  const decoded = decodeParsed(fields)
  return decoded.tag === 'event' ? decoded.event : undefined
}

const decodeRow = (raw: unknown): E.Either<TableError, [string, JournalRow]> => {
  const item = Item.decode(raw)
  const event = E.isRight(item) ? eventOf(item.right) : undefined
  if (E.isLeft(item) || event === undefined) {
    return E.left({ tag: 'Unexpected', message: 'a row of the journal is not readable' })
  }
  const { id, client_id, seq, balance, version, omitted = '' } = item.right
  return E.right([id, { client_id, seq, balance, version, event, omitted: omittedOf(omitted) }])
}

/**
 * Reads the rows of up to 99 transaction ids, strongly consistent, by transaction id; an id without a row is left out. If
 * several events have the id, the row is that of the first one that counted. `NotOurs` when `trust` rejects the table.
 */
export const readJournal = (
  client: DynamoDBDocumentClient,
  table: string,
  transaction_ids: readonly string[],
  trust: Trust,
): TaskEither<TableError, Map<string, JournalRow>> =>
  pipe(
    readTrusted(client, table, transaction_ids.map(rowId), trust),
    TE.map(({ items }) => items),
    TE.chainEitherK(E.traverseArray(decodeRow)),
    TE.map(rows => {
      const byRow = new Map(rows)
      const found = new Map<string, JournalRow>()
      for (const id of transaction_ids) {
        const row = byRow.get(rowId(id))
        if (row !== undefined) found.set(id, row)
      }
      return found
    }),
  )
