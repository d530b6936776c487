/**
 * The columns of the answers that can be had as CSV. Texts that anybody may have written are `text`, so that a spreadsheet
 * makes no formula of them.
 */

import type { CsvColumn, CsvKind } from '../csv-write.js'
import type { RouteCsv } from './route.js'

const columns = (kind: CsvKind, ...names: readonly string[]): readonly CsvColumn[] =>
  names.map(name => ({ name, kind }))

export const STATEMENT_CSV: RouteCsv = {
  rows: 'entries',
  columns: [
    ...columns('number', 'seq', 'at', 'type', 'amount', 'balance', 'version'),
    ...columns('text', 'transaction_id', 'reference', 'counterparty', 'by', 'code', 'metadata', 'omitted'),
  ],
  // a colon cannot stand in the names of some file systems
  file_name: ({ params }) => `statement-${String(params.client_id).replaceAll(':', '_')}.csv`,
}

export const CUSTOMERS_CSV: RouteCsv = {
  rows: 'customers',
  columns: [...columns('text', 'client_id'), ...columns('number', 'balance', 'version')],
  file_name: () => 'customers.csv',
}

export const RANKING_CSV: RouteCsv = {
  rows: 'ranking',
  columns: [...columns('number', 'rank'), ...columns('text', 'client_id'), ...columns('number', 'balance')],
  file_name: () => 'ranking.csv',
}
