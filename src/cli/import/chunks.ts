/**
 * Reads the rows of a file in chunks of a bounded size, so that a file of any size needs the same memory.
 */

import { E } from '../../fp.js'
import { Failure } from '../../process/failure.js'
import { createCsvReader } from './csv.js'
import { createLineReader } from './json-lines.js'
import type { TextRecord } from './records.js'
import {
  type CommandRow,
  csvDecoder,
  jsonDecoder,
  type Reading,
  type Reject,
  type RowDecoder,
} from './rows.js'
import type { RowSource } from './source.js'

/** Rows that follow each other in the file: those that are commands, and those that are not. */
export type Chunk = {
  readonly commands: readonly CommandRow[]
  readonly rejects: readonly Reject[]
  /** The file's own column names, for the rejects. */
  readonly heading: readonly string[]
}

/** A chunk is complete with so many rows, or so many characters of commands. */
const CHUNK_ROWS = 32_000
const CHUNK_CHARS = 16_777_216

const JSON_HEADING = ['line']

/** The records of a file, piece by piece of its text; a text last, when nothing more can be read. */
async function* recordsOf(source: RowSource): AsyncIterable<readonly TextRecord[] | string> {
  const reader = source.is_json_lines ? createLineReader() : createCsvReader()
  for await (const text of source.text()) {
    yield reader.push(text)
    if (reader.problem() !== undefined) break
  }
  yield reader.end()
  const problem = reader.problem()
  if (problem !== undefined) yield problem
}

/** Collects rows until they are a chunk. */
const createCollector = (source: RowSource, reading: Reading, from_row: number) => {
  let heading: readonly string[] = JSON_HEADING
  let decode: RowDecoder | undefined = source.is_json_lines ? jsonDecoder(source.digest, reading) : undefined
  let commands: CommandRow[] = []
  let rejects: Reject[] = []
  let chars = 0
  let row = 0

  const addRow = (decoder: RowDecoder, record: TextRecord): void => {
    row += 1
    if (row < from_row) return
    const decoded = decoder(record, row)
    if (E.isLeft(decoded)) rejects.push(decoded.left)
    else {
      commands.push(decoded.right)
      chars += decoded.right.json.length
    }
  }
  return {
    next_row: () => row + 1,
    has_heading: () => decode !== undefined,
    add: (record: TextRecord): void => {
      if (decode !== undefined) addRow(decode, record)
      else if (record.tag === 'broken') throw new Failure(`the heading: ${record.why}`, { exit_code: 2 })
      else {
        heading = record.fields
        decode = csvDecoder(heading, source.digest, reading)
      }
    },
    is_full: () => commands.length + rejects.length >= CHUNK_ROWS || chars >= CHUNK_CHARS,
    take: (): Chunk => {
      const chunk = { commands, rejects, heading }
      commands = []
      rejects = []
      chars = 0
      return chunk
    },
  }
}

/**
 * The rows from `from_row` on, in chunks. Throws `Failure` with exit code 2 when the file is no CSV, lacks columns, or cannot be
 * read any further; the rows before that place are given first.
 */
export async function* chunksOf(source: RowSource, reading: Reading, from_row: number): AsyncIterable<Chunk> {
  const collector = createCollector(source, reading, from_row)
  for await (const records of recordsOf(source)) {
    if (typeof records === 'string') {
      yield collector.take()
      throw new Failure(`row ${collector.next_row()}: ${records}: it and what follows cannot be read`, {
        exit_code: 2,
      })
    }
    for (const record of records) {
      collector.add(record)
      if (collector.is_full()) yield collector.take()
    }
  }
  if (!collector.has_heading()) throw new Failure('the file is empty: it has no heading', { exit_code: 2 })
  yield collector.take()
}
