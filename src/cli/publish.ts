/**
 * `jetledger publish`: publishes a credit or a debit as an event, which the fold then judges. The event goes through
 * the service, or with `--raw` straight into the stream, which needs the rights of an operator.
 */

import type { Command } from 'commander'
import { E, pipe, t } from '../fp.js'
import { AccountId, eventSubject, namesOf } from '../ledger/account-id.js'
import { Amount } from '../ledger/amount.js'
import { describeErrors, fieldsOf } from '../ledger/codec.js'
import { encodeEvent, TransactionId } from '../ledger/event.js'
import { Failure, orFail } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { publish } from '../stream/publish.js'
import { uuidv7 } from '../uuid.js'
import { withNats } from './command.js'
import { count } from './options.js'
import { sendWrite } from './write.js'

type PublishOptions = {
  readonly transactionId?: string
  readonly reference?: string
  readonly json?: true
  readonly raw?: true
  readonly timeout: number
}

const TIMEOUT_MS = 5_000

const Arguments = fieldsOf(
  { client_id: AccountId, type: t.keyof({ credit: null, debit: null }), amount: Amount },
  { transaction_id: TransactionId, reference: t.string },
)
type Arguments = t.TypeOf<typeof Arguments>

const decode = (fields: unknown): Arguments =>
  pipe(
    Arguments.decode(fields),
    E.getOrElse((errors): Arguments => {
      throw new Failure(describeErrors(errors), { exit_code: 2 })
    }),
  )

type Stored = { readonly seq: number; readonly duplicate: boolean }

const publishRaw = ({ client_id, ...event }: Arguments, timeout_ms: number): Promise<Stored> =>
  withNats(({ nc }) => {
    const { transaction_id } = event
    const message = {
      subject: eventSubject(client_id),
      body: encodeEvent(event, client_id),
      ...(transaction_id === undefined ? {} : { msg_id: transaction_id }),
    }
    return orFail(publish(nc, message, timeout_ms))
  })

const Acknowledgement = fieldsOf({ seq: t.number }, { duplicate: t.boolean })

const publishByService = async ({ client_id, ...event }: Arguments, timeout_ms: number): Promise<Stored> => {
  const transaction_id = event.transaction_id ?? uuidv7()
  const reply = await sendWrite({
    subject: `customer.event.${client_id}`,
    body: { ...event, amount: Amount.encode(event.amount), transaction_id },
    transaction_id,
    advice: `The same event with --transaction-id ${transaction_id} finds out, and counts once.`,
    timeout_ms,
  })
  const stored = Acknowledgement.decode(reply)
  if (E.isLeft(stored)) throw new Failure('the answer is no acknowledgement')
  const { seq, duplicate = false } = stored.right
  // with a new id only this call itself can have repeated the event, so its caller sees no duplicate
  return { seq, duplicate: duplicate && event.transaction_id !== undefined }
}

const publishEvent = async (
  client_id: string,
  type: string,
  amount: string,
  { transactionId: transaction_id, reference, json, raw, timeout }: PublishOptions,
): Promise<void> => {
  const event = decode({
    client_id,
    type,
    amount,
    ...(transaction_id === undefined ? {} : { transaction_id }),
    ...(reference === undefined ? {} : { reference }),
  })
  const stored = await (raw ? publishRaw(event, timeout) : publishByService(event, timeout))
  if (json) printJson({ ...namesOf(event.client_id), ...stored })
  else print(`${stored.duplicate ? 'known already' : 'stored'} at sequence ${stored.seq}`)
}

export const publishCommand = (program: Command): void => {
  program
    .command('publish <client_id> <type> <amount>')
    .description('publish a credit or a debit as an event; a debit that would overdraw becomes a dead letter')
    .option('--transaction-id <id>', 'the idempotency key: the same one counts once; made here when absent')
    .option('--reference <text>', 'what it is for')
    .option('--json', 'print the acknowledgement as JSON')
    .option('--raw', 'straight into the stream, past the service: for operators, also while no service runs')
    .option('--timeout <ms>', 'how long to send it again while its outcome is not known', count, TIMEOUT_MS)
    .action(publishEvent)
}
