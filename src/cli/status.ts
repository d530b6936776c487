/**
 * `jetledger status`: shows the state of the ledger, as the servers and the instances report it; once, again and again, or as
 * an exit code.
 */

import type { Command } from 'commander'
import { rest } from '../back-off.js'
import { Failure } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { stopRequested } from '../process/signals.js'
import { type Connected, withNats } from './command.js'
import { count } from './options.js'
import { problemsOf, unserved } from './status/check.js'
import { printStatus } from './status/print.js'
import { type LedgerStatus, readStatus } from './status/read.js'

type Options = {
  readonly watch?: true | number
  readonly check?: true
  readonly lagMax: number
  readonly deadLettersMax?: number
  readonly json?: true
}

const WATCH_EVERY_S = 2
const LAG_MAX_S = 30
/** Moves to the beginning of the terminal's screen and clears it. */
const CLEAR = '\u001b[H\u001b[2J'

const show = (status: LedgerStatus, json: boolean): void => {
  if (json) printJson(status)
  else printStatus(status)
}

/** Shows the state again and again until a signal; a person sees one screen that changes, a pipe gets one after the other. */
const watch = async (connected: Connected, every_s: number, json: boolean): Promise<void> => {
  const { signal } = stopRequested()
  while (!signal.aborted) {
    const status = await readStatus(connected)
    if (process.stdout.isTTY && !json) process.stdout.write(CLEAR)
    if (!json) print(`${new Date().toISOString()}, every ${every_s} s; Ctrl-C ends it`)
    show(status, json)
    await rest(every_s * 1_000, signal)
  }
}

const check = (status: LedgerStatus, { lagMax, deadLettersMax, json }: Options): void => {
  const limits = { lag_ms_max: lagMax * 1_000, dead_letters_max: deadLettersMax }
  const problems = problemsOf(status, limits, Date.now())
  if (json) printJson({ ok: problems.length === 0, problems })
  else if (problems.length === 0) print('ok')
  else for (const problem of problems) print(problem)
  if (problems.length > 0) throw new Failure(`${problems.length} things are not as they should be`)
}

const run = (options: Options): Promise<void> =>
  withNats(async connected => {
    const { json } = options
    if (options.watch !== undefined)
      return watch(connected, options.watch === true ? WATCH_EVERY_S : options.watch, json === true)
    const status = await readStatus(connected)
    if (options.check) return check(status, options)
    show(status, json === true)
    const problem = unserved(status)
    if (problem !== undefined) throw new Failure(problem)
  })

const HELP = `
Exit codes: 0, or 1 when nobody serves. With --check also 1 when parts do not belong together, a projection is behind, was
never run or is silent, a replica is not current, customers are parked, or a warning is shown; one line for each.`

export const statusCommand = (program: Command): void => {
  program
    .command('status')
    .description(
      'show stream, projections and their lag, replays, dead letters, parked customers and instances',
    )
    .option(
      '--watch [seconds]',
      `show it again and again, every ${WATCH_EVERY_S} s if nothing is said`,
      count,
    )
    .option('--check', 'print only what is not as it should be, and end with 1 where something is')
    .option('--lag-max <s>', 'with --check: so long a projection may be behind', count, LAG_MAX_S)
    .option('--dead-letters-max <n>', 'with --check: so many dead letters may be open', count)
    .option('--json', 'print it as JSON')
    .addHelpText('after', HELP)
    .action(run)
}
