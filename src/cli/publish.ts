/**
 * `jetledger publish`: one balance mutation as an event, published directly as anybody may who is permitted to.
 */

import type { Command } from 'commander'
import { E, pipe, t } from '../fp.js'
import { Amount } from '../ledger/amount.js'
import { ClientId, eventSubject } from '../ledger/client-id.js'
import { describeErrors, fieldsOf } from '../ledger/codec.js'
import { encodeEvent, TransactionId } from '../ledger/event.js'
import { publish } from '../stream/publish.js'
import { withNats } from './command.js'
import { Failure, orFail } from './failure.js'
import { print, printJson } from './output.js'

type PublishOptions = { readonly transactionId?: string; readonly reference?: string; readonly json?: true }

const PUBLISH_TIMEOUT_MS = 5_000

const Arguments = fieldsOf(
  { client_id: ClientId, type: t.keyof({ credit: null, debit: null }), amount: Amount },
  { transaction_id: TransactionId, reference: t.string },
)

const decode = (fields: unknown): t.TypeOf<typeof Arguments> =>
  pipe(
    Arguments.decode(fields),
    E.getOrElse((errors): t.TypeOf<typeof Arguments> => {
      throw new Failure(describeErrors(errors), { exit_code: 2 })
    }),
  )

const publishEvent = (
  client_id: string,
  type: string,
  amount: string,
  options: PublishOptions,
): Promise<void> => {
  const { transactionId: transaction_id, reference } = options
  const { client_id: id, ...event } = decode({
    client_id,
    type,
    amount,
    ...(transaction_id === undefined ? {} : { transaction_id }),
    ...(reference === undefined ? {} : { reference }),
  })
  return withNats(async ({ nc }) => {
    const message = {
      subject: eventSubject(id),
      body: encodeEvent(event),
      ...(transaction_id === undefined ? {} : { msg_id: transaction_id }),
    }
    const stored = await orFail(publish(nc, message, PUBLISH_TIMEOUT_MS))
    if (options.json) printJson({ client_id: id, ...stored })
    else print(`${stored.duplicate ? 'known already' : 'stored'} at sequence ${stored.seq}`)
  })
}

export const publishCommand = (program: Command): void => {
  program
    .command('publish <client_id> <type> <amount>')
    .description('publish a credit or a debit as an event; a debit that would overdraw becomes a dead letter')
    .option(
      '--transaction-id <id>',
      'the idempotency key: the same one counts once within the duplicate window',
    )
    .option('--reference <text>', 'what it is for')
    .option('--json', 'print the acknowledgement as JSON')
    .action(publishEvent)
}
