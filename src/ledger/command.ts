/**
 * Commands, and the codecs of those that move money: credit, debit and transfer.
 */

import { E, type Either, pipe, type t } from '../fp.js'
import type { JsonObject } from '../json.js'
import { type AccountId, Asset, accountIdOf, customerOf, namesOf } from './account-id.js'
import { Amount } from './amount.js'
import { ClientId, isClientId } from './client-id.js'
import { describeErrors, exactFieldsOf } from './codec.js'
import { OPTIONAL } from './command-fields.js'
import { SECOND_LEG, TRANSACTION_ID_CHARS_MAX } from './event.js'
import { isToken } from './event-body.js'
import { usualAmount } from './fast/usual.js'
import { decodeReverseRequest, type Reversal, type ReverseRequest } from './reverse-command.js'
import { decodeRuleCommand, isRuleType, type RuleCommand } from './rule-command.js'

const MovementBody = exactFieldsOf({ client_id: ClientId, amount: Amount }, { ...OPTIONAL, asset: Asset })
const TransferBody = exactFieldsOf(
  { from: ClientId, to: ClientId, amount: Amount },
  { ...OPTIONAL, asset: Asset },
)

type Content = {
  readonly amount: Amount
  /** The idempotency key: a retry of the command carries the same one. */
  readonly transaction_id: string
  readonly reference?: string | undefined
  readonly metadata?: Record<string, unknown> | undefined
  /** Who asked for it, and who vouches for that (caller.ts). It is no part of what a retry has to repeat. */
  readonly by?: string | undefined
}

/** `client_id` is the account: in another asset than the default one it names that too. */
export type Movement = Content & { readonly type: 'credit' | 'debit'; readonly client_id: AccountId }
/** Both accounts are of one asset. */
export type Transfer = Content & {
  readonly type: 'transfer'
  readonly from: AccountId
  readonly to: AccountId
}
export type PlainCommand = Movement | Transfer
/** A command that is decided as it was asked for. */
export type DirectCommand = PlainCommand | RuleCommand
/** What a caller can ask for. */
export type AskedCommand = DirectCommand | ReverseRequest
/** What can be decided: a request to reverse becomes a reversal once its transaction is known. */
export type Command = DirectCommand | Reversal

/** The customers whose accounts a command touches. The event of the first one has the transaction id itself as its id. */
export const customersOfCommand = (command: Command): readonly [AccountId, ...AccountId[]] =>
  command.type === 'transfer'
    ? [command.from, command.to]
    : hasReceiver(command)
      ? [command.client_id, command.to]
      : [command.client_id]

/** Whether a command takes money of `client_id` and gives it to another customer. */
const hasReceiver = <C extends Command>(command: C): command is C & { readonly to: AccountId } =>
  (command.type === 'capture' || command.type === 'reversal') && command.to !== undefined

/** Whether a command has two events: what leaves one customer's account, and what comes to another's. */
export const hasTwoLegs = (command: Command): boolean => command.type === 'transfer' || hasReceiver(command)

/** The customer to whom a command brings another's money. */
export const receiverOf = (command: Command): AccountId | undefined =>
  command.type === 'transfer' || hasReceiver(command) ? command.to : undefined

/** The fields of a request that name the accounts of a command. */
export const accountFields = (command: PlainCommand): JsonObject => {
  if (command.type !== 'transfer') return namesOf(command.client_id)
  const { client_id: from, ...asset } = namesOf(command.from)
  return { from, to: customerOf(command.to), ...asset }
}

/** The `Nats-Msg-Id` of the second event of a command; the first one carries the transaction id itself. */
export const creditLegId = (transaction_id: string): string => transaction_id + SECOND_LEG

const contentOf = (
  { amount, transaction_id, reference, metadata }: Omit<t.TypeOf<typeof MovementBody>, 'client_id' | 'asset'>,
  fresh_id: string,
  by: string | undefined,
): Content => ({
  amount,
  transaction_id: transaction_id ?? fresh_id,
  reference,
  metadata,
  by,
})

/** Decodes a command with the codecs, which define the result; the fast path below must give the same one. */
export const decodeFields = (
  type: PlainCommand['type'],
  fields: unknown,
  fresh_id: string,
  by?: string,
): Either<string, PlainCommand> => {
  if (type !== 'transfer') {
    return pipe(
      MovementBody.decode(fields),
      E.bimap(
        describeErrors,
        ({ client_id, asset, ...body }): PlainCommand => ({
          type,
          client_id: accountIdOf(client_id, asset),
          ...contentOf(body, fresh_id, by),
        }),
      ),
    )
  }
  return pipe(
    TransferBody.decode(fields),
    E.bimap(
      describeErrors,
      ({ from, to, asset, ...body }): Transfer => ({
        type,
        from: accountIdOf(from, asset),
        to: accountIdOf(to, asset),
        ...contentOf(body, fresh_id, by),
      }),
    ),
    E.filterOrElse(
      ({ from, to }) => from !== to,
      () => 'to: must be another customer than from',
    ),
  )
}

const isUsualId = (u: unknown): u is string | undefined =>
  u === undefined || (isToken(u, TRANSACTION_ID_CHARS_MAX) && !u.endsWith(SECOND_LEG))

const USUAL_FIELDS: Readonly<Record<PlainCommand['type'], ReadonlySet<string>>> = {
  credit: new Set(['client_id', 'amount', 'transaction_id']),
  debit: new Set(['client_id', 'amount', 'transaction_id']),
  transfer: new Set(['from', 'to', 'amount', 'transaction_id']),
}

/** Decodes a command of the usual shape without codecs, for speed: every command takes this path. Undefined for any other. */
const usualCommand = (
  type: PlainCommand['type'],
  fields: JsonObject,
  fresh_id: string,
  by: string | undefined,
): PlainCommand | undefined => {
  const { transaction_id: id, client_id, from, to } = fields
  const amount = usualAmount(fields.amount)
  if (amount === undefined || !isUsualId(id)) return undefined
  for (const name in fields) if (!USUAL_FIELDS[type].has(name)) return undefined
  const transaction_id = id ?? fresh_id
  if (type !== 'transfer') {
    return isClientId(client_id)
      ? { type, client_id, amount, transaction_id, reference: undefined, metadata: undefined, by }
      : undefined
  }
  return isClientId(from) && isClientId(to) && from !== to
    ? { type, from, to, amount, transaction_id, reference: undefined, metadata: undefined, by }
    : undefined
}

/**
 * Decodes the fields of a command; one without a `transaction_id` gets `fresh_id`. `by` is its caller, if one is known.
 * Left names every wrong field, and every field that commands of this type do not have.
 */
export const decodeCommand = (
  type: DirectCommand['type'],
  fields: JsonObject,
  fresh_id: string,
  by?: string,
): Either<string, DirectCommand> => {
  if (isRuleType(type)) return decodeRuleCommand(type, fields, fresh_id, by)
  const command = usualCommand(type, fields, fresh_id, by)
  return command === undefined ? decodeFields(type, fields, fresh_id, by) : E.right(command)
}

/** Decodes the fields of whatever a caller can ask for, as `decodeCommand` does. */
export const decodeAsked = (
  type: AskedCommand['type'],
  fields: JsonObject,
  fresh_id: string,
  by?: string,
): Either<string, AskedCommand> =>
  type === 'reverse' ? decodeReverseRequest(fields, fresh_id, by) : decodeCommand(type, fields, fresh_id, by)
