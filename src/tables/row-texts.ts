/**
 * Makes the texts of an event for its row in the journal. A text that is too large or nested too deep for a table or a
 * reply is left out and named in `omitted`, so that no event can stop a projection (docs/adr/0027).
 *
 * The limits apply to the text as it is written, not as it was read: `1e20` in an event becomes 21 digits in a row.
 */

import type { Account } from '../ledger/account.js'
import { isDeeperThan } from '../ledger/depth.js'
import type { LedgerEvent } from '../ledger/event.js'
import type { AccountRules } from '../ledger/rules.js'
import { readRules, rulesText } from '../ledger/rules-text.js'

/** The largest metadata, as JSON text in UTF-8. A usual event as a whole is smaller. */
export const METADATA_BYTES_MAX = 64 * 1024
/** The deepest metadata. The strict reading of JSON has the same limit, so a command's metadata is never left out. */
const METADATA_DEPTH_MAX = 32
export const REFERENCE_BYTES_MAX = 64 * 1024

/** The fields that may be left out of a row. */
export type Omitted = 'metadata' | 'reference'

export type RowTexts = {
  readonly reference?: string
  /** The metadata as JSON text. */
  readonly metadata?: string
  /** The refusal of a declined command as JSON text: a retry gets the same answer. */
  readonly declined?: string
  readonly omitted: readonly Omitted[]
}

const NONE: readonly Omitted[] = []

/** Replaces halves of surrogate pairs: JSON can hold them, but UTF-8 cannot. */
const asUtf8 = (text: string): string => Buffer.from(text, 'utf8').toString('utf8')

const metadataText = (metadata: object): string | undefined => {
  if (isDeeperThan(metadata, METADATA_DEPTH_MAX)) return undefined
  const text = JSON.stringify(metadata)
  return Buffer.byteLength(text) > METADATA_BYTES_MAX ? undefined : text
}

const bigintText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

/** Any event may have the record of a refusal, though it means something in a `declined` one only. */
const declinedText = (event: LedgerEvent): string | undefined =>
  'declined' in event && event.declined !== undefined ? JSON.stringify(event.declined, bigintText) : undefined

/** Makes the texts of `event` for its row. It never throws, for any event. */
export const rowTexts = (event: LedgerEvent): RowTexts => {
  const declined = declinedText(event)
  const reference = event.reference === undefined ? undefined : asUtf8(event.reference)
  const metadata = event.metadata === undefined ? undefined : metadataText(event.metadata)
  const has_long_reference = reference !== undefined && Buffer.byteLength(reference) > REFERENCE_BYTES_MAX
  const omitted: Omitted[] = [
    ...(event.metadata !== undefined && metadata === undefined ? (['metadata'] as const) : NONE),
    ...(has_long_reference ? (['reference'] as const) : NONE),
  ]
  return {
    ...(reference === undefined || has_long_reference ? {} : { reference }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(declined === undefined ? {} : { declined }),
    omitted: omitted.length === 0 ? NONE : omitted,
  }
}

/** Encodes the omitted fields for a row: their names, separated by blanks. */
export const omittedText = (omitted: readonly Omitted[]): string => omitted.join(' ')

const isOmitted = (name: string): name is Omitted => name === 'metadata' || name === 'reference'

/** Decodes the omitted fields of a row; unknown names are ignored. */
export const omittedOf = (text: string): readonly Omitted[] => text.split(' ').filter(isOmitted)

/** The longest text of rules in a row, in characters: some 35 holds with usual ids. */
const RULES_CHARS_MAX = 2_048
/** Stands for a longer text: the rules after the event have to be folded. */
const LONG_RULES = '-'

const rulesIfShort = (rules: AccountRules): string => {
  const text = rulesText(rules)
  return text.length > RULES_CHARS_MAX ? LONG_RULES : text
}

/** What a row says of the account's rules after its event; a plain account has none of it. */
export type RowRules = {
  readonly account_rules?: string
  /** The sum of the open holds; absent when there are none. */
  readonly held?: bigint
  /** Balance - held + limit; absent where that is the balance. */
  readonly available?: bigint
}

/** Encodes the account's rules after an event for its row. */
export const rowRules = ({ balance, rules }: Pick<Account, 'balance' | 'rules'>): RowRules => {
  if (rules === undefined) return {}
  const { held, limit } = rules
  return {
    account_rules: rulesIfShort(rules),
    ...(held === 0n ? {} : { held }),
    ...(held === limit ? {} : { available: balance - held + limit }),
  }
}

/** The account after the event of a row; undefined when the row does not have its rules, or no readable ones. */
export const accountOfRow = (row: {
  readonly balance: bigint
  readonly version: number
  readonly seq: number
  readonly account_rules?: string | undefined
}): Account | undefined => {
  const { balance, version, seq, account_rules } = row
  if (account_rules === undefined) return { balance, version, seq }
  const rules = readRules(account_rules)
  return rules && { balance, version, seq, rules }
}
