/**
 * `jetledger replay`: rebuilds the balances table from the stream.
 */

import type { Command } from 'commander'
import { createHealth } from '../health.js'
import { replayBalances } from '../projections/replay.js'
import { manager, provision } from '../stream/provision.js'
import { createTablesClient } from '../tables/client.js'
import { withNats } from './command.js'
import { settingsOf } from './config.js'
import { orFail } from './failure.js'
import { createLog, logHealth } from './log.js'
import { print, printJson } from './output.js'
import { startProgress } from './progress.js'

const replay = ({ json }: { readonly json?: true }): Promise<void> =>
  withNats(async ({ nc, config, aws }) => {
    const log = createLog(config.LOG_LEVEL)
    const tables = createTablesClient({
      endpoint: config.AWS_ENDPOINT_URL_DYNAMODB,
      region: aws?.region ?? config.AWS_REGION,
      credentials: aws?.credentials,
    })
    const kv = await orFail(provision(nc, settingsOf(config)))
    const jsm = await orFail(manager(nc))
    const deps = { nc, jsm, kv, tables, table: config.DDB_TABLE, log, health: createHealth(logHealth(log)) }
    const bars = {
      folding: startProgress('folding', 'events'),
      writing: startProgress('comparing', 'customers'),
    }
    const result = await replayBalances(deps, (stage, done, total) => {
      bars[stage].update(done, total)
      if (done === total) bars[stage].end()
    })
    if (json) return printJson(result)
    const { events, customers, written, removed } = result
    print(`replayed ${events} events of ${customers} customers: ${written} items written, ${removed} removed`)
  })

export const replayCommand = (program: Command): void => {
  program
    .command('replay')
    .description('rebuild the balances table from the first event; a service may be running meanwhile')
    .option('--json', 'print what was done as JSON')
    .action(replay)
}
