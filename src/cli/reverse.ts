/**
 * `jetledger reverse`: takes a transaction back, all that is left of it or a part.
 */

import type { Command } from 'commander'
import { print } from '../process/output.js'
import { uuidv7 } from '../uuid.js'
import { TIMEOUT_MS, withTimeout } from './command-request.js'
import { printDryRun, withDryRun } from './dry-run.js'
import { sendWrite } from './write.js'

type Options = {
  readonly amount?: string
  readonly reversalId?: string
  readonly reference?: string
  readonly dryRun?: true
  readonly timeout: number
}

const reverse = async (
  transaction_id: string,
  { amount, reversalId, reference, dryRun, timeout }: Options,
): Promise<void> => {
  const subject = 'customer.reverse'
  // fields that are undefined are left out of the JSON
  const fields = { transaction_id, amount, reference }
  if (dryRun) return printDryRun(subject, { ...fields, reversal_id: reversalId }, timeout)
  const reversal_id = reversalId ?? uuidv7()
  const { replayed, ...reply } = await sendWrite({
    subject,
    body: { ...fields, reversal_id },
    advice: `The same command with --reversal-id ${reversal_id} finds out, and has one effect.`,
    timeout_ms: timeout,
  })
  // with a new id only this call itself can have repeated the reversal, so its caller sees no replay
  const is_replay = replayed === true && reversalId !== undefined
  print(JSON.stringify(is_replay ? { ...reply, replayed } : reply))
}

export const reverseCommand = (program: Command): void => {
  withTimeout(withDryRun(program.command('reverse <transaction_id>')), TIMEOUT_MS)
    .description('take a transaction back: all that is left of it, or a part')
    .option('--amount <amount>', 'a part of it; all that is left when absent')
    .option('--reversal-id <id>', 'the idempotency key for this transaction; made here when absent')
    .option('--reference <text>', 'what it is for')
    .action(reverse)
}
