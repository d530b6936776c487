/**
 * `jetledger credit|debit|transfer`: one command, as a thin client of the command side.
 */

import type { Command } from 'commander'
import { sendRequest } from './request.js'

type Options = { readonly transactionId?: string; readonly reference?: string }

/** An amount as it was typed: the service decides whether it is one, and accepts decimal strings of any size. */
const body = (fields: Record<string, string>, { transactionId, reference }: Options): string =>
  JSON.stringify({
    ...fields,
    ...(transactionId === undefined ? {} : { transaction_id: transactionId }),
    ...(reference === undefined ? {} : { reference }),
  })

const withOptions = (command: Command): Command =>
  command
    .option('--transaction-id <id>', 'the idempotency key: the same one has one effect and one answer')
    .option('--reference <text>', 'what it is for')

/** Adds the three subcommands. */
export const commandCommands = (program: Command): void => {
  for (const type of ['credit', 'debit'] as const) {
    withOptions(program.command(`${type} <client_id> <amount>`))
      .description(
        type === 'credit' ? 'add an amount to a balance' : 'take an amount from a balance, if it covers it',
      )
      .action((client_id: string, amount: string, options: Options) =>
        sendRequest(`customer.${type}`, body({ client_id, amount }, options), {}),
      )
  }
  withOptions(program.command('transfer <from> <to> <amount>'))
    .description("move an amount from one customer's balance to another's, whole or not at all")
    .action((from: string, to: string, amount: string, options: Options) =>
      sendRequest('customer.transfer', body({ from, to, amount }, options), {}),
    )
}
