/**
 * Gives the schemas of the OpenAPI document names, so that programs which make types of the document get types with
 * names. The document is written with the schemas themselves; here each named one becomes a reference to
 * `components.schemas`.
 */

import {
  ACCOUNT_REPLY,
  ACCOUNT_THEN,
  BALANCE_ANSWER,
  BATCH_REPLY,
  EXPLAIN_REPLY,
  EXPLAINED,
  HOLD,
  HOLDS_REPLY,
  LIST_REPLY,
  MOVEMENT_REPLY,
  POSITION,
  RANKING_REPLY,
  REFUSAL,
  STATEMENT_ENTRY,
  STATEMENT_REPLY,
  SUM,
  SUMMARY_REPLY,
  TRANSACTION_ANSWER,
  TRANSFER_REPLY,
} from './answers.js'
import { PROBLEM_SCHEMA } from './problem.js'
import type { Route } from './route.js'
import { BATCH_COMMAND } from './routes.js'
import {
  AMOUNT,
  BALANCE,
  CLIENT_ID,
  CURSOR,
  DAY,
  METADATA,
  REFERENCE,
  type Schema,
  SEQ,
  STORED_TRANSACTION_ID,
  TIME,
  TOTAL,
  TRANSACTION_ID,
  VERSION,
} from './schema.js'

type Named = { readonly document: unknown; readonly schemas: Readonly<Record<string, unknown>> }

const NAMES: readonly (readonly [Schema, string])[] = [
  [ACCOUNT_REPLY, 'Account'],
  [ACCOUNT_THEN, 'AccountThen'],
  [AMOUNT, 'Amount'],
  [BALANCE, 'Balance'],
  [BALANCE_ANSWER, 'CustomerBalance'],
  [BATCH_COMMAND, 'BatchCommand'],
  [BATCH_REPLY, 'BatchResults'],
  [CLIENT_ID, 'ClientId'],
  [CURSOR, 'Cursor'],
  [DAY, 'Day'],
  [EXPLAIN_REPLY, 'Explanation'],
  [EXPLAINED, 'ExplainedEvent'],
  [HOLD, 'Hold'],
  [HOLDS_REPLY, 'Holds'],
  [LIST_REPLY, 'Customers'],
  [METADATA, 'Metadata'],
  [MOVEMENT_REPLY, 'Movement'],
  [POSITION, 'Position'],
  [PROBLEM_SCHEMA, 'Problem'],
  [RANKING_REPLY, 'Ranking'],
  [REFERENCE, 'Reference'],
  [REFUSAL, 'Refusal'],
  [SEQ, 'Sequence'],
  [STATEMENT_ENTRY, 'StatementEntry'],
  [STATEMENT_REPLY, 'Statement'],
  [STORED_TRANSACTION_ID, 'StoredTransactionId'],
  [SUM, 'MovementSum'],
  [SUMMARY_REPLY, 'Summary'],
  [TIME, 'Time'],
  [TOTAL, 'Total'],
  [TRANSACTION_ANSWER, 'Transaction'],
  [TRANSACTION_ID, 'TransactionId'],
  [TRANSFER_REPLY, 'Transfer'],
  [VERSION, 'Version'],
]

const capitalised = (operation: string): string => operation.charAt(0).toUpperCase() + operation.slice(1)

/** The names of all schemas: those above, and those of each route's body and answer, made from its operation. */
export const schemaNames = (routes: readonly Route[]): ReadonlyMap<object, string> => {
  const names = new Map<object, string>(NAMES)
  for (const { operation, body, reply, answer = reply } of routes) {
    if (body !== undefined && !names.has(body)) names.set(body, `${capitalised(operation)}Request`)
    if (!names.has(answer)) names.set(answer, `${capitalised(operation)}Answer`)
  }
  return names
}

/** Replaces each named schema in a document by a reference. `schemas` has the ones that the document uses, by name. */
export const withReferences = (document: unknown, names: ReadonlyMap<object, string>): Named => {
  const schemas = new Map<string, unknown>()
  const replaced = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value
    const name = names.get(value)
    if (name === undefined) return childrenReplaced(value)
    if (!schemas.has(name)) schemas.set(name, childrenReplaced(value))
    return { $ref: `#/components/schemas/${name}` }
  }
  const childrenReplaced = (value: object): unknown =>
    Array.isArray(value)
      ? value.map(replaced)
      : Object.fromEntries(Object.entries(value).map(([key, child]) => [key, replaced(child)]))
  const result = replaced(document)
  const sorted = [...schemas].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { document: result, schemas: Object.fromEntries(sorted) }
}
