/**
 * Decodes the bodies of requests to the command side, refuses headers that a command does not have, and writes replies and
 * errors as JSON.
 */

import { E, type Either } from '../../fp.js'
import { isJsonObject, type JsonObject, type JsonProblem, readStrictJson, shownName } from '../../json.js'
import { isAccountId, isOfAsset, namesJson, namesOf } from '../../ledger/account-id.js'
import { amountJson, toJson } from '../../ledger/amount.js'
import { type AskedCommand, decodeAsked } from '../../ledger/command.js'
import { quoted } from '../../ledger/fast/quoted.js'
import { HOLD_S_MAX, RULE_COMMAND_TYPES } from '../../ledger/rule-command.js'
import { CATALOGUE, catalogued } from '../../service/catalogue.js'
import type { ServiceRequest } from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import { uuidv7 } from '../../uuid.js'
import type { Submitted } from '../group-commit/ports.js'
import type { CommandFailure, CommandReply, Position } from '../outcome.js'

/** `INVALID_REQUEST` with a text that names what is wrong. */
export const invalid = (message: string, details: JsonObject = {}): ServiceError =>
  catalogued('INVALID_REQUEST', { ...details, message })

/** The refusal of a body that the strict reading of JSON does not accept. */
export const notStrict = ({ tag, message }: JsonProblem): ServiceError =>
  invalid(tag === 'NotJson' ? `the body is not JSON: ${message}` : message)

/** Parses a body, which has to be a JSON object. */
export const parseBody = (body: Uint8Array): Either<ServiceError, JsonObject> => {
  const read = readStrictJson(body)
  if (E.isLeft(read)) return E.left(notStrict(read.left))
  return isJsonObject(read.right) ? E.right(read.right) : E.left(invalid('the body must be a JSON object'))
}

const { hasOwn } = Object

/** Whether a request says `dry_run`, which says what would happen and stores nothing; and its other fields. */
export type MaybeDry = { readonly is_dry_run: boolean; readonly fields: JsonObject }

/** Takes `dry_run` from the fields of a request. Most requests do not have it, and keep their fields as they are. */
export const withoutDryRun = (fields: JsonObject): Either<ServiceError, MaybeDry> => {
  if (!hasOwn(fields, 'dry_run')) return E.right({ is_dry_run: false, fields })
  const { dry_run, ...others } = fields
  return typeof dry_run === 'boolean'
    ? E.right({ is_dry_run: dry_run, fields: others })
    : E.left(invalid('dry_run: must be true or false'))
}

/** The outcome of a dry run: a failure says so too. */
export const asDryRun = (outcome: CommandFailure): CommandFailure => ({
  ...outcome,
  details: { ...outcome.details, dry_run: true },
})

/** Headers that make JetStream store a message only once, or only on a condition. They have no effect on a command. */
const EXPECTATION = /^nats-(?:msg-id|expected-.*)$/i

/** Refuses a request with a header that has no effect here, because its caller relies on an effect. */
export const headerProblem = ({ headers }: Pick<ServiceRequest, 'headers'>): ServiceError | undefined => {
  const name = headers?.keys().find(header => EXPECTATION.test(header))
  return name === undefined
    ? undefined
    : invalid(
        `the header ${shownName(name)}: a command has no such header; its transaction_id makes it count once`,
      )
}

const MS_PER_S = 1_000

/** The refusal of a hold that would last too long. This bound needs no exact clock, so the process's own will do. */
const tooLong = (command: AskedCommand): string | undefined =>
  command.type === 'hold' && (command.expires_ms ?? 0) > Date.now() + HOLD_S_MAX * MS_PER_S
    ? 'expires_at: must be at most 366 days ahead'
    : undefined

/** A command of `type` from the fields of a request, of the caller `by`; one without a transaction id gets one. */
export const commandFrom = (
  type: AskedCommand['type'],
  fields: JsonObject,
  by: string | undefined,
): Either<string, Submitted> => {
  const has_given_id = fields[type === 'reverse' ? 'reversal_id' : 'transaction_id'] !== undefined
  const decoded = decodeAsked(type, fields, has_given_id ? '' : uuidv7(), by)
  if (E.isLeft(decoded)) return decoded
  const problem = tooLong(decoded.right)
  return problem === undefined ? E.right({ command: decoded.right, has_given_id }) : E.left(problem)
}

const TYPES: Readonly<Record<string, AskedCommand['type']>> = {
  credit: 'credit',
  debit: 'debit',
  transfer: 'transfer',
  ...Object.fromEntries(RULE_COMMAND_TYPES.map(type => [type, type])),
  reverse: 'reverse',
}

/** Makes a command from an element of a batch, whose field `type` tells the type of the command. */
export const typedCommandFrom = (u: unknown, by: string | undefined): Either<string, Submitted> => {
  if (!isJsonObject(u)) return E.left('must be a JSON object')
  const { type: given, ...fields } = u
  const type = typeof given === 'string' && Object.hasOwn(TYPES, given) ? TYPES[given] : undefined
  return type === undefined
    ? E.left(`type: must be one of ${Object.keys(TYPES).join(', ')}`)
    : commandFrom(type, fields, by)
}

const positionFields = ({ client_id, balance, version, seq, available, held }: Position): string => {
  const fields = `${namesJson(client_id)},"balance":${amountJson(balance)},"version":${version},"seq":${seq}`
  if (available === undefined || held === undefined) return fields
  return `${fields},"available":${amountJson(available)},"held":${amountJson(held)}`
}

/** Writes the body of a reply. JSON escapes no character of a client id, but it may escape some of a transaction id. */
export const replyJson = (reply: CommandReply, replayed: boolean, is_dry_run = false): string => {
  const id = `{"transaction_id":${quoted(reply.transaction_id)},`
  const fields =
    'from' in reply
      ? `"from":{${positionFields(reply.from)}},"to":{${positionFields(reply.to)}}`
      : positionFields(reply) + (reply.expires_at === undefined ? '' : `,"expires_at":"${reply.expires_at}"`)
  const { reverses, amount } = reply
  const original = reverses === undefined ? '' : `,"reverses":${quoted(reverses)}`
  const part = amount === undefined ? '' : `,"amount":${amountJson(amount)}`
  const dry_run = is_dry_run ? ',"dry_run":true' : ''
  return `${id}${fields}${original}${part}${dry_run}${replayed ? ',"replayed":true}' : '}'}`
}

const bigintsToJson = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? toJson(value) : value

/** Writes a value as JSON, with each amount as a number or, beyond 2^53-1, as a string. */
export const json = (value: unknown): string => JSON.stringify(value, bigintsToJson)

/** The details of a failure, with the names that its account has outside. */
export const detailsOutside = (details: CommandFailure['details']): CommandFailure['details'] => {
  const { transaction_id, client_id, ...more } = details
  if (!isAccountId(client_id) || !isOfAsset(client_id)) return details
  const id = transaction_id === undefined ? {} : { transaction_id }
  return { ...id, ...namesOf(client_id), ...more }
}

/** Makes the error of a whole request from a failure. */
export const errorOf = ({ code, details, cause }: CommandFailure): ServiceError =>
  catalogued(code, detailsOutside(details), cause)

/** Writes a failure as the result of one command in a batch. */
export const errorJson = ({ code, details }: CommandFailure): string =>
  json({ error: { code, message: CATALOGUE[code].message, ...detailsOutside(details) } })
