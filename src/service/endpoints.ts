/**
 * The endpoints of the service `customer`: the role that serves each of them, its subject, and whether it stores
 * anything. The permissions of NATS users are made from this table (`src/permissions`).
 */

import { RULE_COMMAND_TYPES } from '../ledger/rule-command.js'
import type { Effect } from './error.js'

export const SERVICE_NAME = 'customer'

/** The beginning of the subjects on which events are handed in; the customer's id is the rest. */
export const EVENT_REQUEST_PREFIX = `${SERVICE_NAME}.event.`

export type ServiceEndpoint = {
  readonly name: string
  readonly role: 'queries' | 'commands' | 'operations'
  readonly effect: Effect
  /** The subject of requests; the one of `event` has a wildcard for the customer's id. */
  readonly subject: string
}

const endpoint = (role: ServiceEndpoint['role'], effect: Effect, name: string): ServiceEndpoint => ({
  name,
  role,
  effect,
  subject: name === 'event' ? `${EVENT_REQUEST_PREFIX}*` : `${SERVICE_NAME}.${name}`,
})

/** An endpoint for operators; its name keeps it apart from those for customers. */
const operation = (effect: Effect, name: string): ServiceEndpoint => ({
  name: `operations-${name}`,
  role: 'operations',
  effect,
  subject: `${SERVICE_NAME}.operations.${name}`,
})

export const ENDPOINTS: readonly ServiceEndpoint[] = [
  ...['balance', 'account', 'holds', 'explain', 'statement', 'list', 'ranking', 'summary', 'events'].map(
    name => endpoint('queries', 'read', name),
  ),
  endpoint('commands', 'read', 'transaction'),
  ...['credit', 'debit', 'transfer', ...RULE_COMMAND_TYPES, 'reverse', 'batch', 'event'].map(name =>
    endpoint('commands', 'write', name),
  ),
  ...['status', 'letters', 'parked'].map(name => operation('read', name)),
  ...['retry', 'discard', 'replay', 'cancel'].map(name => operation('write', name)),
]
