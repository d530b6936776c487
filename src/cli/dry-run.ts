/**
 * The option `--dry-run` of writes: asks what a write would do, and prints the answer.
 */

import type { Command } from 'commander'
import { t } from '../fp.js'
import type { Fields } from '../gateway/route.js'
import { fieldsOf } from '../ledger/codec.js'
import { print } from '../process/output.js'
import { withNats } from './command.js'
import { readLedger } from './read-ledger.js'

/** An answer that does not say so is not that of a dry run. */
const DryRun = fieldsOf({ dry_run: t.literal(true) })

export const withDryRun = (command: Command): Command =>
  command.option('--dry-run', 'say what it would do, and store nothing')

/** Asks what a write would do, and prints it. It stores nothing, so it is a question: nothing is unknown after it. */
export const printDryRun = (subject: string, body: Fields, timeout_ms: number): Promise<void> =>
  withNats(async connected => {
    const fields = { ...body, dry_run: true }
    const { body: reply } = await readLedger(connected, { subject, fields, codec: DryRun, timeout_ms })
    print(JSON.stringify(reply))
  })
