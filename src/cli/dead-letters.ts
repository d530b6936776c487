/**
 * `jetledger dead-letters list|show|retry|discard`: shows the events that had no effect and the reasons, and settles
 * them.
 */

import type { Command } from 'commander'
import { discardDeadLetter, retryDeadLetter } from '../dead-letters/actions.js'
import { type DeadLetter, findDeadLetter, listDeadLetters } from '../dead-letters/letters.js'
import type { Mark } from '../dead-letters/marks.js'
import { Failure, NO_ANSWER_CODE, orFail } from '../process/failure.js'
import { print, printJson, tell } from '../process/output.js'
import { withNats } from './command.js'
import { count } from './options.js'
import { type RetryFate, retryFate } from './retry-fate.js'
import { printTable } from './table.js'
import { deciderOf, user } from './user.js'

type ListOptions = {
  readonly clientId?: string
  readonly all?: true
  readonly limit: number
  readonly json?: true
}
type RetryOptions = {
  readonly body?: string
  readonly customer?: string
  readonly reason?: string
  readonly by: string
  readonly timeout: number
  readonly json?: true
}
type DiscardOptions = { readonly reason: string; readonly by: string; readonly json?: true }

const stateOf = ({ state }: DeadLetter): string => (state === 'open' ? '' : `[${state}]`)

const JUNK_NAMED_MAX = 10

/** Prints one line about messages in the stream of dead letters that are no letters. */
const tellJunk = (junk: readonly number[]): void => {
  if (junk.length === 0) return
  const seqs = `${junk.slice(0, JUNK_NAMED_MAX).join(', ')}${junk.length > JUNK_NAMED_MAX ? ', ...' : ''}`
  tell(`${junk.length} messages among them are no letters of this ledger and are passed over: ${seqs}`)
}

const list = ({ clientId, all, limit, json }: ListOptions): Promise<void> =>
  withNats(async ({ nc }) => {
    const filter = { settled: all === true, ...(clientId === undefined ? {} : { client_id: clientId }) }
    const junk: number[] = []
    const letters = await orFail(listDeadLetters(nc, { ...filter, limit }, seq => junk.push(seq)))
    tellJunk(junk)
    if (json) return printJson(letters)
    if (letters.length === 0) return print(all ? 'no dead letters' : 'no open dead letters')
    printTable(
      ['SEQ', 'STORED', 'REASON', 'SUBJECT', 'DETAIL', 'STATE'],
      letters.map(letter => {
        const { seq, at, reason, subject, detail } = letter
        return [String(seq), at, reason, subject, detail, stateOf(letter)]
      }),
    )
    if (letters.length === limit) print(`(the first ${limit}; --limit shows more)`)
  })

const printMark = (mark: Mark): void => {
  print(
    `state      ${mark.state} by ${mark.by}, ${mark.at}${mark.reason === undefined ? '' : `: ${mark.reason}`}`,
  )
  if (mark.state === 'retried') print(`became     ${mark.seq}, transaction ${mark.transaction_id}`)
  if (mark.state === 'retrying') print(`becomes    transaction ${mark.transaction_id} on ${mark.subject}`)
}

const printLetter = (letter: DeadLetter): void => {
  print(`event      ${letter.seq} on ${letter.subject}, stored ${letter.at}`)
  print(`reason     ${letter.reason}: ${letter.detail}`)
  if (letter.projection !== undefined)
    print(`refused    by ${letter.table}, of projection ${letter.projection}`)
  for (const [name, value] of Object.entries(letter.headers)) print(`header     ${name}: ${value}`)
  print(`body       ${letter.body}`)
  if (letter.mark !== undefined) printMark(letter.mark)
  else if (letter.state === 'unreadable') print('state      decided by a newer program')
}

const show = (seq: number, { json }: { readonly json?: true }): Promise<void> =>
  withNats(async ({ nc }) => {
    const letter = await orFail(findDeadLetter(nc, seq))
    if (letter === undefined) throw new Failure(`the event at sequence ${seq} is no dead letter`)
    if (json) printJson(letter)
    else printLetter(letter)
  })

/** Says what became of the retried event. Throws `Failure` unless it counts. */
const conclude = (fate: RetryFate, json: boolean): void => {
  const say = (line: string): void => {
    if (!json) print(line)
  }
  switch (fate.tag) {
    case 'counts':
      say('it counts')
      return
    case 'dead letter':
      throw new Failure(`it is a dead letter again: ${fate.reason}, ${fate.detail}`)
    case 'parked':
      say(`it waits, because the customer ${fate.client_id} is parked ("jetledger parked list")`)
      return
    case 'unknown':
      throw new Failure(
        'no projection has handled it in time: "jetledger dead-letters list" shows later whether it is a dead letter again',
        { exit_code: NO_ANSWER_CODE },
      )
  }
}

const retry = (seq: number, { body, customer, reason, by, timeout, json }: RetryOptions): Promise<void> =>
  withNats(async connected => {
    const { nc } = connected
    const actor = { ...(await deciderOf(nc, by)), reason }
    const retried = await orFail(retryDeadLetter(nc, seq, { body, client_id: customer }, actor))
    if (!json) print(`stored at sequence ${retried.seq} as transaction ${retried.transaction_id}`)
    const fate = await retryFate(connected, retried.seq, timeout)
    if (json) printJson({ ...retried, retry_of: seq, became: fate })
    conclude(fate, json === true)
  })

const discard = (seq: number, { reason, by, json }: DiscardOptions): Promise<void> =>
  withNats(async ({ nc }) => {
    const decider = await deciderOf(nc, by)
    await orFail(discardDeadLetter(nc, seq, { ...decider, reason }))
    if (json) printJson({ seq, state: 'discarded', by: decider.by, reason })
    else print(`the letter of event ${seq} is marked as discarded; "list --all" still shows it`)
  })

const RETRY_TIMEOUT_MS = 10_000

const RETRY_HELP = `
The event is published anew under a new transaction id; reference, metadata and headers are kept. If the fold refuses it
again, that is a new dead letter, and the exit code is 1. Started twice or killed in between, a retry has one effect: run it again.`

export const deadLettersCommand = (program: Command): void => {
  const letters = program.command('dead-letters').description('events that had no effect, and why')
  letters
    .command('list')
    .description('list those that nobody has settled, oldest first')
    .option('--client-id <id>', 'only those of one customer (_ = of no valid one)')
    .option('--all', 'also those that were retried or discarded')
    .option('--limit <n>', 'how many at the most', count, 100)
    .option('--json', 'print them as JSON')
    .action(list)
  letters
    .command('show')
    .argument('<seq>', "the event's stream sequence", count)
    .description('show one whole, by the sequence of its event')
    .option('--json', 'print it as JSON')
    .action(show)
  letters
    .command('retry')
    .argument('<seq>', "the event's stream sequence", count)
    .description('publish the event anew, and mark the letter')
    .option('--body <json>', 'the corrected event')
    .option('--customer <id>', "whose event it is, where the letter's is wrong")
    .option('--reason <text>', 'why')
    .option('--by <who>', 'who decides', user())
    .option('--timeout <ms>', 'how long to wait for what becomes of it', count, RETRY_TIMEOUT_MS)
    .option('--json', 'print the new transaction id and sequence as JSON')
    .addHelpText('after', RETRY_HELP)
    .action(retry)
  letters
    .command('discard')
    .argument('<seq>', "the event's stream sequence", count)
    .description('mark the letter as dealt with; nothing is deleted')
    .requiredOption('--reason <text>', 'why')
    .option('--by <who>', 'who decides', user())
    .option('--json', 'print the mark as JSON')
    .action(discard)
}
