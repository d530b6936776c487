/**
 * `jetledger parked list|skip`: lists customers that wait at an event of an unknown schema, and decides to skip such an
 * event.
 */

import type { Command } from 'commander'
import { skipParked } from '../dead-letters/skip-parked.js'
import { accountIdOf } from '../ledger/account-id.js'
import { SKIP_BY_CHARS_MAX, SKIP_REASON_CHARS_MAX } from '../ledger/skip.js'
import { listWaiting } from '../operations/parked.js'
import { Failure, orFail } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { openBucket } from '../stream/provision.js'
import { withNats } from './command.js'
import { count } from './options.js'
import { printTable } from './table.js'
import { deciderOf, user } from './user.js'

type SkipOptions = { readonly reason: string; readonly by: string; readonly json?: true }

const list = ({ json }: { readonly json?: true }): Promise<void> =>
  withNats(async ({ nc }) => {
    const kv = await orFail(openBucket(nc))
    const waiting = await listWaiting({ nc, kv })
    if (json) return printJson(waiting)
    if (waiting.length === 0) return print('no parked customers')
    printTable(
      ['SEQ', 'CUSTOMER', 'SCHEMA', 'PROJECTIONS', 'STATE'],
      waiting.map(({ client_id, asset, seq, schema, decided, projections }) => [
        String(seq),
        accountIdOf(client_id, asset),
        `schema ${schema}`,
        projections.join(', '),
        decided ? '[decided: it is being folded again]' : '',
      ]),
    )
  })

const skip = (seq: number, { reason, by, json }: SkipOptions): Promise<void> =>
  withNats(async ({ nc }) => {
    if (reason.length === 0 || reason.length > SKIP_REASON_CHARS_MAX)
      throw new Failure(`--reason must be a text of 1 to ${SKIP_REASON_CHARS_MAX} characters`, {
        exit_code: 2,
      })
    if (by.length === 0 || by.length > SKIP_BY_CHARS_MAX)
      throw new Failure(`--by must be a text of 1 to ${SKIP_BY_CHARS_MAX} characters`, { exit_code: 2 })
    const decider = await deciderOf(nc, by)
    const decided = await orFail(skipParked(nc, { seq, reason, by: decider.by }, decider.caller))
    const { client_id, decision_seq, is_repeated } = decided
    if (json) printJson(decided)
    else if (is_repeated)
      print(
        `it was decided before, at sequence ${decision_seq}: the customer ${client_id} goes on without event ${seq}`,
      )
    else print(`stored at sequence ${decision_seq}: the customer ${client_id} goes on without event ${seq}`)
  })

const SKIP_HELP = `
The event at <seq> alone is passed over and becomes a dead letter SKIPPED; the events that came after it count as if it had
never been there. The decision is an event on the customer's own subject, and cannot be taken back: where a program that
knows the event is to come, wait for it instead. A customer with several such events needs a decision for each.`

export const parkedCommand = (program: Command): void => {
  const parked = program
    .command('parked')
    .description('customers that wait at an event which no program knows')
  parked
    .command('list')
    .description('list them, with the event that each waits at')
    .option('--json', 'print them as JSON')
    .action(list)
  parked
    .command('skip')
    .argument('<seq>', "the event's stream sequence", count)
    .description('decide that the customer goes on without the event')
    .requiredOption('--reason <text>', 'why')
    .option(
      '--by <who>',
      'a note on who decides; the user of the connection is recorded where it is known',
      user(),
    )
    .option('--json', 'print the decision as JSON')
    .addHelpText('after', SKIP_HELP)
    .action(skip)
}
