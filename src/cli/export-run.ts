/**
 * What all kinds of `jetledger export` share: where they write, progress on a terminal, the last sequence, and how they
 * fail.
 */

import type { NatsConnection } from 'nats'
import { CannotGoOn } from '../export/growing-file.js'
import { type LineFormat, linesOf } from '../export/lines.js'
import { parquetOf } from '../export/parquet.js'
import { Gap, provedEnd } from '../export/read.js'
import type { Table } from '../export/table.js'
import { type ExportTarget, outputTarget, ReaderGone, wholeFile } from '../export/target.js'
import { Failed } from '../fp.js'
import { toJson } from '../ledger/amount.js'
import { isObjectUrl } from '../objects/address.js'
import { Failure, failureOf, orFail } from '../process/failure.js'
import { printableText, tell } from '../process/output.js'
import { stopRequested } from '../process/signals.js'
import { toStreamError } from '../stream/errors.js'
import { streamInfo } from '../stream/provision.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { withNats } from './command.js'
import { writeObjectAt } from './objects.js'
import { type ProgressBar, startProgressBar } from './progress-bar.js'

/** How and where an export is written. */
export type OutputOptions = {
  readonly format: LineFormat | 'parquet'
  /** The path of a file or the URL of an object (`s3://`); undefined: standard output. */
  readonly out: string | undefined
  /** Whether what is told on standard error is JSON. */
  readonly is_json: boolean
}

/** Numbers about an export, by what they are. */
type Summary = Readonly<Record<string, number | bigint>>

export type Run = {
  readonly nc: NatsConnection
  /** The last sequence that the export holds. */
  readonly to_seq: number
  /** Aborts when somebody has asked the program to stop. */
  readonly signal: AbortSignal
  /** Says how far the reading is. Throws `Failure` when somebody has asked the program to stop. */
  readonly at: (seq: number) => void
}

const STOPPED = 'stopped'

const silent: ProgressBar = { update: () => undefined, end: () => undefined }

/** A file's own failures are sentences already. */
const isOfFiles = (thrown: unknown): thrown is Error =>
  thrown instanceof Error && 'syscall' in thrown && 'path' in thrown

/** The failure that a person reads; a fault of the program stays what it is. */
const toFailure = (thrown: unknown): unknown => {
  if (thrown instanceof Failure) return thrown
  if (thrown instanceof Failed) return failureOf(thrown.error)
  if (thrown instanceof CannotGoOn) return new Failure(thrown.message, { cause: thrown, exit_code: 2 })
  if (thrown instanceof Gap || isOfFiles(thrown)) return new Failure(thrown.message, { cause: thrown })
  const error = toStreamError('read the ledger', thrown)
  return error.tag === 'Unexpected' ? thrown : failureOf(error)
}

/** Tells what was exported, on standard error, because the rows may go to standard output. */
const tellSummary = (summary: Summary, is_json: boolean): void => {
  const fields = Object.entries(summary)
  if (is_json)
    tell(
      JSON.stringify(
        Object.fromEntries(
          fields.map(([name, value]) => [name, typeof value === 'bigint' ? toJson(value) : value]),
        ),
      ),
    )
  else for (const [name, value] of fields) tell(`${name.replaceAll('_', ' ')} ${value}`)
}

/**
 * Runs an export up to the proved end of the ledger, or up to `to_seq`, and tells what it has exported, the last sequence
 * above all. It ends quietly when nobody reads the output any more.
 */
export const runExport = async (
  { to_seq: asked_seq, is_json }: { readonly to_seq?: number | undefined; readonly is_json: boolean },
  work: (run: Run) => Promise<Summary>,
): Promise<void> => {
  const { signal } = stopRequested()
  const bar = process.stderr.isTTY ? startProgressBar('reading', 'events') : silent
  try {
    await withNats(async ({ nc }) => {
      // a proof is tried again and again, and would not tell that a right or the ledger is missing
      await orFail(streamInfo(nc, LEDGER_STREAM))
      const end_seq = await provedEnd(nc)
      const to_seq = Math.min(asked_seq ?? end_seq, end_seq)
      const at = (seq: number): void => {
        bar.update(seq, to_seq)
        if (signal.aborted) throw new Failure(STOPPED)
      }
      const summary = await work({ nc, to_seq, signal, at })
      bar.end()
      tellSummary({ ...summary, last_sequence: to_seq }, is_json)
    })
  } catch (thrown) {
    // a request to a store that was under way fails in its own words
    if (signal.aborted) throw new Failure(STOPPED, { cause: thrown })
    if (!(thrown instanceof ReaderGone)) throw toFailure(thrown)
  } finally {
    bar.end()
  }
}

/** Standard output, made harmless where it is a terminal, which obeys control characters in texts of strangers. */
const standardOutput = (): ExportTarget => {
  const target = outputTarget(process.stdout)
  if (!process.stdout.isTTY) return target
  return {
    ...target,
    write: chunk => target.write(typeof chunk === 'string' ? printableText(chunk) : chunk),
  }
}

const targetOf = (
  { signal }: Pick<Run, 'signal'>,
  out: string | undefined,
): ExportTarget | Promise<ExportTarget> => {
  if (out === undefined) return standardOutput()
  return isObjectUrl(out) ? writeObjectAt(out, signal) : wholeFile(out)
}

/** Writes to a file or an object that appears whole, or to standard output, whatever `fill` gives. */
export const writeWhole = async (
  run: Pick<Run, 'signal'>,
  out: string | undefined,
  fill: (write: ExportTarget['write']) => Promise<void>,
): Promise<void> => {
  const target = await targetOf(run, out)
  try {
    await fill(target.write)
    await target.end()
  } catch (thrown) {
    await target.abandon()
    throw thrown
  }
}

/** Writes a table, whose rows come in pages, to where it is wanted. */
export const writeTable = <Row>(
  run: Run,
  { format, out }: OutputOptions,
  table: Table<Row>,
  pages: AsyncIterable<readonly Row[]>,
): Promise<void> =>
  writeWhole(run, out, async write => {
    if (format === 'parquet') {
      const parquet = await parquetOf(table)
      for await (const page of pages) await write(await parquet.add(page))
      return write(await parquet.end())
    }
    const { header, line } = linesOf(format, table)
    await write(header)
    for await (const page of pages) await write(page.map(line).join(''))
  })
