/**
 * Writes rows as Parquet, for programs that analyse: a row group at a time, so that a file of any length takes the memory of
 * a row group.
 */

import type { ByteWriter, ColumnSource, ParquetWriter } from 'hyparquet-writer'
import { jsonText } from './lines.js'
import type { Column, Table } from './table.js'

const ROWS_OF_GROUP = 20_000

export type ParquetRows<Row> = {
  /** Takes rows, and gives the bytes that are ready. */
  readonly add: (rows: readonly Row[]) => Promise<Uint8Array>
  /** Gives the last bytes. */
  readonly end: () => Promise<Uint8Array>
}

type Cell = bigint | string | Date | null

const cellOf = <Row>({ type, of }: Column<Row>, row: Row): Cell => {
  const value = of(row)
  if (value === undefined) return null
  if (type === 'time') return new Date(String(value))
  if (type === 'int64') return BigInt(value as bigint | number)
  return typeof value === 'object' ? jsonText(value) : String(value)
}

const BASIC_TYPES = {
  int64: 'INT64',
  time: 'TIMESTAMP',
  word: 'STRING',
  text: 'STRING',
  json: 'STRING',
} as const

const sourceOf = <Row>(column: Column<Row>, rows: readonly Row[]): ColumnSource => ({
  name: column.name,
  type: BASIC_TYPES[column.type],
  nullable: column.is_required !== true,
  data: rows.map(row => cellOf(column, row)),
})

/** Gives the bytes that are not taken yet, and makes place for others. The library counts the offsets by itself. */
const take = (bytes: ByteWriter): Uint8Array => {
  const taken = bytes.getBytes().slice()
  bytes.index = 0
  return taken
}

/** Starts a file. The library is loaded here, because few calls of the program need it. */
export const parquetOf = async <Row>(table: Table<Row>): Promise<ParquetRows<Row>> => {
  const library = await import('hyparquet-writer')
  const bytes: ByteWriter = new library.ByteWriter()
  const schema = library.schemaFromColumnData({ columnData: table.map(column => sourceOf(column, [])) })
  const writer: ParquetWriter = new library.ParquetWriter({ writer: bytes, schema, codec: 'SNAPPY' })
  let group: Row[] = []

  const writeGroup = async (): Promise<void> => {
    const rows = group
    group = []
    if (rows.length > 0)
      await writer.write({
        columnData: table.map(column => sourceOf(column, rows)),
        rowGroupSize: ROWS_OF_GROUP,
      })
  }

  return {
    add: async rows => {
      for (const row of rows) {
        group.push(row)
        if (group.length === ROWS_OF_GROUP) await writeGroup()
      }
      return take(bytes)
    },
    end: async () => {
      await writeGroup()
      await writer.finish()
      return take(bytes)
    },
  }
}
