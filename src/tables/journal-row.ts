/**
 * The codec of the journal's rows. A row is one event that counts, and the customer's account after it. A table may hold
 * anything, so every row is decoded before it is used.
 */

import { E, t } from '../fp.js'
import { readJson } from '../json.js'
import { AccountId } from '../ledger/account-id.js'
import { fieldsOf } from '../ledger/codec.js'
import { whole } from './whole.js'

/** A JSON text, decoded to the value that it stands for. */
const jsonText = new t.Type<unknown, string, unknown>(
  'JSON text',
  (_u): _u is unknown => true,
  (u, context) => {
    const parsed = typeof u === 'string' ? readJson(u) : E.left('')
    return E.isRight(parsed) ? t.success(parsed.right) : t.failure(u, context)
  },
  value => JSON.stringify(value),
)

const REQUIRED = {
  client_id: AccountId,
  seq: whole,
  type: t.keyof({
    credit: null,
    debit: null,
    declined: null,
    hold: null,
    release: null,
    limit: null,
    state: null,
  }),
  balance: t.bigint,
  version: whole,
}

const OPTIONAL = {
  /** Absent for an event that has none, such as a limit. */
  amount: t.bigint,
  /** The fields that only events of schema 2 have, as they stand in the event. */
  details: jsonText,
  /** The sum of the open holds after the event; absent when there are none. */
  held: t.bigint,
  /** What could be spent after the event: balance - held + limit; absent where that is the balance. */
  available: t.bigint,
  /** The account's rules after the event, or `-` for a long text (`row-texts.ts`); absent for a plain account. */
  account_rules: t.string,
  transaction_id: t.string,
  reference: t.string,
  metadata: jsonText,
  counterparty: AccountId,
  declined: jsonText,
  /** The names of the fields of the event that are too large for a row (`row-texts.ts`). */
  omitted: t.string,
  /** The caller of the event (ledger/caller.ts). */
  by: t.string,
}

/** A row that is found by its own id. */
export const KeyedRow = fieldsOf({ ...REQUIRED, id: t.string }, OPTIONAL)
export type KeyedRow = t.TypeOf<typeof KeyedRow>

/**
 * A row among its customer's rows. `previous_seq` is the sequence of the row before it, or 0 for the first row; `at` is
 * ISO 8601.
 */
export const LinkedRow = fieldsOf({ ...REQUIRED, previous_seq: whole, at: t.string }, OPTIONAL)
export type LinkedRow = t.TypeOf<typeof LinkedRow>
