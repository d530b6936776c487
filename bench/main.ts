/**
 * `npm run bench -- <benchmark>`: measures the built program on servers of its own, on this machine, and prints the
 * results. Each benchmark is one file, and is registered here.
 */

import { availableParallelism } from 'node:os'
import { createStack } from '../src/stack.js'
import { accounts } from './accounts.js'
import type { Benchmark } from './benchmark.js'
import { commands } from './commands.js'
import { http } from './http.js'
import { ids } from './ids.js'
import { instances } from './instances.js'
import { lag } from './lag.js'
import { ledger } from './ledger.js'
import { type Options, parseOptions, USAGE } from './options.js'
import { predecessor } from './predecessor.js'
import { queries } from './queries.js'
import { rebuild } from './rebuild.js'
import { formatSession, type Session } from './report.js'

// the AWS SDK would print its own notice about the version of Node in every process of a benchmark
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  commands,
  queries,
  predecessor,
  rebuild,
  accounts,
  lag,
  http,
  ledger,
  instances,
  ids,
}

const ALL = 'all'
/** What `all` runs: every line that docs/performance.md shows, for as short a time as its ratios repeat. */
const ALL_RUNS: readonly (readonly string[])[] = [
  ['ledger', '--dynamodb', 'stand-in', '--seconds', '5'],
  ['instances', '--seconds', '10'],
  ['commands', '--sync', 'always', '--rounds', '1'],
  ['queries', '--rounds', '1'],
  ['http', '--sync', 'always', '--rounds', '1'],
  ['rebuild', '--rounds', '1', '--events', '50000'],
  ['lag', '--rounds', '1'],
]

const EXIT_FAILED = 1
const EXIT_USAGE = 2
const EXIT_INTERRUPTED = 130

const say = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

const readOptions = (): Options | undefined => {
  try {
    return parseOptions(process.argv.slice(2), [...Object.keys(BENCHMARKS), ALL])
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    return undefined
  }
}

const runSession = async (
  benchmark: Benchmark,
  options: Options,
  sync_interval: string,
  signal: AbortSignal,
): Promise<Session> => {
  const cleanup = createStack()
  try {
    const session = await benchmark(options, sync_interval, { cleanup, signal, say })
    return { ...session, settings: { replicas: options.replicas, ...session.settings } }
  } finally {
    await cleanup.stop()
  }
}

/** The runs that the options ask for. */
const runsOf = (options: Options): readonly Options[] =>
  options.benchmark === ALL
    ? ALL_RUNS.map(args => ({
        ...parseOptions(args, Object.keys(BENCHMARKS)),
        json: options.json,
        ...(options.chart_file === undefined ? {} : { chart_file: options.chart_file }),
      }))
    : [options]

const run = async (asked: Options, signal: AbortSignal): Promise<void> => {
  const sessions: Session[] = []
  for (const options of runsOf(asked)) {
    const benchmark = BENCHMARKS[options.benchmark]
    if (benchmark === undefined) throw new Error(`there is no benchmark ${options.benchmark}`)
    for (const sync_interval of options.sync_intervals) {
      const session = await runSession(benchmark, options, sync_interval, signal)
      sessions.push(session)
      if (!options.json) process.stdout.write(`\n${formatSession(session)}\n`)
    }
  }
  const machine = { cores: availableParallelism(), node: process.version, platform: process.platform }
  if (asked.json) process.stdout.write(`${JSON.stringify({ machine, sessions }, null, 2)}\n`)
}

const main = async (): Promise<number> => {
  if (process.argv.some(arg => arg === '--help' || arg === '-h')) {
    process.stdout.write(`${USAGE}\n`)
    return 0
  }
  const options = readOptions()
  if (options === undefined) return EXIT_USAGE
  const interrupted = new AbortController()
  // npm passes Ctrl-C on, so it may arrive twice: a second one changes nothing, and the clean-up has its own time limits
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interrupted.abort())
  try {
    await run(options, interrupted.signal)
    return 0
  } catch (error) {
    if (interrupted.signal.aborted) return EXIT_INTERRUPTED
    say(error instanceof Error ? error.message : String(error))
    return EXIT_FAILED
  }
}

process.exitCode = await main()
