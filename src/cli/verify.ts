/**
 * `jetledger verify`: compares the table with a fold of the whole stream that shares no code with the service.
 */

import type { Command } from 'commander'
import { Failure, NO_ANSWER_CODE, orFail } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { stopRequested } from '../process/signals.js'
import { manager } from '../stream/provision.js'
import type { OnProgress, Stage } from '../verify/deps.js'
import type { Difference } from '../verify/difference.js'
import { CannotVerify } from '../verify/problem.js'
import { type Report, verify } from '../verify/verify.js'
import { refuseAnother } from './checked-ledger.js'
import { tablesOf, withNats } from './command.js'
import { accountId, count, publicKeys } from './options.js'
import { type ProgressBar, startProgressBar } from './progress-bar.js'
import { verifyChain } from './verify-chain.js'

type Options = {
  readonly fromGeneration?: number
  readonly customer?: string
  readonly totals: boolean
  readonly tablesOnly?: true
  readonly timeout: number
  readonly limit: number
  readonly json?: true
  readonly chain?: true
  readonly heads?: string
  readonly key: readonly string[]
  readonly line?: number
}

const TIMEOUT_MS = 60_000
const SHOWN_MAX = 1_000

const HELP = `
It takes the stream's last sequence, waits until the projection has handled it, folds every event up to it anew, and
compares: every customer's balance ("balances"), every row of an event ("journal"), every sum ("totals"), every "after"
that an event claims, both sides of every transfer, and every transaction id of the checkpoint from which "commands"
starts. A service may go on meanwhile: what it has written since is compared at the event at which it was written. Sums
that never stand still and are never seen equal are "not compared".

What is found in the stream itself (a wrong "after", half a transfer, a part of a batch) can be healed by nobody; --tables-only lists it
and leaves it out of the exit code.

--chain names every event that was changed, removed, put in, moved, or stored anew since it was signed
(docs/tamper-evidence.md).

Exit codes: 0 all agree, 1 there are differences, 2 it could not be checked, in whole or in part,
3 the ledger could not be reached.`

const UNITS: Readonly<Record<Stage, string>> = { waiting: 'events', folding: 'events', comparing: 'items' }

const bars = (): { onProgress: OnProgress; end: () => void } => {
  const started = new Map<Stage, ProgressBar>()
  let current: Stage | undefined
  return {
    onProgress: (stage, done, total) => {
      // while the sums are compared, the fold goes on in small steps that need no bar
      if (stage === 'folding' && started.has('comparing')) return
      if (current !== undefined && current !== stage) started.get(current)?.end()
      current = stage
      const bar = started.get(stage) ?? startProgressBar(stage, UNITS[stage])
      started.set(stage, bar)
      bar.update(done, total)
    },
    end: () => {
      for (const bar of started.values()) bar.end()
    },
  }
}

const lineOf = ({ where, kind, id, seq, field, is, should_be, detail }: Difference): string => {
  const what = [
    ...(field === undefined ? [kind] : [`${field}:`]),
    ...(is === undefined
      ? should_be === undefined
        ? []
        : ['is missing,']
      : [`is ${is}${should_be ? ',' : ''}`]),
    ...(should_be === undefined
      ? field && detail === undefined
        ? ['and should not be there']
        : []
      : [`should be ${should_be}`]),
    ...(detail === undefined ? [] : [`(${detail})`]),
  ].join(' ')
  return `${where}  ${id}${seq === undefined ? '' : `  seq ${seq}`}  ${what}`
}

const knownIdsLine = ({ known_ids }: Report): string => {
  if (known_ids === undefined) return 'skipped: there is no checkpoint that can be read'
  const { compared, not_believed, differences } = known_ids
  const verdict = differences === 0 ? 'agree' : `have ${differences} differences`
  return `${compared} chunks ${verdict}${not_believed === 0 ? '' : `; ${not_believed} are not of this ledger, and not used`}`
}

const doubtLine = (reason: string): string =>
  `the table says that its sums may be wrong, and nobody is answered with them until "jetledger replay" has made it anew: ${reason}`

const printReport = (report: Report): void => {
  const { sums_compared, seq, customers, parked, rejected, transfers, table, not_compared } = report
  for (const difference of report.differences) print(lineOf(difference))
  const kept = report.differences.length
  if (kept < report.differences_count) print(`(the first ${kept}; --limit shows more)`)
  print(
    `stream     ${seq} events of ${customers} customers (${parked} parked), ${rejected} rejected, ${transfers} transfers`,
  )
  const verdict = table.differences === 0 ? 'agrees' : `${table.differences} differences`
  print(`ledger     ${table.name}: ${verdict}${sums_compared ? '' : ' (without the sums)'}`)
  if (report.sums_doubt !== undefined) print(doubtLine(report.sums_doubt))
  print(`known-ids  ${knownIdsLine(report)}`)
  for (const reason of not_compared) print(`not compared: ${reason}`)
  const only = report.journal === 'savepoints' ? ', which has savepoints only' : ''
  print(
    `compared ${report.heads_compared} balances of customers and ${report.rows_compared} rows of the journal${only}`,
  )
}

const conclude = (report: Report, tables_only: boolean): void => {
  const { differences_count, differences_stream, not_compared } = report
  const counted = differences_count - (tables_only ? differences_stream : 0)
  if (counted > 0) throw new Failure(`${counted} differences`)
  if (not_compared.length > 0) throw new Failure('not everything could be compared', { exit_code: 2 })
}

const compare = (options: Options): Promise<Report> =>
  withNats(async connected => {
    const { nc, config } = connected
    const tables = tablesOf(connected)
    const { onProgress, end } = bars()
    try {
      const jsm = await orFail(manager(nc))
      await refuseAnother(connected, jsm, tables, { exit_code: 2, has_batches_checked: true })
      return await verify(
        { nc, jsm, tables, base_table: config.DDB_TABLE },
        {
          generation: options.fromGeneration,
          client_id: options.customer,
          totals: options.totals,
          timeout_ms: options.timeout,
          differences_max: options.limit,
        },
        onProgress,
        stopRequested().signal,
      )
    } finally {
      end()
      tables.destroy()
    }
  })

/**
 * Exit code 1 means that there are differences, so everything that prevents the comparison gets exit code 2, or 3 where the
 * ledger could not be reached.
 */
const asUnverified = (thrown: unknown): Failure => {
  const is_expected = thrown instanceof CannotVerify || thrown instanceof Failure
  const reason = is_expected ? thrown.message : `a fault of this program: ${thrown}`
  const is_away = thrown instanceof Failure && thrown.exit_code === NO_ANSWER_CODE
  return new Failure(`it could not be verified: ${reason}`, {
    cause: thrown,
    exit_code: is_away ? NO_ANSWER_CODE : 2,
  })
}

const run = async (options: Options): Promise<void> => {
  if (options.chain) {
    await verifyChain(options)
    return
  }
  const { heads, key, line } = options
  if (heads !== undefined || key.length > 0 || line !== undefined)
    throw new Failure('--heads, --key and --line belong to --chain', { exit_code: 2 })
  const report = await compare(options).catch((thrown: unknown) => {
    throw asUnverified(thrown)
  })
  if (options.json) printJson(report)
  else printReport(report)
  conclude(report, options.tablesOnly === true)
}

export const verifyCommand = (program: Command): void => {
  program
    .command('verify')
    .description('compare the table with a fold of the whole stream that shares no code with the service')
    .option('--from-generation <n>', "compare this generation's table instead of the active one", count)
    .option(
      '--customer <id>',
      'compare only the balance and rows of this customer (the stream is read whole)',
      accountId,
    )
    .option('--no-totals', 'leave out the sums')
    .option('--tables-only', 'list what is found in the stream itself, but exit with 0 if the table agrees')
    .option('--timeout <ms>', 'how long to wait for the projection', count, TIMEOUT_MS)
    .option('--limit <n>', 'how many differences to list', count, SHOWN_MAX)
    .option('--chain', 'compare the stream with its signed heads instead, and read no table')
    .option('--heads <file>', 'with --chain: also the heads that "jetledger heads export" had printed')
    .option('--key <nkey>', 'with --chain: the public key that signs heads; may be repeated', publicKeys, [])
    .option('--line <n>', 'with --chain: only this line of heads', count)
    .option('--json', 'print the report as JSON')
    .addHelpText('after', HELP)
    .action(run)
}
