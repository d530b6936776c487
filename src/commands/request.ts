/**
 * The bodies of requests to the command side.
 */

import { E, type Either } from '../fp.js'
import { type Command, decodeCommand } from '../ledger/command.js'
import { catalogued } from '../service/catalogue.js'
import type { ServiceError } from '../service/error.js'
import { uuidv7 } from '../uuid.js'
import type { Submitted } from './engine.js'

export type Fields = Readonly<Record<string, unknown>>

const utf8 = new TextDecoder('utf-8', { fatal: true })

const isObject = (u: unknown): u is Fields => typeof u === 'object' && u !== null && !Array.isArray(u)

/** `INVALID_REQUEST` with a text that names what is wrong. */
export const invalid = (message: string, details: Fields = {}): ServiceError =>
  catalogued('INVALID_REQUEST', { ...details, message })

/** The JSON object that a body is. */
export const parseBody = (body: Uint8Array): Either<ServiceError, Fields> => {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(body))
  } catch (cause) {
    return E.left(invalid(`the body is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`))
  }
  return isObject(value) ? E.right(value) : E.left(invalid('the body must be a JSON object'))
}

/** A command of `type` from the fields of a request; one without a transaction id gets one. */
export const commandFrom = (type: Command['type'], fields: Fields): Either<string, Submitted> => {
  const given = fields.transaction_id !== undefined
  const decoded = decodeCommand(type, fields, given ? '' : uuidv7())
  return E.isLeft(decoded) ? decoded : E.right({ command: decoded.right, given })
}

const TYPES: Readonly<Record<string, Command['type']>> = {
  credit: 'credit',
  debit: 'debit',
  transfer: 'transfer',
}

/** A command of a batch, which says its own type. */
export const typedCommandFrom = (u: unknown): Either<string, Submitted> => {
  if (!isObject(u)) return E.left('must be a JSON object')
  const type = typeof u.type === 'string' && Object.hasOwn(TYPES, u.type) ? TYPES[u.type] : undefined
  return type === undefined ? E.left('type: must be "credit", "debit" or "transfer"') : commandFrom(type, u)
}
