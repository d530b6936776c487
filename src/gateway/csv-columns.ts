/**
 * The columns of the answers that can be had as CSV. Texts that anybody may have written are `text`, so that a spreadsheet
 * makes no formula of them.
 */

import type { CsvColumn, CsvKind } from '../csv-write.js'
import type { Given, RouteCsv } from './route.js'

const columns = (kind: CsvKind, ...names: readonly string[]): readonly CsvColumn[] =>
  names.map(name => ({ name, kind }))

/** The name of a file: of an asset it has its name too, so that two downloads are not taken for each other. */
const fileName = (what: string, { query }: Given): string =>
  `${what}${query.asset === undefined ? '' : `-${String(query.asset)}`}.csv`

export const STATEMENT_CSV: RouteCsv = {
  rows: 'entries',
  columns: [
    ...columns('number', 'seq', 'at', 'type', 'amount', 'balance', 'version'),
    ...columns('text', 'transaction_id', 'reference', 'counterparty', 'by', 'code', 'metadata', 'omitted'),
    // what accounts with rules have; at the end, so that the columns before them stay where they were
    ...columns('number', 'available', 'held'),
    ...columns('text', 'hold'),
    ...columns('number', 'final', 'expired', 'expires_at', 'limit', 'state'),
    ...columns('text', 'reason'),
    ...columns('number', 'until'),
    ...columns('text', 'reverses', 'reversal_id'),
    ...columns('number', 'erased'),
  ],
  // a colon cannot stand in the names of some file systems
  file_name: given => fileName(`statement-${String(given.params.client_id).replaceAll(':', '_')}`, given),
}

export const CUSTOMERS_CSV: RouteCsv = {
  rows: 'customers',
  columns: [...columns('text', 'client_id'), ...columns('number', 'balance', 'version')],
  file_name: given => fileName('customers', given),
}

export const RANKING_CSV: RouteCsv = {
  rows: 'ranking',
  columns: [...columns('number', 'rank'), ...columns('text', 'client_id'), ...columns('number', 'balance')],
  file_name: given => fileName('ranking', given),
}
