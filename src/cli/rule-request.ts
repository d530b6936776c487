/**
 * `jetledger hold|capture|release|limit|restrict`: sends the commands that concern holds, credit limits and restrictions.
 */

import type { Command } from 'commander'
import { ACCOUNT_STATES } from '../ledger/event-body-2.js'
import { type CommandOptions, namesIn, sendCommand, withCommandOptions } from './command-request.js'
import { count } from './options.js'

type HoldOptions = CommandOptions & { readonly expiresIn?: number; readonly expiresAt?: string }
type CaptureOptions = CommandOptions & {
  readonly amount?: string
  readonly keepOpen?: true
  readonly to?: string
}
type ReleaseOptions = CommandOptions & { readonly amount?: string }
type RestrictOptions = CommandOptions & { readonly reason: string; readonly until?: string }

const addHold = (program: Command): void => {
  withCommandOptions(program.command('hold <client_id> <amount>'))
    .description('set an amount aside, for 7 days unless stated; the transaction id is the id of the hold')
    .option('--expires-in <s>', 'for so many seconds, at most 366 days', count)
    .option('--expires-at <time>', 'until this time, such as 2027-01-31T12:00:00Z')
    .action((account: string, amount: string, { expiresIn, expiresAt, ...options }: HoldOptions) =>
      sendCommand(
        'hold',
        { ...namesIn(account), amount, expires_in: expiresIn, expires_at: expiresAt },
        options,
      ),
    )
}

const addCapture = (program: Command): void => {
  withCommandOptions(program.command('capture <client_id> <hold>'))
    .description('take the money of a hold; what is left of it is given back')
    .option('--amount <amount>', 'a part of it; all that remains when absent')
    .option('--keep-open', 'leave the rest on hold, for further captures')
    .option('--to <client_id>', 'pay it to this customer')
    .action((account: string, hold: string, { amount, keepOpen, to, ...options }: CaptureOptions) =>
      sendCommand(
        'capture',
        { ...namesIn(account), hold, amount, to, final: keepOpen === true ? false : undefined },
        options,
      ),
    )
}

const addRelease = (program: Command): void => {
  withCommandOptions(program.command('release <client_id> <hold>'))
    .description('give the money of a hold back')
    .option('--amount <amount>', 'a part of it; all that remains when absent')
    .action((account: string, hold: string, { amount, ...options }: ReleaseOptions) =>
      sendCommand('release', { ...namesIn(account), hold, amount }, options),
    )
}

const addLimit = (program: Command): void => {
  withCommandOptions(program.command('limit <client_id> <limit>'))
    .description('set the credit limit: how far the balance may fall below zero; 0 takes it away')
    .action((account: string, limit: string, options: CommandOptions) =>
      sendCommand('limit', { ...namesIn(account), limit }, options),
    )
}

const addRestrict = (program: Command): void => {
  withCommandOptions(program.command('restrict <client_id> <state>'))
    .description(`set what an account takes: ${ACCOUNT_STATES.join(', ')}`)
    .requiredOption('--reason <text>', 'why; those who are refused are told')
    .option('--until <time>', 'until this time, such as 2027-01-31T12:00:00Z')
    .action((account: string, state: string, { reason, until, ...options }: RestrictOptions) =>
      sendCommand('restrict', { ...namesIn(account), state, reason, until }, options),
    )
}

/** Adds the five subcommands. */
export const ruleCommands = (program: Command): void => {
  addHold(program)
  addCapture(program)
  addRelease(program)
  addLimit(program)
  addRestrict(program)
}
