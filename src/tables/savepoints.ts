/**
 * Which events have a row of the journal: every one, or savepoints only (docs/adr/0062).
 *
 * With savepoints, an account has a row at every 64th version, and for each event that leaves the version as it is, such as a
 * recorded refusal. So the events between two rows are at most 63, and anybody who needs one of them folds the account's subject
 * from the row before it.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E } from '../fp.js'
import { type Account, OPENING } from '../ledger/account.js'
import type { AccountId } from '../ledger/account-id.js'
import type { Identity } from './identity.js'
import { readRows } from './journal-pages.js'
import type { LinkedRow } from './journal-row.js'
import { accountOfRow } from './row-texts.js'

/** Which events of a table have rows: what an operator chooses, and what a table's identity says. */
export type JournalKind = 'every-event' | 'savepoints'

/** Which events have rows in the table of this identity. */
export const journalOf = (identity: Identity | undefined): JournalKind => identity?.journal ?? 'every-event'

/** What the identity of a table says of its journal: nothing, where every event has a row. */
export const journalNote = (journal: JournalKind): 'savepoints' | undefined =>
  journal === 'savepoints' ? journal : undefined

/** The number of versions from one savepoint of an account to the next. */
const VERSIONS_APART = 64

/** Whether the event between the two accounts has a row in a table of savepoints. */
export const isSavepoint = (from: Account, to: Account): boolean =>
  to.version === from.version || to.version % VERSIONS_APART === 0

/** The most rows that are read for one that serves. */
const ROWS_BACK_MAX = 100

/**
 * The number of events that count from `older`, which is left out, to `newer`. It is the difference of the versions, and one
 * for each row between them that left the version as it was.
 */
const eventsBetween = (rows: readonly LinkedRow[], newer: number, older: number): number => {
  let events = (rows[newer]?.version ?? 0) - (rows[older]?.version ?? 0)
  for (let at = newer; at < older; at += 1) if (rows[at]?.version === rows[at + 1]?.version) events += 1
  return events
}

/**
 * An account at its last row up to `seq` from which at least `events_min` events count up to the newest row: a fold from there
 * gives the last of them. The account before all events when no row serves, or none can be read.
 */
export const lastSavepoint = async (
  client: DynamoDBDocumentClient,
  table: string,
  id: AccountId,
  seq: number,
  events_min = 0,
): Promise<Account> => {
  // mostly few rows are enough: more are there where refusals were recorded, or where long rules are left out
  for (const rows_max of [1 + Math.ceil(events_min / VERSIONS_APART), ROWS_BACK_MAX + events_min]) {
    const range = { from_seq: 0, to_seq: seq, newest_first: true, rows_max }
    const rows = await readRows(client, table, id, range)()
    if (E.isLeft(rows)) return OPENING
    for (const [at, row] of rows.right.entries()) {
      const account = eventsBetween(rows.right, 0, at) >= events_min ? accountOfRow(row) : undefined
      if (account !== undefined) return account
    }
    if (rows.right.length < rows_max) return OPENING
  }
  return OPENING
}
