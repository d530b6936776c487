/**
 * `jetledger seed`: emits the opening credits of 1,000 synthetic customers, only once in the life of a ledger.
 */

import type { Command } from 'commander'
import { seed } from '../commands/seed.js'
import { orFail } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { stopRequested } from '../process/signals.js'
import { openChecked } from './checked-ledger.js'
import { tablesOf, withNats } from './command.js'

const seedLedger = ({ json }: { readonly json?: true }): Promise<void> =>
  withNats(async connected => {
    const { nc, config } = connected
    const { jsm, kv } = await openChecked(connected, tablesOf(connected))
    const { events } = await orFail(
      seed({ nc, jsm, kv, texts: config.JETLEDGER_TEXTS }, stopRequested().signal),
    )
    if (json) printJson({ events })
    else print(events === 0 ? 'the ledger is seeded already' : `seeded ${events} customers`)
  })

export const seedCommand = (program: Command): void => {
  program
    .command('seed')
    .description('emit the opening credits of 1,000 synthetic customers, unless they were emitted before')
    .option('--json', 'print the number of events as JSON')
    .action(seedLedger)
}
