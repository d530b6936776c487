/** `jetledger export statement`: the events of one customer that count, oldest first, with the balance after each. */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { readScope } from '../export/read.js'
import type { EventRow } from '../export/row.js'
import { STATEMENT } from '../export/table.js'
import { E, run as runTask } from '../fp.js'
import { instantOf } from '../instant.js'
import { isJsonObject } from '../json.js'
import { type AccountId, namesOf } from '../ledger/account-id.js'
import { Failure, orFail } from '../process/failure.js'
import { tell } from '../process/output.js'
import type { KeyReader } from '../sealing/key-records.js'
import { createOpenTexts } from '../sealing/open-texts.js'
import { pdfOf, type StatementHead } from '../statement/pdf.js'
import { assetWords, periodWords } from '../statement/words.js'
import { readAsset } from '../stream/assets.js'
import { firstSeqFrom } from '../stream/by-time.js'
import { manager, openBucket } from '../stream/provision.js'
import { LEDGER_SUBJECTS } from '../stream/settings.js'
import { type OutputOptions, type Run, runExport, writeTable, writeWhole } from './export-run.js'

export type StatementOptions = Omit<OutputOptions, 'format'> & {
  readonly format: OutputOptions['format'] | 'pdf'
  readonly client_id: AccountId
  /** Nanoseconds since 1970; the end is not part of the statement. */
  readonly from: bigint | undefined
  readonly to: bigint | undefined
}

type Period = { readonly from_seq: number; readonly to_seq: number }

/** The sequences of a period, as `customer.statement` finds them. */
const periodOf = async (
  jsm: JetStreamManager,
  { from, to }: StatementOptions,
  end_seq: number,
): Promise<Period> => {
  const seqFrom = (ns: bigint): Promise<number> =>
    end_seq === 0 ? Promise.resolve(1) : runTask(firstSeqFrom({ jsm }, LEDGER_SUBJECTS, ns, end_seq))
  return {
    from_seq: from === undefined ? 1 : await seqFrom(from),
    to_seq: to === undefined ? end_seq : (await seqFrom(to)) - 1,
  }
}

/** What a walk through a customer's events has met. */
type Sums = { opening: bigint; closing: bigint; waiting: number; events: number }

/** Gives the rows of a period that count, oldest first, and sums up on the way. */
async function* rowsOf(
  { nc, at }: { readonly nc: NatsConnection; readonly at: Run['at'] },
  client_id: AccountId,
  { from_seq, to_seq }: Period,
  sums: Sums,
): AsyncGenerator<readonly EventRow[]> {
  for await (const page of readScope(nc, { client_id, to_seq }).pages) {
    at(page.at(-1)?.seq ?? 0)
    sums.events += page.length
    const counting = page.filter(({ effect }) => effect === 'applied')
    sums.waiting += page.filter(({ effect }) => effect === 'waiting').length
    const before = counting.findLast(({ seq }) => seq < from_seq)
    sums.opening = before?.balance ?? sums.opening
    sums.closing = counting.at(-1)?.balance ?? sums.closing
    const rows = counting.filter(({ seq }) => seq >= from_seq)
    if (rows.length > 0) yield rows
  }
  // a mistyped id would look like a customer who never paid
  if (sums.events === 0) throw new Failure(`${client_id} has no events up to then`)
}

/** What stands above a statement. Without the right to read the assets, amounts stay whole numbers, and that is said. */
const headOf = async (
  nc: NatsConnection,
  { client_id, from, to }: StatementOptions,
): Promise<StatementHead> => {
  const names = namesOf(client_id)
  const declared = await readAsset(await orFail(openBucket(nc)), names.asset)()
  if (E.isLeft(declared)) tell(`amounts have no decimals: ${declared.left.message}`)
  const facts = E.isRight(declared) ? declared.right : undefined
  return {
    customer: names.client_id,
    asset: assetWords(names.asset, facts?.name),
    scale: facts?.scale ?? 0,
    period: periodWords(from, to, instantOf(new Date())),
  }
}

/** The rows with their sealed texts opened, as far as this user may read the keys of persons. */
async function* openedRows(
  reader: KeyReader,
  pages: AsyncIterable<readonly EventRow[]>,
): AsyncGenerator<readonly EventRow[]> {
  let has_told = false
  const warn = (): void => {
    if (!has_told) tell('sealed texts stay sealed: this user cannot read the keys of their persons')
    has_told = true
  }
  const open = createOpenTexts({ ...reader, log: { warn } })
  for await (const page of pages)
    yield await Promise.all(
      page.map(async row => {
        if (!isJsonObject(row.metadata)) return row
        const { reference, metadata } = await open({ reference: row.reference, metadata: row.metadata })
        return { ...row, reference, metadata }
      }),
    )
}

const writePdf = (
  run: Run,
  head: StatementHead,
  out: string | undefined,
  pages: AsyncIterable<readonly EventRow[]>,
  sums: Sums,
): Promise<void> => {
  if (out === undefined && process.stdout.isTTY)
    throw new Failure('a PDF is nothing for a terminal: name a file with --out', { exit_code: 2 })
  return writeWhole(run, out, async write => {
    const pdf = await pdfOf(head)
    for await (const page of pages) await write(pdf.add(page, sums.opening))
    await write(await pdf.end(sums.opening, sums.closing))
  })
}

export const exportStatement = (options: StatementOptions): Promise<void> =>
  runExport(options, async run => {
    const jsm = await orFail(manager(run.nc))
    const period = await periodOf(jsm, options, run.to_seq)
    const sums: Sums = { opening: 0n, closing: 0n, waiting: 0, events: 0 }
    const rows = openedRows({ nc: run.nc, jsm }, rowsOf(run, options.client_id, period, sums))
    const { format } = options
    if (format === 'pdf') await writePdf(run, await headOf(run.nc, options), options.out, rows, sums)
    else await writeTable(run, { ...options, format }, STATEMENT, rows)
    const { opening, closing, waiting } = sums
    if (waiting > 0) tell(`${waiting} events wait for a newer program and are not among the rows`)
    return { opening_balance: opening, closing_balance: closing }
  })
