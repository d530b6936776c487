/**
 * `jetledger export events|balances|statement`: the ledger's data for other programs, spreadsheets and people.
 */

import { extname } from 'node:path'
import { type Command, Option } from 'commander'
import type { AccountId } from '../ledger/account-id.js'
import { isObjectUrl } from '../objects/address.js'
import { exportBalances } from './export-balances.js'
import { exportEvents } from './export-events.js'
import type { OutputOptions } from './export-run.js'
import { exportStatement } from './export-statement.js'
import { addressOf } from './objects.js'
import { accountId, count, instant } from './options.js'

type Format = OutputOptions['format']
type Common<F = Format> = { readonly format?: F; readonly out: string; readonly json?: true }

const BY_NAME: Readonly<Record<string, Format>> = { '.csv': 'csv', '.parquet': 'parquet' }
/** A statement is for people too. */
const BY_NAME_OF_STATEMENT: Readonly<Record<string, Format | 'pdf'>> = { ...BY_NAME, '.pdf': 'pdf' }
const [FORMATS, FORMATS_OF_STATEMENT] = [
  ['jsonl', 'csv', 'parquet'],
  ['jsonl', 'csv', 'parquet', 'pdf'],
]

/** The file or object that is meant, and the format: as stated, or as its name says. Throws `Failure` for a wrong address. */
const whereTo = <F extends string>(
  { format, out, json }: Common<F>,
  by_name: Readonly<Record<string, F>>,
): Omit<OutputOptions, 'format'> & { readonly format: F | 'jsonl' } => {
  if (isObjectUrl(out)) addressOf(out)
  return {
    is_json: json === true,
    out: out === '-' ? undefined : out,
    format: format ?? by_name[extname(out)] ?? 'jsonl',
  }
}

const OBJECTS_HELP = `
--out also takes s3://<bucket>/<key>. The object appears when it is whole, and replaces one that was there; region and
credentials are those of the AWS SDK (AWS_REGION, AWS_PROFILE, ...), AWS_ENDPOINT_URL_S3 names another store.`

const EVENTS_HELP = `
Each row says what became of its event ("effect": applied, refused, waiting, decision) and the balance after it, by a fold
of the ledger from its first event. What an event itself claims is not believed.

Killed, or run again a day later, the same command goes on after the last row of the file; <file>.export.json beside it
says where that is. Parquet, and every object in S3, is written whole each time: for S3, take --from-seq and another key. The last sequence is printed on standard error: --from-seq <that + 1> gives what came since.`

const BALANCES_HELP = `
All balances are as of one sequence, which is printed on standard error, and their sum is printed there, too.`

const STATEMENT_HELP = `
The oldest entry comes first. A day is its midnight in UTC, and --to is not part of the statement. A PDF is for the customer: amounts have
the decimals of the asset ("jetledger assets list").`

const common = (command: Command, description: string, help: string, formats = FORMATS): Command =>
  command
    .description(description)
    .addOption(
      new Option(
        '--format <format>',
        'of the rows; by default what the name of the file says, else jsonl',
      ).choices(formats),
    )
    .option('--out <file>', 'where to write: a file or s3://bucket/key; - is standard output', '-')
    .option('--json', 'say the last sequence and the sums as JSON, on standard error')
    .addHelpText('after', help)
    .addHelpText('after', OBJECTS_HELP)

type EventsFlags = Common & { readonly fromSeq?: number; readonly toSeq?: number }
type StatementFlags = Common<Format | 'pdf'> & { readonly from?: bigint; readonly to?: bigint }

export const exportCommand = (program: Command): void => {
  const exports = program
    .command('export')
    .description('events, balances or a statement, as JSON lines, CSV or Parquet, a statement as PDF')
  common(exports.command('events'), 'every event, with what became of it', EVENTS_HELP)
    .option('--from-seq <seq>', 'the first sequence', count)
    .option('--to-seq <seq>', 'the last sequence; by default the end of the ledger', count)
    .action(({ fromSeq, toSeq, ...flags }: EventsFlags) =>
      exportEvents({ ...whereTo(flags, BY_NAME), from_seq: fromSeq, to_seq: toSeq }),
    )
  common(exports.command('balances'), "every customer's balance as of one sequence", BALANCES_HELP)
    .option('--to-seq <seq>', 'the sequence; by default the end of the ledger', count)
    .action(({ toSeq, ...flags }: EventsFlags) =>
      exportBalances({ ...whereTo(flags, BY_NAME), to_seq: toSeq }),
    )
  common(exports.command('statement'), 'the history of one customer', STATEMENT_HELP, FORMATS_OF_STATEMENT)
    .argument('<client_id>', 'the customer; an asset follows after a slash (678/EUR)', accountId)
    .option('--from <time>', 'the first time, such as 2026-11-01 or 2026-11-01T08:00:00Z', instant)
    .option('--to <time>', 'the time before which it ends', instant)
    .action((client_id: AccountId, { from, to, ...flags }: StatementFlags) =>
      exportStatement({ ...whereTo(flags, BY_NAME_OF_STATEMENT), client_id, from, to }),
    )
}
