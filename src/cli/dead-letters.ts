/**
 * `jetledger dead-letters list|show`: the events that had no effect, and why.
 */

import type { Command } from 'commander'
import { type DeadLetter, findDeadLetter, listDeadLetters } from '../stream/dead-letters.js'
import { withNats } from './command.js'
import { Failure, orFail } from './failure.js'
import { count } from './options.js'
import { print, printJson } from './output.js'

type ListOptions = { readonly clientId?: string; readonly limit: number; readonly json?: true }

const list = ({ clientId, limit, json }: ListOptions): Promise<void> =>
  withNats(async ({ nc }) => {
    const filter = clientId === undefined ? {} : { client_id: clientId }
    const letters = await orFail(listDeadLetters(nc, { ...filter, limit }))
    if (json) return printJson(letters)
    if (letters.length === 0) return print('no dead letters')
    for (const { seq, at, reason, subject, detail } of letters) {
      print(`${seq}  ${at}  ${reason}  ${subject}  ${detail}`)
    }
    if (letters.length === limit) print(`(the first ${limit}; --limit shows more)`)
  })

const printLetter = (letter: DeadLetter): void => {
  print(`event      ${letter.seq} on ${letter.subject}, stored ${letter.at}`)
  print(`reason     ${letter.reason}: ${letter.detail}`)
  for (const [name, value] of Object.entries(letter.headers)) print(`header     ${name}: ${value}`)
  print(`body       ${letter.body}`)
}

const show = (seq: number, { json }: { readonly json?: true }): Promise<void> =>
  withNats(async ({ nc }) => {
    const letter = await orFail(findDeadLetter(nc, seq))
    if (letter === undefined) throw new Failure(`the event at sequence ${seq} is no dead letter`)
    if (json) printJson(letter)
    else printLetter(letter)
  })

export const deadLettersCommand = (program: Command): void => {
  const letters = program.command('dead-letters').description('events that had no effect, and why')
  letters
    .command('list')
    .description('list them, oldest first')
    .option('--client-id <id>', 'only those of one customer (_ = of no valid one)')
    .option('--limit <n>', 'how many at the most', count, 100)
    .option('--json', 'print them as JSON')
    .action(list)
  letters
    .command('show')
    .argument('<seq>', "the event's stream sequence", count)
    .description('show one whole, by the sequence of its event')
    .option('--json', 'print it as JSON')
    .action(show)
}
