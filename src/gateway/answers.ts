/**
 * The schemas of the service's replies and of the gateway's answers, by operation; replies are checked with them.
 */

import { ASSET_SCALE_MAX } from '../ledger/account-id.js'
import { ACCOUNT_STATES } from '../ledger/event-body-2.js'
import {
  AMOUNT,
  ASSET,
  BALANCE,
  CLIENT_ID,
  COUNT,
  CURSOR,
  DAY,
  listOf,
  METADATA,
  object,
  oneOf,
  type Schema,
  SEQ,
  STORED_TRANSACTION_ID,
  TIME,
  TOTAL,
  TRANSACTION_ID,
  VERSION,
} from './schema.js'

const TRUE: Schema = { type: 'boolean', enum: [true], description: 'the answer to a repetition' }
const TEXT: Schema = { type: 'string' }
const BOOLEAN: Schema = { type: 'boolean' }
const PROOF: Schema = {
  type: 'object',
  description:
    'a proof that a signed head vouches for the event, which scripts/verify-proof.mjs checks offline',
}
const ERASED: Schema = {
  type: 'boolean',
  enum: [true],
  description: 'reference and metadata were sealed under a key that was erased',
}
const BY: Schema = {
  type: 'string',
  description:
    'the caller, after who vouches for it: token or oidc (this gateway), nats (the server), operator (a subcommand)',
  examples: ['token:shop'],
}

/** What the reply to a reversal says beside the positions. */
const DRY_RUN: Schema = {
  type: 'boolean',
  enum: [true],
  description: 'nothing is stored: `seq` is that of the newest event of the customer',
}
const OF_REVERSAL = { reverses: STORED_TRANSACTION_ID, amount: AMOUNT }
/** The asset unless it is the default one. What can be spent may be more than one balance can be, by a credit limit. */
const OF_POSITION = { asset: ASSET, available: TOTAL, held: BALANCE }
export const POSITION = object(
  { client_id: CLIENT_ID, balance: BALANCE, version: VERSION, seq: SEQ },
  OF_POSITION,
)

export const MOVEMENT_REPLY = object(
  {
    transaction_id: STORED_TRANSACTION_ID,
    client_id: CLIENT_ID,
    balance: BALANCE,
    version: VERSION,
    seq: SEQ,
  },
  { replayed: TRUE, dry_run: DRY_RUN, ...OF_POSITION, expires_at: TIME, ...OF_REVERSAL },
)

export const TRANSFER_REPLY = object(
  { transaction_id: STORED_TRANSACTION_ID, from: POSITION, to: POSITION },
  { replayed: TRUE, dry_run: DRY_RUN, ...OF_REVERSAL },
)

/** The reply of `customer.balance`, in the predecessor's exact form. */
export const BARE_BALANCE = object({ balance: BALANCE })

export const BALANCE_ANSWER = object(
  { client_id: CLIENT_ID, balance: BALANCE },
  { version: VERSION, seq: SEQ, ...OF_POSITION },
)

export const HOLD = object({ hold: TRANSACTION_ID, remaining: AMOUNT, expires_at: TIME })

/** Where an account stands. */
const STANDING = {
  balance: BALANCE,
  available: TOTAL,
  held: BALANCE,
  limit: BALANCE,
  state: oneOf(...ACCOUNT_STATES),
  version: VERSION,
  seq: SEQ,
}

/** What the same customer has in another asset; without `asset` it is the default one. */
const OTHER_ASSET = object(STANDING, { asset: ASSET, reason: TEXT, until: TIME })

export const ACCOUNT_REPLY = object(
  {
    client_id: CLIENT_ID,
    ...STANDING,
    holds: listOf(HOLD),
  },
  { asset: ASSET, reason: TEXT, until: TIME, cursor: CURSOR, others: listOf(OTHER_ASSET) },
)

export const HOLDS_REPLY = object(
  { client_id: CLIENT_ID, held: BALANCE, holds: listOf(HOLD) },
  { asset: ASSET, cursor: CURSOR },
)

/** What only events of schema 2 say. */
const OF_EVENT_2 = {
  hold: TRANSACTION_ID,
  final: BOOLEAN,
  expired: BOOLEAN,
  expires_at: TIME,
  limit: BALANCE,
  state: oneOf(...ACCOUNT_STATES),
  reason: TEXT,
  until: TIME,
  reverses: STORED_TRANSACTION_ID,
  reversal_id: TRANSACTION_ID,
}

export const STATEMENT_ENTRY = object(
  {
    type: oneOf('credit', 'debit', 'declined', 'hold', 'release', 'limit', 'state'),
    balance: BALANCE,
    version: VERSION,
    seq: SEQ,
    at: TIME,
  },
  {
    amount: AMOUNT,
    ...OF_POSITION,
    ...OF_EVENT_2,
    transaction_id: STORED_TRANSACTION_ID,
    reference: TEXT,
    metadata: { ...METADATA, maxProperties: Number.MAX_SAFE_INTEGER },
    erased: ERASED,
    counterparty: CLIENT_ID,
    code: TEXT,
    command: { ...TEXT, description: 'the command that was refused' },
    omitted: listOf(oneOf('metadata', 'reference')),
    by: BY,
    proof: PROOF,
    unproved: TEXT,
  },
)

const ASSET_FACTS: Schema = {
  ...object({ scale: { type: 'integer', minimum: 0, maximum: ASSET_SCALE_MAX }, name: TEXT }),
  description: 'what is declared of the asset; there only where `customer.statement` was asked for it',
}

export const STATEMENT_REPLY = object(
  { client_id: CLIENT_ID, entries: listOf(STATEMENT_ENTRY) },
  { asset: ASSET, asset_facts: ASSET_FACTS, cursor: CURSOR },
)

export const LIST_REPLY = object(
  { customers: listOf(object({ client_id: CLIENT_ID, balance: BALANCE, version: VERSION })) },
  { asset: ASSET, cursor: CURSOR },
)

export const RANKING_REPLY = object(
  { ranking: listOf(object({ rank: COUNT, client_id: CLIENT_ID, balance: BALANCE })) },
  { asset: ASSET, cursor: CURSOR },
)

export const SUM = object({ count: COUNT, amount: TOTAL })

export const SUMMARY_REPLY = object(
  {
    customers: COUNT,
    balance: TOTAL,
    credits: SUM,
    debits: SUM,
    declined: COUNT,
    days: listOf(object({ day: DAY, credits: SUM, debits: SUM, declined: COUNT })),
  },
  { held: TOTAL, restricted: COUNT },
)

export const REFUSAL = object({ code: TEXT }, { message: TEXT })

export const TRANSACTION_REPLY: Schema = {
  anyOf: [
    object(
      { status: { type: 'string', const: 'committed' }, reply: { anyOf: [MOVEMENT_REPLY, TRANSFER_REPLY] } },
      { by: BY },
    ),
    object({ status: { type: 'string', const: 'declined' }, error: REFUSAL }, { by: BY }),
    object({ status: { type: 'string', const: 'unknown' } }),
  ],
}

export const TRANSACTION_ANSWER: Schema = {
  anyOf: [
    object(
      {
        transaction_id: STORED_TRANSACTION_ID,
        status: { type: 'string', const: 'committed' },
        reply: { anyOf: [MOVEMENT_REPLY, TRANSFER_REPLY] },
      },
      { by: BY },
    ),
    object(
      {
        transaction_id: STORED_TRANSACTION_ID,
        status: { type: 'string', const: 'declined' },
        error: REFUSAL,
      },
      { by: BY },
    ),
  ],
}

/** An account just before an explained event, or just after it. */
export const ACCOUNT_THEN = object(
  {
    ...STANDING,
    open_holds: COUNT,
    holds: listOf(HOLD),
  },
  { reason: TEXT, until: TIME },
)

/** A message that is no event has no account beside it. */
export const EXPLAINED = object(
  { seq: SEQ, at: TIME, outcome: oneOf('applied', 'refused', 'declined', 'waits', 'decision'), rule: TEXT },
  {
    client_id: CLIENT_ID,
    asset: ASSET,
    by: BY,
    event: { type: 'object', description: 'what the event says' },
    code: TEXT,
    command: TEXT,
    refused_by: CLIENT_ID,
    wanted: { type: 'object', description: 'the event that the refused command would have stored' },
    law: { ...TEXT, description: 'what the law says, where the record of a refusal says another thing' },
    judged_at: TIME,
    counted: {
      type: 'object',
      description: 'the amount, what was available, the hold or how it ended, the restriction',
    },
    before: ACCOUNT_THEN,
    after: ACCOUNT_THEN,
  },
)

export const EXPLAIN_REPLY = object(
  { status: oneOf('explained', 'unknown'), events: listOf(EXPLAINED) },
  { transaction_id: STORED_TRANSACTION_ID, seq: SEQ },
)

export const BATCH_REPLY = object(
  { results: listOf({ anyOf: [MOVEMENT_REPLY, TRANSFER_REPLY, object({ error: REFUSAL })] }) },
  { dry_run: DRY_RUN },
)

/** Whatever was published is shown: only an event that the ledger knows has an amount. */
export const EVENTS_REPLY = object({
  events: listOf(
    object(
      { seq: SEQ, at: TIME, type: TEXT },
      {
        client_id: CLIENT_ID,
        asset: ASSET,
        amount: AMOUNT,
        balance: BALANCE,
        version: VERSION,
        transaction_id: STORED_TRANSACTION_ID,
        reference: TEXT,
        metadata: { ...METADATA, maxProperties: Number.MAX_SAFE_INTEGER },
        erased: ERASED,
        counterparty: CLIENT_ID,
        code: TEXT,
        reason: TEXT,
        schema: COUNT,
        omitted: listOf(oneOf('metadata', 'reference')),
        by: BY,
      },
    ),
  ),
  through_seq: { ...SEQ, description: 'must be a whole number: ask again with it as after_seq' },
})
