/**
 * Commands (credit, debit, transfer), their codecs, and `decide`, which turns a command into events or a refusal.
 */

import { E, type Either, pipe, t } from '../fp.js'
import { DEPTH_MAX, isJsonObject, type JsonObject } from '../json.js'
import { type Account, apply, type Rejection } from './account.js'
import { Amount } from './amount.js'
import { ClientId, isClientId } from './client-id.js'
import { describeErrors, exactFieldsOf } from './codec.js'
import { type LedgerEvent, SECOND_LEG, TRANSACTION_ID_CHARS_MAX, TransactionId } from './event.js'
import { isToken } from './event-body.js'
import { usualAmount } from './fast/usual.js'

const METADATA_KEYS_MAX = 16
const METADATA_BYTES_MAX = 2_048
const METADATA_RULE = `must be an object of at most ${METADATA_KEYS_MAX} keys and ${METADATA_BYTES_MAX} bytes, without halves of surrogate pairs`
const REFERENCE_CHARS_MAX = 256
const REFERENCE_RULE = `must be a text of at most ${REFERENCE_CHARS_MAX} characters, without halves of surrogate pairs`

/** Half a surrogate pair is not text: a table cannot keep it, so a retry would not be recognised. */
const isText = (u: unknown): u is string => typeof u === 'string' && !/\p{Surrogate}/u.test(u)

/** Whether a table can keep every text and name of a value. Deeper nesting than the strict reading allows is refused. */
const isStorable = (u: unknown, depth: number): boolean => {
  if (typeof u === 'string') return isText(u)
  if (typeof u === 'number') return Number.isFinite(u)
  if (typeof u !== 'object' || u === null) return u === null || typeof u === 'boolean'
  if (depth >= DEPTH_MAX) return false
  if (Array.isArray(u)) return u.every(one => isStorable(one, depth + 1))
  return Object.entries(u).every(([name, value]) => isText(name) && isStorable(value, depth + 1))
}

const isSmall = (u: JsonObject): boolean =>
  Object.keys(u).length <= METADATA_KEYS_MAX &&
  new TextEncoder().encode(JSON.stringify(u)).length <= METADATA_BYTES_MAX

/** Free data that a caller may add to an event. It is bounded, so that every table and every reply can carry it. */
const Metadata = new t.Type<Record<string, unknown>, Record<string, unknown>, unknown>(
  'Metadata',
  t.UnknownRecord.is,
  (u, context) => {
    if (!isJsonObject(u) || !isStorable(u, 0) || !isSmall(u)) return t.failure(u, context, METADATA_RULE)
    return t.success(u)
  },
  t.identity,
)

/** The purpose of an event, in the caller's words. */
const Reference = new t.Type<string, string, unknown>(
  'Reference',
  t.string.is,
  (u, context) =>
    isText(u) && u.length <= REFERENCE_CHARS_MAX ? t.success(u) : t.failure(u, context, REFERENCE_RULE),
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

const OPTIONAL = { transaction_id: CommandId, reference: Reference, metadata: Metadata }
const MovementBody = exactFieldsOf({ client_id: ClientId, amount: Amount }, OPTIONAL)
const TransferBody = exactFieldsOf({ from: ClientId, to: ClientId, amount: Amount }, OPTIONAL)

type Content = {
  readonly amount: Amount
  /** The idempotency key: a retry of the command carries the same one. */
  readonly transaction_id: string
  readonly reference?: string | undefined
  readonly metadata?: Record<string, unknown> | undefined
  /** Who asked for it, and who vouches for that (caller.ts). It is no part of what a retry has to repeat. */
  readonly by?: string | undefined
}

export type Movement = Content & { readonly type: 'credit' | 'debit'; readonly client_id: ClientId }
export type Transfer = Content & { readonly type: 'transfer'; readonly from: ClientId; readonly to: ClientId }
export type Command = Movement | Transfer

/** The customers whose accounts a command touches. The event of the first one has the transaction id itself as its id. */
export const customersOfCommand = (command: Command): readonly [ClientId, ...ClientId[]] =>
  command.type === 'transfer' ? [command.from, command.to] : [command.client_id]

const contentOf = (
  { amount, transaction_id, reference, metadata }: Omit<t.TypeOf<typeof MovementBody>, 'client_id'>,
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
  type: Command['type'],
  fields: unknown,
  fresh_id: string,
  by?: string,
): Either<string, Command> => {
  if (type !== 'transfer') {
    return pipe(
      MovementBody.decode(fields),
      E.bimap(
        describeErrors,
        (body): Command => ({ type, client_id: body.client_id, ...contentOf(body, fresh_id, by) }),
      ),
    )
  }
  return pipe(
    TransferBody.decode(fields),
    E.bimap(
      describeErrors,
      (body): Transfer => ({ type, from: body.from, to: body.to, ...contentOf(body, fresh_id, by) }),
    ),
    E.filterOrElse(
      ({ from, to }) => from !== to,
      () => 'to: must be another customer than from',
    ),
  )
}

const isUsualId = (u: unknown): u is string | undefined =>
  u === undefined || (isToken(u, TRANSACTION_ID_CHARS_MAX) && !u.endsWith(SECOND_LEG))

const USUAL_FIELDS: Readonly<Record<Command['type'], ReadonlySet<string>>> = {
  credit: new Set(['client_id', 'amount', 'transaction_id']),
  debit: new Set(['client_id', 'amount', 'transaction_id']),
  transfer: new Set(['from', 'to', 'amount', 'transaction_id']),
}

/** Decodes a command of the usual shape without codecs, for speed: every command takes this path. Undefined for any other. */
const usualCommand = (
  type: Command['type'],
  fields: JsonObject,
  fresh_id: string,
  by: string | undefined,
): Command | undefined => {
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
  type: Command['type'],
  fields: JsonObject,
  fresh_id: string,
  by?: string,
): Either<string, Command> => {
  const command = usualCommand(type, fields, fresh_id, by)
  return command === undefined ? decodeFields(type, fields, fresh_id, by) : E.right(command)
}

/** One event on one customer's subject, and the account after it (its `seq` is not known before it is stored). */
export type Leg = { readonly id: ClientId; readonly event: LedgerEvent; readonly after: Account }

export type Refusal = Rejection & { readonly client_id: ClientId }

/** The `Nats-Msg-Id` of a transfer's second event; the first one carries the transaction id itself. */
export const creditLegId = (transaction_id: string): string => transaction_id + SECOND_LEG

/** Makes an event with all its fields in one order: the JavaScript engine is fast with objects of one shape. */
const eventOf = (
  type: LedgerEvent['type'],
  { amount, reference, metadata }: Command,
  transaction_id: string,
  counterparty: ClientId | undefined,
  refusal?: LedgerEvent['declined'],
): LedgerEvent => ({
  type,
  amount,
  transaction_id,
  transfer: counterparty === undefined ? undefined : { counterparty },
  reference,
  metadata,
  declined: refusal,
  after: undefined,
})

const leg = (id: ClientId, account: Account, event: LedgerEvent): Either<Refusal, Leg> => {
  const applied = apply(account, event, account.seq)
  if (E.isLeft(applied)) return E.left({ ...applied.left, client_id: id })
  const after = applied.right
  event.after = after
  return E.right({ id, event, after })
}

const transfer = (
  command: Transfer,
  accountOf: (id: ClientId) => Account,
): Either<Refusal, readonly Leg[]> => {
  const { from, to, transaction_id } = command
  const debit = leg(from, accountOf(from), eventOf('debit', command, transaction_id, to))
  if (E.isLeft(debit)) return debit
  const credit = leg(to, accountOf(to), eventOf('credit', command, creditLegId(transaction_id), from))
  return E.isLeft(credit) ? credit : E.right([debit.right, credit.right])
}

/** Decides a command on the accounts that `accountOf` gives: its events in the order in which to store them, or a refusal. */
export const decide = (
  command: Command,
  accountOf: (id: ClientId) => Account,
): Either<Refusal, readonly Leg[]> => {
  if (command.type === 'transfer') return transfer(command, accountOf)
  const { type, client_id, transaction_id } = command
  const only = leg(client_id, accountOf(client_id), eventOf(type, command, transaction_id, undefined))
  return E.isLeft(only) ? only : E.right([only.right])
}

/** The event that records a refusal, on the subject of the command's first customer, so that a retry gets it again. */
export const declined = (command: Command, { code, client_id, balance }: Refusal): LedgerEvent =>
  eventOf('declined', command, command.transaction_id, command.type === 'transfer' ? command.to : undefined, {
    command: command.type,
    code,
    client_id,
    balance,
  })
