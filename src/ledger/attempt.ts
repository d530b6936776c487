/**
 * What a refused command wanted: the event that it would have stored on the account that refused it. The record of a refusal
 * keeps what the command brought, so the law can be asked again.
 */

import type { AccountId } from './account-id.js'
import type { Amount } from './amount.js'
import { creditLegId } from './command.js'
import type { Declination, DeclinedRecord, LedgerEvent } from './event-body.js'
import { HOLD_S } from './rule-command.js'

const MS_PER_S = 1_000
/** Stands for the amount of a command that was refused before its amount was known: the law asks for it last. */
const ANY_AMOUNT = 1n as Amount

/** The direction of a refused reversal, as far as its refusal tells; of a transfer the first event is a debit. */
const directionOf = ({ declined, transfer }: Declination): 'credit' | 'debit' | undefined => {
  if (transfer !== undefined || declined?.code === 'INSUFFICIENT_FUNDS') return 'debit'
  if (declined?.code === 'BALANCE_LIMIT') return 'credit'
  if (declined?.state === 'no_debit') return 'debit'
  return declined?.state === 'no_credit' ? 'credit' : undefined
}

const moneyOf = ({ amount = ANY_AMOUNT, transaction_id, transfer }: Declination) => ({
  amount,
  transaction_id,
  transfer,
})

/** What the command would have stored on the account of its first customer. */
const firstOf = (
  record: Declination,
  command: DeclinedRecord['command'],
  time_ms: number,
): object | undefined => {
  const { amount, hold, final, limit, state, reason, until_ms } = record
  const { transaction_id = '', expires_ms = time_ms + HOLD_S * MS_PER_S } = record
  switch (command) {
    case 'credit':
      return { type: 'credit', ...moneyOf(record) }
    case 'debit':
    case 'transfer':
      return { type: 'debit', ...moneyOf(record) }
    case 'hold':
      return { type: 'hold', amount: amount ?? ANY_AMOUNT, transaction_id, expires_ms }
    case 'capture':
      return { type: 'debit', ...moneyOf(record), hold, final }
    case 'release':
      return { type: 'release', hold, amount }
    case 'limit':
      return { type: 'limit', limit }
    case 'restrict':
      return { type: 'state', state, reason, until_ms }
    case 'reverse': {
      const type = directionOf(record)
      return type && { type, ...moneyOf(record), reverses: record.reverses, reversal_id: record.reversal_id }
    }
  }
}

/** What an event of that kind cannot be without; a record that a publisher has written may lack it. */
const isWhole = (event: object): event is LedgerEvent => {
  const { type, ...fields } = event as Readonly<Record<string, unknown>>
  switch (type) {
    case 'release':
      return fields.hold !== undefined
    case 'limit':
      return fields.limit !== undefined
    case 'state':
      return fields.state !== undefined && fields.reason !== undefined
    default:
      return true
  }
}

/**
 * The account that refused a command, and the event that was refused, of a record on the account of `id` that was stored at
 * `stored_ms`. Undefined when the record does not tell.
 */
export const attemptOf = (
  id: AccountId,
  record: Declination,
  stored_ms: number,
): { readonly client_id: AccountId; readonly event: LedgerEvent } | undefined => {
  const { declined, at_ms } = record
  if (declined === undefined) return undefined
  const { client_id, command } = declined
  const is_first = client_id === id
  const event = is_first
    ? firstOf(record, command, at_ms ?? stored_ms)
    : { type: 'credit', ...moneyOf(record), transaction_id: creditLegId(record.transaction_id ?? '') }
  if (event === undefined || (!is_first && record.transfer?.counterparty !== client_id)) return undefined
  const timed = at_ms === undefined ? event : { ...event, at_ms }
  return isWhole(timed) ? { client_id, event: timed } : undefined
}
