/**
 * `jetledger recover`: finds parts of the ledger (stream, tables, bucket) that do not belong together any more, and
 * offers safe ways to mend them.
 *
 * It changes nothing without the option `--accept-stream` or `--repair`, and asks before it does.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import { type Command, Option } from 'commander'
import { recordNow } from '../belonging/adopt.js'
import { describeProblem, recordProblems, repairRecords } from '../belonging/control-records.js'
import { hasNotedLetters, readRecord, writeRecord } from '../belonging/ledger-record.js'
import type { Look } from '../belonging/look.js'
import { E } from '../fp.js'
import { createHealth } from '../health.js'
import { Failure, orFail } from '../process/failure.js'
import { createLog, logHealth } from '../process/log.js'
import { print, printJson } from '../process/output.js'
import { stopRequested } from '../process/signals.js'
import { CHECKPOINT_MS } from '../projections/rebuild/rebuild.js'
import { manager, openBucket, provision, provisionBeside, streamInfo } from '../stream/provision.js'
import { DEAD_LETTER_STREAM } from '../stream/settings.js'
import { PROJECTION_NAMES } from '../tables/definition.js'
import { type Accepted, acceptStream } from './accept-stream.js'
import { lookWith, settingsProblems } from './checked-ledger.js'
import { type Connected, settingsFor, tablesOf, withNats } from './command.js'
import { confirm } from './confirm.js'
import { type ProgressBar, startProgressBar } from './progress-bar.js'
import { asFailure } from './replay-failure.js'
import { operatorOf } from './user.js'

type Options = {
  readonly acceptStream?: true
  readonly repair?: true
  readonly yes?: true
  readonly out?: string
  readonly json?: true
}

type Found = {
  /** The reason why the ledger stands still; undefined when it does not. */
  readonly stopped?: string
  /** Small problems, in spite of which the ledger goes on. */
  readonly problems: readonly string[]
  /** Safe ways to mend the ledger, a sentence each. */
  readonly ways: readonly string[]
}

const SHOWN_MAX = 20

const HELP = `
It says what was found and changes nothing, unless one of the options tells it to.

--accept-stream takes the stream that is there for the ledger: every table is rebuilt from it as another generation; what
only the stream before knew (transactions, dead letters) is listed in a file, and is not answered as known any more.
Where there is no stream, an empty one is made. The other way is to restore the right stream: while the ledger stands
still nothing is written, and it goes on by itself once the stream is the one that was noted, or is accepted.

--repair writes anew what somebody deleted or wrote over in the bucket.

Exit codes: 0 nothing is wrong, or it was mended; 1 something is wrong, or it failed; 2 called wrongly.`

const lettersProblems = async ({ nc }: Connected, jsm: JetStreamManager): Promise<readonly string[]> => {
  const entry = await readRecord(jsm)()
  const letters = await streamInfo(nc, DEAD_LETTER_STREAM)()
  if (E.isLeft(entry) || E.isLeft(letters) || entry.right.record === undefined) return []
  return hasNotedLetters(entry.right.record, letters.right)
    ? []
    : [
        `stream ${DEAD_LETTER_STREAM} is another one than the one that was noted: letters of before may be missing`,
      ]
}

const find = async (connected: Connected, jsm: JetStreamManager, look: Look): Promise<Found> => {
  const records = await recordProblems(jsm, PROJECTION_NAMES)()
  const settings = await settingsProblems(connected)
  const letters = await lettersProblems(connected, jsm)
  const broken = E.isLeft(records) ? [] : records.right.map(describeProblem)
  const ways = [
    ...(look.tag === 'stopped'
      ? [
          look.finding.tag === 'absent'
            ? '"jetledger recover --accept-stream": begin anew with an empty stream; the tables are emptied, and what is lost is listed'
            : '"jetledger recover --accept-stream": this stream is right; the tables are rebuilt from it, and what is lost is listed',
          'restore the right stream from its backup ("nats stream restore"), then accept it in the same way; until then nothing is written',
        ]
      : []),
    ...(broken.length + letters.length > 0
      ? ['"jetledger recover --repair": the records in the bucket are written anew']
      : []),
    ...(settings.length > 0
      ? ['"jetledger stream apply": the settings are changed back, as far as nats-server allows']
      : []),
  ]
  return {
    ...(look.tag === 'stopped' ? { stopped: look.reason } : {}),
    problems: [...settings, ...letters, ...broken],
    ways,
  }
}

const printFound = ({ stopped, problems, ways }: Found): void => {
  if (stopped !== undefined) print(`the ledger stands still: ${stopped}`)
  for (const problem of problems) print(problem)
  if (ways.length === 0) print('everything belongs together: there is nothing to recover')
  else print('what can be done (docs/recovery.md):')
  for (const way of ways) print(`  ${way}`)
}

const progress = () => {
  const bars = new Map<string, ProgressBar>()
  return (projection: string, stage: string, done: number, total: number): void => {
    const name = `${projection}: ${stage}`
    const bar = bars.get(name) ?? startProgressBar(name, stage === 'folding' ? 'events' : 'tables')
    bars.set(name, bar)
    bar.update(done, total)
    if (done === total) bar.end()
  }
}

const accept = async (
  connected: Connected,
  jsm: JetStreamManager,
  tables: DynamoDBDocumentClient,
  { yes, out, json }: Options,
): Promise<Accepted> => {
  const { nc, config } = connected
  const look = await lookWith(connected, jsm, tables)
  if (look.tag !== 'stopped')
    throw new Failure(
      'the stream is the one that was noted: there is nothing to accept ("jetledger replay" rebuilds tables)',
    )
  if (!yes) await confirm(`Every table is rebuilt from the stream that is there now (${look.reason}).`)
  const isAbsent = look.finding.tag === 'absent'
  const kv = await orFail((isAbsent ? provision : provisionBeside)(nc, await settingsFor(connected)))
  const log = createLog(config.LOG_LEVEL)
  let shown = 0
  const deps = {
    nc,
    jsm,
    kv,
    tables,
    base_table: config.DDB_TABLE,
    journal: config.JETLEDGER_JOURNAL,
    log,
    health: createHealth(logHealth(log)),
  }
  const { signal } = stopRequested()
  const options = {
    file: out ?? `jetledger-lost-${new Date().toISOString().replace(/[:.]/g, '-')}.jsonl`,
    by: await operatorOf(nc),
    checkpoint_ms: CHECKPOINT_MS,
    onProgress: progress(),
    onLost: (line: Readonly<Record<string, unknown>>) => {
      shown += 1
      if (!json && shown <= SHOWN_MAX) print(`lost: ${JSON.stringify(line)}`)
    },
    signal,
  }
  try {
    return await acceptStream(deps, look.entry, options)
  } catch (thrown) {
    throw asFailure(thrown, signal)
  }
}

const repair = async (
  connected: Connected,
  jsm: JetStreamManager,
  { yes }: Options,
): Promise<readonly string[]> => {
  if (!yes) await confirm('The records in the bucket that cannot be read are written anew.')
  const kv = await orFail(openBucket(connected.nc))
  const keys = await orFail(repairRecords({ jsm, kv }, PROJECTION_NAMES))
  const { record, revision } = await orFail(readRecord(jsm))
  if (record === undefined || (await lettersProblems(connected, jsm)).length === 0) return keys
  const { letters_created, letters_raft_group } = await orFail(recordNow(jsm, record.epoch))
  await orFail(writeRecord(kv, { ...record, letters_created, letters_raft_group }, revision))
  return [...keys, 'ledger']
}

const printAccepted = ({ epoch, rebuilt, lost_transactions, lost_letters, file }: Accepted): void => {
  for (const { projection, generation, events } of rebuilt)
    print(`${projection}: rebuilt from ${events} events as generation ${generation}`)
  print(`lost: ${lost_transactions} transactions and ${lost_letters} dead letters, listed in ${file}`)
  print(`the stream is accepted (epoch ${epoch}): the ledger goes on by itself`)
}

const mend = async (
  connected: Connected,
  jsm: JetStreamManager,
  tables: DynamoDBDocumentClient,
  options: Options,
): Promise<void> => {
  if (options.acceptStream) {
    const accepted = await accept(connected, jsm, tables, options)
    if (options.json) printJson(accepted)
    else printAccepted(accepted)
    return
  }
  const keys = await repair(connected, jsm, options)
  if (options.json) printJson({ repaired: keys })
  else print(keys.length === 0 ? 'there was nothing to repair' : `written anew: ${keys.join(', ')}`)
}

const run = (options: Options): Promise<void> =>
  withNats(async connected => {
    const jsm = await orFail(manager(connected.nc))
    const tables = tablesOf(connected)
    try {
      if (options.acceptStream || options.repair) return await mend(connected, jsm, tables, options)
      const found = await find(connected, jsm, await lookWith(connected, jsm, tables))
      if (options.json) printJson(found)
      else printFound(found)
      if (found.stopped !== undefined) throw new Failure('the ledger stands still until a person chooses')
      if (found.problems.length > 0)
        throw new Failure(`${found.problems.length} things are not as they should be`)
    } finally {
      tables.destroy()
    }
  })

export const recoverCommand = (program: Command): void => {
  program
    .command('recover')
    .description(
      'say what does not belong together any more (stream, tables, bucket), and mend it in a safe way',
    )
    .addOption(
      new Option(
        '--accept-stream',
        'the stream that is there is right: rebuild every table from it',
      ).conflicts('repair'),
    )
    .option('--repair', 'write anew what was deleted or overwritten in the bucket')
    .option('--yes', 'do not ask')
    .option('--out <file>', 'where to list what is lost, one JSON object a line')
    .option('--json', 'print what was found or done as JSON')
    .addHelpText('after', HELP)
    .action(run)
}
