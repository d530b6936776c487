/**
 * `jetledger explain`: shows why a transaction had the effect that it had.
 */

import type { Command } from 'commander'
import { t } from '../fp.js'
import { Balance } from '../ledger/amount.js'
import { fieldsOf } from '../ledger/codec.js'
import { Failure } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { withNats } from './command.js'
import { count } from './options.js'
import { READ_MS, readLedger } from './read-ledger.js'

type Options = { readonly seq?: number; readonly timeout: number; readonly json?: true }

const State = fieldsOf(
  { balance: Balance, available: Balance, held: Balance, state: t.string, version: t.number },
  { reason: t.string },
)
type State = t.TypeOf<typeof State>

const Explained = fieldsOf(
  { seq: t.number, at: t.string, outcome: t.string, rule: t.string },
  {
    client_id: t.string,
    asset: t.string,
    code: t.string,
    event: fieldsOf({ type: t.string }, { amount: Balance }),
    counted: fieldsOf(
      {},
      { amount: Balance, available: Balance, hold: fieldsOf({ hold: t.string, remaining: Balance }) },
    ),
    before: State,
    after: State,
  },
)
type Explained = t.TypeOf<typeof Explained>

const Answer = fieldsOf({ events: t.array(Explained) })

const stateText = ({ balance, available, held, state, reason, version }: State): string => {
  const why = reason === undefined ? '' : ` (${reason})`
  return `balance ${balance}, available ${available}, held ${held}, ${state}${why}, version ${version}`
}

const countedText = ({ amount, available, hold }: NonNullable<Explained['counted']>): string =>
  [
    ...(amount === undefined ? [] : [`amount ${amount}`]),
    ...(available === undefined ? [] : [`available ${available}`]),
    ...(hold === undefined ? [] : [`hold ${hold.hold} with ${hold.remaining}`]),
  ].join(', ')

const show = ({
  seq,
  at,
  client_id = '',
  asset,
  outcome,
  code,
  rule,
  event,
  counted,
  before,
  after,
}: Explained): void => {
  const what = event === undefined ? '' : `${event.type} ${event.amount ?? ''}`.trimEnd()
  print(`${seq}  ${at}  ${asset === undefined ? client_id : `${client_id}/${asset}`}  ${what}`.trimEnd())
  print(`  outcome  ${outcome}${code === undefined ? '' : `, ${code}`}`)
  print(`  rule     ${rule}`)
  if (counted !== undefined) print(`  counted  ${countedText(counted)}`)
  if (before !== undefined) print(`  before   ${stateText(before)}`)
  if (after !== undefined) print(`  after    ${stateText(after)}`)
}

const explain = (transaction_id: string | undefined, { seq, timeout, json }: Options): Promise<void> => {
  if ((transaction_id === undefined) === (seq === undefined))
    throw new Failure('a transaction id or --seq is needed, and only one of them', { exit_code: 2 })
  return withNats(async connected => {
    // a field that is undefined is left out of the JSON
    const fields = { transaction_id, seq }
    const asked = { subject: 'customer.explain', fields, codec: Answer, timeout_ms: timeout }
    const { reply, body } = await readLedger(connected, asked)
    const { events } = reply
    if (json) printJson(body)
    else for (const event of events) show(event)
    if (events.length === 0)
      throw new Failure(`the ledger has no event of ${transaction_id ?? `sequence ${seq}`}`)
  })
}

export const explainCommand = (program: Command): void => {
  program
    .command('explain [transaction_id]')
    .description(
      'show why a transaction had the effect that it had: the account before, the rule, the account after',
    )
    .option('--seq <n>', 'the event at this stream sequence instead, which may have no id', count)
    .option('--timeout <ms>', 'how long to wait for the answer', count, READ_MS)
    .option('--json', 'print the answer as JSON')
    .action(explain)
}
