/**
 * The command that a stored event stands for, and the comparison of commands that have one transaction id.
 */

import { isJsonObject } from '../../json.js'
import type { AccountId } from '../../ledger/account-id.js'
import type { Command } from '../../ledger/command.js'
import type { LedgerEvent } from '../../ledger/event.js'
import { sealedIn, TEXT_FIELDS, type TextField } from '../../sealing/form.js'

/** Whether two JSON values are equal. The comparison goes no deeper than the shallower one, and a command's is shallow. */
const sameJson = (a: unknown, b: unknown): boolean => {
  // an event that is compared with itself may be nested deeper than any stack
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, index) => sameJson(one, b[index]))
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return a === b
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(name => Object.hasOwn(b, name) && sameJson(a[name], b[name]))
  )
}

/** The fields that make two commands the same one, in the order in which a difference is reported. */
const FIELDS = [
  ...['type', 'client_id', 'from', 'to', 'hold', 'amount', 'final', 'expires_ms', 'expires_in_s'],
  ...['limit', 'state', 'reason', 'until_ms', 'reverses', 'reversal_id', 'reference', 'metadata'],
]

const fieldOf = (command: Command, field: string): unknown => {
  const value = Object.entries(command).find(([name]) => name === field)?.[1]
  // a capture ends its hold unless it says otherwise
  if (field === 'final' && command.type === 'capture') return value ?? true
  return typeof value === 'bigint' ? value.toString() : value
}

const isTextField = (field: string): field is TextField => TEXT_FIELDS.some(text => text === field)

/**
 * Whether a text of two commands is the same. Sealed texts can be compared only if the same keys have sealed them: after an
 * erasure, or when a ledger begins or ends to seal, both have the text or neither has it, and more is not known.
 */
const sameText = (field: TextField, a: Command, b: Command): boolean => {
  const [of_a, of_b] = [sealedIn(a.metadata), sealedIn(b.metadata)]
  const [text_a, text_b] = [(of_a ?? a)[field], (of_b ?? b)[field]]
  const can_be_compared =
    of_a === undefined ? of_b === undefined : of_b !== undefined && sameJson(of_a.keys, of_b.keys)
  return can_be_compared ? sameJson(text_a, text_b) : (text_a === undefined) === (text_b === undefined)
}

const isSame = (field: string, a: Command, b: Command): boolean =>
  isTextField(field) ? sameText(field, a, b) : sameJson(fieldOf(a, field), fieldOf(b, field))

/** The first field in which two commands of one transaction id differ. */
export const differsFrom = (a: Command, b: Command): string | undefined =>
  FIELDS.find(field => !isSame(field, a, b))

/** The fields that the decision gives a command which does not bring them. */
const DECIDED: readonly string[] = ['amount', 'expires_ms']

/** The first field in which `command` is another one than the command that is stored. */
export const differsFromStored = (command: Command, stored: Command): string | undefined =>
  FIELDS.find(field => {
    // the event has the time at which the hold expires, and not how it was asked for
    if (field === 'expires_in_s') return false
    if (DECIDED.includes(field) && fieldOf(command, field) === undefined) return false
    return !isSame(field, command, stored)
  })

/** The type of the command that an event stands for; undefined when it stands for none. */
const typeOf = (event: LedgerEvent): Command['type'] | undefined => {
  switch (event.type) {
    case 'declined':
      return event.declined?.command === 'reverse' ? 'reversal' : event.declined?.command
    case 'debit':
      if (event.hold !== undefined) return 'capture'
      if (event.reverses !== undefined) return 'reversal'
      return event.transfer === undefined ? 'debit' : 'transfer'
    case 'credit':
      // the second event of a transfer is no command: no caller can bring its id
      if (event.transfer !== undefined) return undefined
      return event.reverses === undefined ? 'credit' : 'reversal'
    case 'release':
      // the sweeper's event is no command either
      return event.expired === undefined ? 'release' : undefined
    case 'state':
      return 'restrict'
    default:
      return event.type
  }
}

/**
 * The command that a stored event on the account of `id` stands for, under the transaction id that it was asked for; a direct
 * event counts as the command that it looks like. Undefined for an event that stands for none.
 */
export const commandOfEvent = (
  id: AccountId,
  event: LedgerEvent,
  transaction_id: string,
): Command | undefined => {
  const type = typeOf(event)
  const to = event.transfer?.counterparty
  if (type === undefined) return undefined
  const { type: _t, transfer: _f, after: _a, at_ms: _at, reverses, reversal_id, ...fields } = event
  const {
    declined: _d,
    schema: _s,
    ...content
  } = fields as typeof fields & {
    readonly declined?: unknown
    readonly schema?: unknown
  }
  const places =
    type === 'transfer' ? { from: id, to } : { client_id: id, ...(to === undefined ? {} : { to }) }
  if (type === 'transfer' && to === undefined) return undefined
  // the label of another command says nothing about it
  const labels = type === 'reversal' ? { reverses, reversal_id } : {}
  return { ...content, type, transaction_id, ...labels, ...places } as unknown as Command
}
