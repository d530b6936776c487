/**
 * Writes rows as lines: JSON lines (an object a line) or CSV with a line of headings.
 */

import { type CsvColumn, type CsvValue, csvHeader, csvLine } from '../csv-write.js'
import { toJson } from '../ledger/amount.js'
import type { Column, Table } from './table.js'

export type LineFormat = 'jsonl' | 'csv'

export type RowLines<Row> = {
  /** What stands before the first row. */
  readonly header: string
  readonly line: (row: Row) => string
}

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? toJson(value) : value)

/** JSON as a program reads it; amounts beyond 2^53-1 are decimal strings. */
export const jsonText = (value: object): string => JSON.stringify(value, plain)

const jsonLines = <Row>(table: Table<Row>): RowLines<Row> => ({
  header: '',
  line: row => `${jsonText(Object.fromEntries(table.map(({ name, of }) => [name, of(row)])))}\n`,
})

const csvColumn = <Row>({ name, type }: Column<Row>): CsvColumn => ({
  name,
  kind: type === 'text' || type === 'json' ? 'text' : 'number',
})

const csvValue = (value: ReturnType<Column<never>['of']>): CsvValue =>
  typeof value === 'object' ? jsonText(value) : value

const csvLines = <Row>(table: Table<Row>): RowLines<Row> => {
  const columns = table.map(csvColumn)
  return {
    header: csvHeader(columns),
    line: row =>
      csvLine(
        columns,
        table.map(({ of }) => csvValue(of(row))),
      ),
  }
}

export const linesOf = <Row>(format: LineFormat, table: Table<Row>): RowLines<Row> =>
  format === 'csv' ? csvLines(table) : jsonLines(table)
