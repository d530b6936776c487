/**
 * The columns of the answers that can be had as CSV, and the names of files. Texts that anybody may have written are `text`, so that a spreadsheet
 * makes no formula of them.
 */

import type { CsvColumn, CsvKind } from '../csv-write.js'
import type { Given, RouteCsv, RoutePdf } from './route.js'

const columns = (kind: CsvKind, ...names: readonly string[]): readonly CsvColumn[] =>
  names.map(name => ({ name, kind }))

/** The name of a file: of an asset it has its name too, so that two downloads are not taken for each other. */
const fileName = (what: string, { query }: Given, extension: string): string =>
  `${what}${query.asset === undefined ? '' : `-${String(query.asset)}`}.${extension}`

/** The name of the file of a statement. A colon cannot stand in the names of some file systems. */
const statementName = (given: Given, extension: string): string =>
  fileName(`statement-${String(given.params.client_id).replaceAll(':', '_')}`, given, extension)

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
    ...columns('text', 'reverses', 'reversal_id', 'command'),
    ...columns('number', 'erased'),
  ],
  file_name: given => statementName(given, 'csv'),
}

export const STATEMENT_PDF: RoutePdf = { file_name: given => statementName(given, 'pdf') }

export const CUSTOMERS_CSV: RouteCsv = {
  rows: 'customers',
  columns: [...columns('text', 'client_id'), ...columns('number', 'balance', 'version')],
  file_name: given => fileName('customers', given, 'csv'),
}

export const RANKING_CSV: RouteCsv = {
  rows: 'ranking',
  columns: [...columns('number', 'rank'), ...columns('text', 'client_id'), ...columns('number', 'balance')],
  file_name: given => fileName('ranking', given, 'csv'),
}
