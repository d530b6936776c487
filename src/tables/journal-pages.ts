/**
 * Reads the journal by customer: rows between two sequences, newest first or oldest first.
 *
 * The index is eventually consistent, so a row may be missing from it for a moment. A reader of rows has to check the
 * `previous_seq` of each row, which proves that no row is missing before it.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE, type t } from '../fp.js'
import type { AccountId } from '../ledger/account-id.js'
import { describeErrors } from '../ledger/codec.js'
import { BY_CUSTOMER } from './definition.js'
import type { TableError } from './errors.js'
import { LinkedRow } from './journal-row.js'
import { queryItems } from './query.js'

const unreadable = (what: string, errors: t.Errors): TableError => ({
  tag: 'Unexpected',
  message: `${what} is not readable: ${describeErrors(errors)}`,
})

export type RowRange = {
  /** The range includes both ends. */
  readonly from_seq: number
  readonly to_seq: number
  readonly newest_first: boolean
  readonly rows_max: number
}

/** Reads at most `rows_max` rows of a customer within a range of sequences. */
export const readRows = (
  client: DynamoDBDocumentClient,
  table: string,
  id: AccountId,
  { from_seq, to_seq, newest_first, rows_max }: RowRange,
): TaskEither<TableError, LinkedRow[]> => {
  if (from_seq > to_seq) return TE.right([])
  return pipe(
    queryItems(
      client,
      {
        TableName: table,
        IndexName: BY_CUSTOMER,
        KeyConditionExpression: 'client_id = :id AND seq BETWEEN :from AND :to',
        ExpressionAttributeValues: { ':id': id, ':from': from_seq, ':to': to_seq },
        ScanIndexForward: !newest_first,
      },
      rows_max,
    ),
    TE.chainEitherK(
      E.traverseArray(raw =>
        pipe(
          LinkedRow.decode(raw),
          E.mapLeft(errors => unreadable(`a row of ${id}`, errors)),
        ),
      ),
    ),
    TE.map(rows => [...rows]),
  )
}
