/**
 * Commands: what a caller asks of the command side, and their codecs.
 */

import { E, type Either, pipe, t } from '../fp.js'
import { Amount } from './amount.js'
import { ClientId, isClientId } from './client-id.js'
import { describeErrors } from './codec.js'
import { SECOND_LEG, TRANSACTION_ID_CHARS_MAX, TransactionId } from './event.js'
import { isToken } from './event-body.js'
import { usualAmount } from './usual.js'

const METADATA_KEYS_MAX = 16
const METADATA_BYTES_MAX = 2_048
const REFERENCE_CHARS_MAX = 256

const Metadata = new t.Type<Record<string, unknown>, Record<string, unknown>, unknown>(
  'Metadata',
  t.UnknownRecord.is,
  (u, context) =>
    t.UnknownRecord.is(u) &&
    !Array.isArray(u) &&
    Object.keys(u).length <= METADATA_KEYS_MAX &&
    new TextEncoder().encode(JSON.stringify(u)).length <= METADATA_BYTES_MAX
      ? t.success(u)
      : t.failure(
          u,
          context,
          `must be an object of at most ${METADATA_KEYS_MAX} keys and ${METADATA_BYTES_MAX} bytes`,
        ),
  t.identity,
)

const Reference = new t.Type<string, string, unknown>(
  'Reference',
  t.string.is,
  (u, context) =>
    // half a surrogate pair is no text: a table cannot keep it, and a retry would not be known again
    typeof u === 'string' && u.length <= REFERENCE_CHARS_MAX && !/\p{Surrogate}/u.test(u)
      ? t.success(u)
      : t.failure(u, context, `must be a text of at most ${REFERENCE_CHARS_MAX} characters`),
  t.identity,
)

const CommandId = new t.Type<string, string, unknown>(
  'TransactionId',
  t.string.is,
  (u, context) =>
    typeof u === 'string' && u.endsWith(SECOND_LEG)
      ? t.failure(u, context, `must not end in ${SECOND_LEG}: that is the id of a transfer's second event`)
      : TransactionId.validate(u, context),
  String,
)

const Common = t.partial({ transaction_id: CommandId, reference: Reference, metadata: Metadata })
const MovementBody = t.intersection([t.type({ client_id: ClientId, amount: Amount }), Common])
const TransferBody = t.intersection([t.type({ from: ClientId, to: ClientId, amount: Amount }), Common])

type Content = {
  readonly amount: Amount
  /** The idempotency key. */
  readonly transaction_id: string
  readonly reference?: string | undefined
  readonly metadata?: Record<string, unknown> | undefined
}

export type Movement = Content & { readonly type: 'credit' | 'debit'; readonly client_id: ClientId }
export type Transfer = Content & { readonly type: 'transfer'; readonly from: ClientId; readonly to: ClientId }
export type Command = Movement | Transfer

/** The customers whose accounts a command touches; the first one's subject carries the transaction id itself. */
export const customersOfCommand = (command: Command): readonly [ClientId, ...ClientId[]] =>
  command.type === 'transfer' ? [command.from, command.to] : [command.client_id]

/** Field by field: a codec lets unknown fields through, and a body's own `type` must not make another command of it. */
const contentOf = (
  { amount, transaction_id, reference, metadata }: t.TypeOf<typeof Common> & { amount: Amount },
  fresh_id: string,
): Content => ({
  amount,
  transaction_id: transaction_id ?? fresh_id,
  reference,
  metadata,
})

/** What the codecs make of the fields of a command: the law that the short way below is held to. */
export const decodeFields = (
  type: Command['type'],
  fields: unknown,
  fresh_id: string,
): Either<string, Command> => {
  if (type !== 'transfer') {
    return pipe(
      MovementBody.decode(fields),
      E.bimap(
        describeErrors,
        (body): Command => ({ type, client_id: body.client_id, ...contentOf(body, fresh_id) }),
      ),
    )
  }
  return pipe(
    TransferBody.decode(fields),
    E.bimap(
      describeErrors,
      (body): Transfer => ({ type, from: body.from, to: body.to, ...contentOf(body, fresh_id) }),
    ),
    E.filterOrElse(
      ({ from, to }) => from !== to,
      () => 'to: must be another customer than from',
    ),
  )
}

type Fields = Readonly<Record<string, unknown>>

const isUsualId = (u: unknown): u is string | undefined =>
  u === undefined || (isToken(u, TRANSACTION_ID_CHARS_MAX) && !u.endsWith(SECOND_LEG))

/** The command, if its fields are of the usual shape: read by hand, because this is the path of every command. */
const usualCommand = (type: Command['type'], fields: Fields, fresh_id: string): Command | undefined => {
  const { transaction_id: id, reference, metadata, client_id, from, to } = fields
  const amount = usualAmount(fields.amount)
  if (amount === undefined || metadata !== undefined || reference !== undefined || !isUsualId(id)) {
    return undefined
  }
  const transaction_id = id ?? fresh_id
  if (type !== 'transfer') {
    return isClientId(client_id)
      ? { type, client_id, amount, transaction_id, reference, metadata }
      : undefined
  }
  return isClientId(from) && isClientId(to) && from !== to
    ? { type, from, to, amount, transaction_id, reference, metadata }
    : undefined
}

/**
 * Decodes the fields of a command; one without a `transaction_id` gets `fresh_id`. Left names every wrong field.
 */
export const decodeCommand = (
  type: Command['type'],
  fields: Fields,
  fresh_id: string,
): Either<string, Command> => {
  const command = usualCommand(type, fields, fresh_id)
  return command === undefined ? decodeFields(type, fields, fresh_id) : E.right(command)
}
