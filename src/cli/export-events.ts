/** `jetledger export events`: every event of the ledger with what became of it, as lines that can be gone on with. */

import { type GrowingFile, openGrowing } from '../export/growing-file.js'
import { jsonText, linesOf, type RowLines } from '../export/lines.js'
import { readScope } from '../export/read.js'
import type { EventRow } from '../export/row.js'
import { EVENTS } from '../export/table.js'
import { isObjectUrl } from '../objects/address.js'
import { Failure } from '../process/failure.js'
import { type OutputOptions, type Run, runExport, writeTable } from './export-run.js'

/** A change of the rows' form gets the next number: a file of before is then not gone on with. */
const FORM_VERSION = 1

export type EventsOptions = OutputOptions & {
  readonly from_seq: number | undefined
  readonly to_seq: number | undefined
}

/** Gives the rows from a sequence on, in pages, after all events before it were folded. */
async function* rowsFrom({ nc, to_seq, at }: Run, from_seq: number): AsyncGenerator<readonly EventRow[]> {
  for await (const page of readScope(nc, { to_seq }).pages) {
    const last = page.at(-1)
    if (last === undefined) continue
    at(last.seq)
    if (last.seq >= from_seq) yield page.filter(({ seq }) => seq >= from_seq)
  }
}

const joined = (lines: RowLines<EventRow>, page: readonly EventRow[]): string => page.map(lines.line).join('')

/** The rows that follow a file's last one. Throws `Failure` when that row is not what the ledger says of its event now. */
async function* rowsAfter(run: Run, { note }: GrowingFile): AsyncGenerator<readonly EventRow[]> {
  const has_rows = note.last_row !== ''
  let is_checked = !has_rows
  for await (const page of rowsFrom(run, has_rows ? note.last_seq : note.last_seq + 1)) {
    const [first, ...rest] = page
    if (is_checked || first === undefined) {
      yield page
      continue
    }
    is_checked = true
    if (jsonText(first) !== note.last_row)
      throw new Failure(
        `event ${first.seq} is not the one that the file ends with: the file is of another ledger, or a newer program or a decision has changed what became of it; export to a new file`,
      )
    if (rest.length > 0) yield rest
  }
}

const toFile = async (
  run: Run,
  path: string,
  options: EventsOptions,
  lines: RowLines<EventRow>,
): Promise<void> => {
  const form = `events ${FORM_VERSION} ${options.format}`
  const file = await openGrowing(path, { form, header: lines.header, from_seq: options.from_seq })
  try {
    if (file.note.last_seq > run.to_seq && file.note.last_row !== '')
      throw new Failure(
        `${path} holds events up to ${file.note.last_seq}, and the ledger up to ${run.to_seq}`,
      )
    for await (const page of rowsAfter(run, file)) {
      const last = page.at(-1)
      if (last !== undefined)
        await file.add(joined(lines, page), { last_seq: last.seq, last_row: jsonText(last) })
    }
  } finally {
    await file.close()
  }
}

export const exportEvents = (options: EventsOptions): Promise<void> =>
  runExport(options, async run => {
    const { format, out, from_seq } = options
    // neither Parquet, nor standard output, nor an object can be added to later
    if (format === 'parquet' || out === undefined || isObjectUrl(out))
      await writeTable(run, options, EVENTS, rowsFrom(run, from_seq ?? 1))
    else await toFile(run, out, options, linesOf(format, EVENTS))
    return {}
  })
