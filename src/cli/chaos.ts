/**
 * `jetledger chaos`: runs a whole ledger on this machine under faults that a seed decides, and checks the answers
 * that its clients got.
 */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { FAULTS } from '../chaos/faults/index.js'
import { type ChaosReport, describeReport, isGood } from '../chaos/report.js'
import { CannotStart, runChaos } from '../chaos/run.js'
import { Failure } from '../process/failure.js'
import { printJson, printText, tell } from '../process/output.js'
import { stopRequested } from '../process/signals.js'
import { startLive } from './chaos-live.js'
import { count } from './options.js'

type Options = {
  readonly duration: number
  readonly seed: number
  readonly faults: readonly string[]
  readonly clients: number
  readonly customers: number
  readonly rate: number
  readonly instances: number
  readonly replicas: number
  readonly journal: string
  readonly keep?: string
  readonly other?: string
  readonly fromServer?: string
  readonly json?: true
}

const DURATION = '2m'
const SEED_MAX = 1_000_000
const CLIENTS_MAX = 1_000
const RATE_MAX = 10_000
const INSTANCES_MAX = 5
const DURATION_MS_MAX = 24 * 3_600_000
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 }

const duration = (text: string): number => {
  const [, n, unit = ''] = /^(\d+)(s|m|h)$/.exec(text) ?? []
  const ms = Number(n) * (UNIT_MS[unit] ?? Number.NaN)
  if (!(ms > 0 && ms <= DURATION_MS_MAX))
    throw new InvalidArgumentError('must be a duration such as 90s, 2m or 1h, of a day at the most.')
  return ms
}

const upTo =
  (max: number) =>
  (text: string): number => {
    const n = count(text)
    if (n > max) throw new InvalidArgumentError(`must be ${max} at the most.`)
    return n
  }

const replicas = (text: string): number => {
  if (text !== '1' && text !== '3') throw new InvalidArgumentError('must be 1 or 3.')
  return Number(text)
}

const NAMES = FAULTS.map(({ name }) => name)

const faultNames = (text: string): readonly string[] => {
  if (text === 'all') return NAMES
  if (text === 'none') return []
  const names = text.split(',').map(name => name.trim())
  const unknown = names.filter(name => !NAMES.includes(name))
  if (unknown.length > 0)
    throw new InvalidArgumentError(`there is no fault ${unknown.join(', ')}; there are ${NAMES.join(', ')}.`)
  return [...new Set(names)]
}

/** The path of a folder that holds a compiled Jetledger. Throws `InvalidArgumentError` when it holds none. */
const distFolder = (text: string): string => {
  const folder = resolve(text)
  if (!existsSync(join(folder, 'cli', 'main.js')))
    throw new InvalidArgumentError('is no folder of a compiled Jetledger: it has no cli/main.js.')
  return folder
}

const program = (text: string): string => {
  if (!existsSync(text)) throw new InvalidArgumentError('is not there.')
  return resolve(text)
}

const HELP = `
It starts three nats-servers (the ledger's stream has three replicas, flushed always), a DynamoDB-compatible server, the
instances of Jetledger, and clients that credit, debit, transfer, publish and read. Faults happen one after the other, in an
order that the seed decides. At the end it heals everything, and a checker that shares no code with Jetledger compares what
the clients were answered with the stream and the tables. Everything is on this machine, and ends with the run.

Faults:
${FAULTS.map(({ name, what }) => `  ${name.padEnd(22)} ${what}`).join('\n')}

Examples:
  jetledger chaos                                         two minutes, four or five of the faults
  jetledger chaos --duration 1h --keep ./chaos-1          an hour; history and logs are kept
  jetledger chaos --faults partition-leader,kill-leader   only these
  jetledger chaos --seed 42 --duration 10m                the schedule that another run had
  jetledger chaos --instances 3                           one decides, and two wait for its place
  jetledger chaos --other ../release-0.1/dist             two builds side by side
  jetledger chaos --from-server ./nats-server-2.14        the cluster is upgraded under load

Ctrl-C ends the faults; what there is by then is healed, checked and reported.
Exit codes: 0 no violation, 1 violations (or not everything could be checked), 2 called wrongly.`

const folderOf = ({ keep }: Options): string =>
  keep === undefined ? mkdtempSync(join(tmpdir(), 'jetledger-chaos-')) : resolve(keep)

const run = async (options: Options): Promise<void> => {
  const folder = folderOf(options)
  if (options.keep !== undefined && existsSync(join(folder, 'history.jsonl')))
    throw new Failure(`${folder} holds another run already: name another folder with --keep`, {
      exit_code: 2,
    })
  tell(`seed ${options.seed}, everything is in ${folder}`)
  const { signal } = stopRequested()
  const live = startLive()
  let report: ChaosReport
  try {
    report = await runChaos(
      {
        ...options,
        duration_ms: options.duration,
        rate_per_s: options.rate,
        folder,
        ...(options.other === undefined ? {} : { other_dist: options.other }),
        ...(options.fromServer === undefined ? {} : { first_nats_server: options.fromServer }),
      },
      signal,
      live.hear,
    )
  } catch (thrown) {
    if (!(thrown instanceof CannotStart)) throw thrown
    throw new Failure(`it could not be started: ${thrown.message}`, { cause: thrown })
  } finally {
    live.end()
  }
  if (options.json) printJson(report)
  else printText(describeReport(report))
  if (isGood(report) && options.keep === undefined) rmSync(folder, { recursive: true, force: true })
  else tell(`history, logs, schedule and report are in ${folder}`)
  if (!isGood(report)) throw new Failure('the run is not good')
}

export const chaosCommand = (program_of_all: Command): void => {
  program_of_all
    .command('chaos')
    .description('put a whole ledger on this machine under faults, and check what its clients saw')
    .addOption(
      new Option('--duration <time>', 'how long faults happen, e.g. 90s, 2m, 1h')
        .argParser(duration)
        .default(duration(DURATION), DURATION),
    )
    .addOption(
      new Option('--seed <n>', 'decides the schedule and what the clients ask')
        .argParser(upTo(SEED_MAX))
        .default(1 + Math.floor(Math.random() * SEED_MAX), 'another one each time'),
    )
    .addOption(
      new Option('--faults <names>', 'with commas between them; all, or none')
        .argParser(faultNames)
        .default(NAMES, 'all'),
    )
    .option('--clients <n>', 'connections', upTo(CLIENTS_MAX), 8)
    .option('--customers <n>', 'customers beside the few that every client writes to', count, 200)
    .option('--rate <n>', 'requests a second of all clients together', upTo(RATE_MAX), 50)
    .option('--instances <n>', 'of Jetledger', upTo(INSTANCES_MAX), 2)
    .option('--replicas <n>', "of the ledger's streams: 1 or 3", replicas, 3)
    .addOption(
      new Option('--journal <kind>', 'which events have rows in the table')
        .choices(['every-event', 'savepoints'])
        .default('every-event'),
    )
    .option('--keep <folder>', 'keep history, logs, schedule and report here, whatever the verdict')
    .option(
      '--other <folder>',
      'a compiled Jetledger to run beside this one while instances restart',
      distFolder,
    )
    .option('--from-server <program>', 'the nats-server to begin with, and to be upgraded from', program)
    .option('--json', 'print the report as JSON')
    .addHelpText('after', HELP)
    .action(run)
}
