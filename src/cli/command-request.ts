/**
 * `jetledger credit|debit|transfer|batch`: commands, as thin clients of the command side.
 */

import type { Command } from 'commander'
import { E, pipe, t } from '../fp.js'
import { readJson, readStrictJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { Failure } from './failure.js'
import { sendRequest } from './request.js'
import { readTextFile, STANDARD_INPUT } from './text-file.js'

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

const BATCH_TIMEOUT_MS = 30_000

const List = t.array(t.unknown)

/** A JSON list of commands; what they have to look like the service knows. */
const readCommands = (file: string): readonly unknown[] => {
  const text = readTextFile(file, file === '-' ? STANDARD_INPUT : file)
  // strictly, because what is sent is written anew: a number that was rounded here would be another amount
  const list = readStrictJson(text)
  if (E.isLeft(list)) {
    const { tag, message } = list.left
    throw new Failure(`${file}${tag === 'NotJson' ? ' is not JSON' : ''}: ${message}`, { exit_code: 2 })
  }
  if (!List.is(list.right)) throw new Failure(`${file} must hold a JSON list of commands`, { exit_code: 2 })
  return list.right
}

const Results = fieldsOf({ results: t.array(fieldsOf({}, { error: t.unknown })) })

const sendBatch = async (file: string, { all }: { readonly all?: true }): Promise<void> => {
  const mode = all === true ? 'all' : 'each'
  const request = JSON.stringify({ mode, commands: readCommands(file) })
  const reply = pipe(
    readJson(await sendRequest('customer.batch', request, { timeout: BATCH_TIMEOUT_MS })),
    E.chainW(Results.decode),
  )
  if (E.isLeft(reply)) throw new Failure('the answer holds no results')
  const { results } = reply.right
  const failed = results.filter(({ error }) => error !== undefined).length
  if (failed > 0) throw new Failure(`${failed} of ${results.length} commands were not carried out`)
}

/** Adds the four subcommands. */
export const commandCommands = (program: Command): void => {
  for (const type of ['credit', 'debit'] as const) {
    withOptions(program.command(`${type} <client_id> <amount>`))
      .description(
        type === 'credit' ? 'add an amount to a balance' : 'take an amount from a balance, if it covers it',
      )
      .action(async (client_id: string, amount: string, options: Options) => {
        await sendRequest(`customer.${type}`, body({ client_id, amount }, options), {})
      })
  }
  withOptions(program.command('transfer <from> <to> <amount>'))
    .description("move an amount from one customer's balance to another's, whole or not at all")
    .action(async (from: string, to: string, amount: string, options: Options) => {
      await sendRequest('customer.transfer', body({ from, to, amount }, options), {})
    })
  program
    .command('batch <file>')
    .description('send a JSON list of up to 1,000 commands ("-": from standard input), each by itself')
    .option('--all', 'all of them in one atomic batch, or none')
    .action(sendBatch)
}
