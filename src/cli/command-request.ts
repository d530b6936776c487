/**
 * `jetledger credit|debit|transfer|batch`: sends commands to the service.
 */

import type { Command } from 'commander'
import { E, t } from '../fp.js'
import type { Fields } from '../gateway/route.js'
import { readStrictJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import type { Command as LedgerCommand } from '../ledger/command.js'
import { Failure } from '../process/failure.js'
import { print } from '../process/output.js'
import { readTextFile, STANDARD_INPUT } from '../process/text-file.js'
import { uuidv7 } from '../uuid.js'
import { withTransactionIds } from './batch-ids.js'
import { printDryRun, withDryRun } from './dry-run.js'
import { count } from './options.js'
import { sendWrite } from './write.js'

/** The options of every command. */
export type CommandOptions = {
  readonly transactionId?: string
  readonly reference?: string
  readonly dryRun?: true
  readonly timeout: number
}

/** How long a command is sent again while its outcome is not known, unless stated. */
export const TIMEOUT_MS = 5_000

/**
 * Sends one command until its outcome is known, and prints the reply; for a dry run, asks what it would do. Fields are sent as
 * they were typed: the service checks them. JSON leaves out those that are undefined.
 */
export const sendCommand = async (
  type: LedgerCommand['type'],
  fields: Readonly<Record<string, string | number | boolean | undefined>>,
  { transactionId, reference, dryRun, timeout }: CommandOptions,
): Promise<void> => {
  const subject = `customer.${type}`
  if (dryRun) return printDryRun(subject, { ...fields, transaction_id: transactionId, reference }, timeout)
  const transaction_id = transactionId ?? uuidv7()
  const { replayed, ...reply } = await sendWrite({
    subject,
    body: { ...fields, transaction_id, reference },
    transaction_id,
    advice: `The same command with --transaction-id ${transaction_id} finds out, and has one effect.`,
    timeout_ms: timeout,
  })
  // with a new id only this call itself can have repeated the command, so its caller sees no replay
  const isReplay = replayed === true && transactionId !== undefined
  print(JSON.stringify(isReplay ? { ...reply, replayed } : reply))
}

/** Adds the options of every write. */
export const withTimeout = (command: Command, timeout_ms: number): Command =>
  command
    .option('--timeout <ms>', 'how long to send it again while its outcome is not known', count, timeout_ms)
    // scripts say it to every subcommand
    .option('--json', 'the answer is JSON always: this changes nothing')

/** Adds the options of every command. */
export const withCommandOptions = (command: Command): Command =>
  withTimeout(
    withDryRun(command)
      .option(
        '--transaction-id <id>',
        'the idempotency key: the same one has one effect and one answer; made here when absent',
      )
      .option('--reference <text>', 'what it is for'),
    TIMEOUT_MS,
  )

/**
 * The fields that name an account as it is written on a command line: `678`, or `678/EUR`. The service says what is wrong
 * with a name.
 */
export const namesIn = (text: string): { readonly client_id: string; readonly asset?: string } => {
  const at = text.indexOf('/')
  return at < 0 ? { client_id: text } : { client_id: text.slice(0, at), asset: text.slice(at + 1) }
}

/** The fields of a transfer. Throws `Failure` when the accounts are of two assets: an exchange is two transfers. */
const transferFields = (giver: string, taker: string) => {
  const [from, to] = [namesIn(giver), namesIn(taker)]
  if (from.asset !== to.asset)
    throw new Failure('a transfer is within one asset; docs/assets.md shows an exchange', { exit_code: 2 })
  return {
    from: from.client_id,
    to: to.client_id,
    ...(from.asset === undefined ? {} : { asset: from.asset }),
  }
}

const BATCH_TIMEOUT_MS = 30_000

const List = t.array(t.unknown)

/** Reads a JSON list of commands. The service checks the commands themselves. Throws `Failure` for another content. */
const readCommands = (file: string): readonly unknown[] => {
  const text = readTextFile(file, file === '-' ? STANDARD_INPUT : file)
  // strictly, because the list is serialised anew before it is sent: a rounded number would be another amount
  const list = readStrictJson(text)
  if (E.isLeft(list)) {
    const { tag, message } = list.left
    throw new Failure(`${file}${tag === 'NotJson' ? ' is not JSON' : ''}: ${message}`, { exit_code: 2 })
  }
  if (!List.is(list.right)) throw new Failure(`${file} must hold a JSON list of commands`, { exit_code: 2 })
  return list.right
}

const Results = fieldsOf({ results: t.array(fieldsOf({}, { error: t.unknown })) })

type BatchOptions = {
  readonly all?: true
  readonly dryRun?: true
  readonly again?: string
  readonly timeout: number
}

const sendBatch = async (file: string, { all, again, dryRun, timeout }: BatchOptions): Promise<void> => {
  const commands = withTransactionIds(readCommands(file), again)
  const [subject, body] = ['customer.batch', { mode: all === true ? 'all' : 'each', commands }]
  if (dryRun) return printDryRun(subject, body, timeout)
  const reply: Fields = await sendWrite({
    subject,
    body,
    advice: 'The same file again finds out, and every command in it has one effect.',
    timeout_ms: timeout,
  })
  print(JSON.stringify(reply))
  const decoded = Results.decode(reply)
  if (E.isLeft(decoded)) throw new Failure('the answer holds no results')
  const { results } = decoded.right
  const failed = results.filter(({ error }) => error !== undefined).length
  if (failed > 0) throw new Failure(`${failed} of ${results.length} commands were not carried out`)
}

/** Adds the four subcommands that send commands. */
export const movementCommands = (program: Command): void => {
  for (const type of ['credit', 'debit'] as const) {
    withCommandOptions(program.command(`${type} <client_id> <amount>`))
      .description(
        type === 'credit' ? 'add an amount to a balance' : 'take an amount from a balance, if it covers it',
      )
      .action((account: string, amount: string, options: CommandOptions) =>
        sendCommand(type, { ...namesIn(account), amount }, options),
      )
  }
  withCommandOptions(program.command('transfer <from> <to> <amount>'))
    .description("move an amount from one customer's balance to another's, whole or not at all")
    .action((from: string, to: string, amount: string, options: CommandOptions) =>
      sendCommand('transfer', { ...transferFields(from, to), amount }, options),
    )
  withTimeout(withDryRun(program.command('batch <file>')), BATCH_TIMEOUT_MS)
    .description('send a JSON list of up to 1,000 commands ("-": from standard input), each by itself')
    .option('--all', 'all of them in one atomic batch, or none')
    .option('--again <name>', 'carry the same list out once more: once for every name')
    .action(sendBatch)
}
