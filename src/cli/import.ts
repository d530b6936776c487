/**
 * `jetledger import`: carries out the rows of a CSV file or of JSON lines as commands, or the balances of the predecessor's
 * table as opening credits. The same again has no second effect, because the ids of the commands are made of the file's
 * content or of the table's keys (docs/import.md, docs/migrate.md).
 */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { E } from '../fp.js'
import { objectAddress, objectUrl } from '../objects/address.js'
import { readEnvironment } from '../process/environment.js'
import { Failure } from '../process/failure.js'
import { print, printJson, tell } from '../process/output.js'
import { tablesOf, withNats } from './command.js'
import { type Chunk, chunksOf } from './import/chunks.js'
import { openingChunks } from './import/opening-balances.js'
import { openRejects } from './import/rejects.js'
import { beginFacts, type Facts, reportTo, SomeRejected } from './import/report.js'
import type { Reading } from './import/rows.js'
import { type Counts, runImport } from './import/run.js'
import { createSender, type Sender } from './import/send.js'
import { openSource, STANDARD_INPUT_NAME } from './import/source.js'
import { count } from './options.js'
import { startProgressBar } from './progress-bar.js'

type Options = {
  readonly map: ReadonlyMap<string, string>
  readonly ignore: readonly string[]
  readonly type?: Reading['type']
  readonly dryRun?: true
  readonly rejects?: string
  readonly report?: string
  readonly droppedIn?: string
  readonly fromRow: number
  readonly timeout: number
  readonly json?: true
  readonly fromTable?: string
  readonly id: string
  readonly balance: string
}

/** The rows, and where they come from. */
type Origin = {
  readonly name: string
  readonly chunks: AsyncIterable<Chunk>
  /** About the number of rows; 0 when it is not known. */
  readonly rows: number
}

const TIMEOUT_MS = 300_000
const REJECTS_END = '.rejects.csv'
const REPORT_END = '.report.json'

const HELP = `
The file begins with a heading that names its columns: type (credit, debit, transfer), amount, client_id, or from and
to for a transfer; and, where you have them, transaction_id, reference, metadata.<key>. JSON lines have the same names.

A row without a transaction id gets one made of the whole file's content and the row's number. So the same file again
has no second effect, and an import that was killed goes on when it is run again; a changed file is another file.
Standard input ("-") and objects in S3 are first copied into a temporary file, for the same ids.

The file, --rejects and --report take s3://<bucket>/<key>. Region and credentials are those of the AWS SDK (AWS_REGION,
AWS_PROFILE, ...), AWS_ENDPOINT_URL_S3 names another store. --dropped-in is for the task of a bucket's rule: the argument is
the key of the object, rejects and report go beside it, and rejects that were dropped there are left alone.

Examples:
  jetledger import payments.csv --dry-run
  jetledger import payments.csv --map client_id=account --map amount=cents --ignore branch
  zcat payments.csv.gz | jetledger import - --rejects payments.rejects.csv
  jetledger import s3://incoming/payments.csv --report payments.report.json
  jetledger import --from-table wallet-poc-ab

Exit codes: 0 every row is in the ledger, 1 some are not (they are in the rejects), 2 no such file, no CSV or missing columns,
3 no answer.`

const mapping = (text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> => {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('must be <field>=<column>.')
  return new Map([...before, [text.slice(0, at), text.slice(at + 1)]])
}

const names = (text: string, before: readonly string[]): readonly string[] => [...before, ...text.split(',')]

const commandType = (text: string): NonNullable<Reading['type']> => {
  if (text === 'credit' || text === 'debit' || text === 'transfer') return text
  throw new InvalidArgumentError('must be credit, debit or transfer.')
}

const summaryOf = ({ rows, carried_out, known, refused, malformed }: Counts, is_sent: boolean): string =>
  is_sent
    ? `imported ${rows} rows: ${carried_out} carried out, ${known} known already, ${refused} refused, ${malformed} malformed`
    : `checked ${rows} rows: ${rows - malformed} can be sent, ${malformed} malformed; nothing was sent`

const printSummary = ({ counts, digest }: Facts, rejects: string, { dryRun, json }: Options): void => {
  if (json !== true) {
    print(summaryOf(counts, dryRun !== true))
    return
  }
  const { codes, ...numbers } = counts
  printJson({ ...numbers, codes: Object.fromEntries(codes), is_dry_run: dryRun === true, digest, rejects })
}

const importRows = async (
  origin: Origin,
  facts: Facts,
  sender: Sender | undefined,
  options: Options,
): Promise<void> => {
  const rejects = await openRejects(options.rejects ?? `${origin.name}${REJECTS_END}`)
  const { counts } = facts
  const bar = startProgressBar(sender === undefined ? 'checking' : 'importing', 'rows')
  const onProgress = (rows: number): void => bar.update(rows, Math.max(rows, origin.rows))
  const finish = async (): Promise<void> => {
    const has_rejects = await rejects.close()
    if (has_rejects) facts.rejects = rejects.place
    // a file without a readable row has no summary, only its error
    if (counts.rows > 0) bar.end()
    if (counts.rows > 0) printSummary(facts, rejects.place, options)
  }
  try {
    await runImport({ chunks: origin.chunks, rejects, sender, onProgress }, counts)
  } catch (thrown) {
    // the failure of the import is the one to end with
    await finish().catch((failure: Error) => tell(failure.message))
    throw thrown
  }
  await finish()
  const failed = counts.refused + counts.malformed
  if (failed > 0)
    throw new SomeRejected(`${failed} of ${counts.rows} rows are in ${rejects.place}, each with its reason`)
}

/** Imports the rows, or only checks them, which needs no ledger. */
const importOrCheck = async (origin: Origin, facts: Facts, options: Options): Promise<void> => {
  if (options.dryRun === true) return await importRows(origin, facts, undefined, options)
  await withNats(({ nc }) => importRows(origin, facts, createSender(nc, options.timeout), options))
}

const importFile = async (file: string, facts: Facts, options: Options): Promise<void> => {
  const source = await openSource(file)
  facts.digest = source.digest
  try {
    if (options.rejects !== undefined && (await source.isAt(options.rejects)))
      throw new Failure('the file of rejects must be another one than the file itself', { exit_code: 2 })
    const reading = { columns: options.map, ignored: new Set(options.ignore), type: options.type }
    const chunks = chunksOf(source, reading, options.fromRow)
    await importOrCheck({ name: facts.source, chunks, rows: source.lines }, facts, options)
  } finally {
    await source.close()
  }
}

const importTable = async (name: string, facts: Facts, options: Options): Promise<void> => {
  const environment = readEnvironment()
  const tables = tablesOf(environment)
  const table = { name, id_attribute: options.id, balance_attribute: options.balance }
  const chunks = openingChunks(tables, table, environment.config.DDB_TABLE)
  try {
    await importOrCheck({ name, chunks, rows: 0 }, facts, options)
  } finally {
    tables.destroy()
  }
}

/** Imports from a file or a table, and reports where that is asked for. */
const importReported = async (
  name: string,
  options: Options,
  work: (name: string, facts: Facts, options: Options) => Promise<void>,
): Promise<void> => {
  const { report } = options
  if (report !== undefined && report === options.rejects)
    throw new Failure('the report must have another place than the rejects', { exit_code: 2 })
  const facts = beginFacts(name === STANDARD_INPUT_NAME ? 'stdin' : name, options.dryRun === true)
  if (report === undefined) await work(name, facts, options)
  else await reportTo(report, facts, () => work(name, facts, options))
}

/** Imports an object that came into a bucket. A rule of the bucket cannot leave out the rejects, so they are left out here. */
const importDropped = async (bucket: string, key: string, options: Options): Promise<void> => {
  const address = objectAddress(bucket, key)
  const url = objectUrl({ bucket, key })
  if (E.isLeft(address)) throw new Failure(`${url}: ${address.left}`, { exit_code: 2 })
  if (key.endsWith(REJECTS_END)) {
    print(`${url} holds the rejects of an import and is left alone`)
    return
  }
  const places = { rejects: url + REJECTS_END, report: url + REPORT_END }
  await importReported(url, { ...options, ...places }, importFile)
}

const importAny = (file: string | undefined, options: Options): Promise<void> => {
  const { fromTable: table, droppedIn: bucket } = options
  if (file !== undefined && bucket !== undefined) return importDropped(bucket, file, options)
  if (file !== undefined && table === undefined) return importReported(file, options, importFile)
  if (file === undefined && table !== undefined) return importReported(table, options, importTable)
  throw new Failure('name either a file, or a table with --from-table', { exit_code: 2 })
}

export const importCommand = (program: Command): void => {
  program
    .command('import [file]')
    .description(
      'carry out the rows of a CSV file or of JSON lines as commands ("-": standard input, or s3://bucket/key)',
    )
    .option(
      '--map <field=column>',
      'the column that holds a field, where its name differs',
      mapping,
      new Map(),
    )
    .option('--ignore <columns>', 'columns that are not for the ledger, with commas between them', names, [])
    .option('--type <type>', 'credit, debit or transfer, for a file without the column type', commandType)
    .option('--dry-run', 'only check the rows; nothing is sent, and no ledger is needed')
    .option(
      '--rejects <place>',
      'file or s3:// for the rows that are not carried out (default: <file>.rejects.csv)',
    )
    .option('--report <place>', 'file or s3:// for a report as JSON, also of an import that fails')
    .addOption(
      new Option(
        '--dropped-in <bucket>',
        'the argument is the key of an object of this bucket; rejects and report go beside it',
      ).conflicts(['rejects', 'report', 'fromTable']),
    )
    .option(
      '--from-row <n>',
      'leave out the rows before this one (the first one after the heading is 1)',
      count,
      1,
    )
    .option('--timeout <ms>', 'give up when no row was settled for so long', count, TIMEOUT_MS)
    .option('--json', 'print the counts as JSON')
    .addOption(
      new Option(
        '--from-table <name>',
        "instead of a file: opening credits from the balances of the predecessor's DynamoDB table",
      ).conflicts(['map', 'ignore', 'type', 'fromRow']),
    )
    .option('--id <attribute>', "the table's attribute with the id of the customer", 'id')
    .option('--balance <attribute>', "the table's attribute with the balance", 'client_balance')
    .addHelpText('after', HELP)
    .action(importAny)
}
