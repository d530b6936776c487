/** `jetledger export statement`: the events of one customer that count, oldest first, with the balance after each. */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { readScope } from '../export/read.js'
import type { EventRow } from '../export/row.js'
import { STATEMENT } from '../export/table.js'
import { run as runTask } from '../fp.js'
import type { AccountId } from '../ledger/account-id.js'
import { Failure, orFail } from '../process/failure.js'
import { tell } from '../process/output.js'
import { firstSeqFrom } from '../stream/by-time.js'
import { manager } from '../stream/provision.js'
import { LEDGER_SUBJECTS } from '../stream/settings.js'
import { type OutputOptions, type Run, runExport, writeTable } from './export-run.js'

export type StatementOptions = OutputOptions & {
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

export const exportStatement = (options: StatementOptions): Promise<void> =>
  runExport(options, async run => {
    const period = await periodOf(await orFail(manager(run.nc)), options, run.to_seq)
    const sums: Sums = { opening: 0n, closing: 0n, waiting: 0, events: 0 }
    await writeTable(options, STATEMENT, rowsOf(run, options.client_id, period, sums))
    const { opening, closing, waiting } = sums
    if (waiting > 0) tell(`${waiting} events wait for a newer program and are not among the rows`)
    return { opening_balance: opening, closing_balance: closing }
  })
