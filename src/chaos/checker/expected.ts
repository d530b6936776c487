/**
 * Computes from the stream what the table has to hold: the heads of the accounts, a row for each event that counts, and the
 * sums, in their documented forms (docs/adr). The program keeps each sum in several parts; here a sum is one item.
 */

import type { Item } from './dynamodb.js'
import type { Event } from './event.js'
import type { Folded, Ledger, State } from './fold.js'
import { isObject, type Json } from './json.js'
import { heldOf, termsText } from './terms.js'

/** The items of the table by their ids, whose first character tells what an item is. */
export type Contents = ReadonlyMap<string, Item>

const NS_PER_MS = 1_000_000n
const SHARDS = 8

const text = (value: string): string => `S:${value}`
const number = (value: bigint | number): string => `N:${value}`

/** Makes an item of the fields that are not undefined. */
const item = (fields: Readonly<Record<string, string | undefined>>): Item =>
  new Map(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  )

/** The asset in the id of an account; empty for the default one. */
const assetIn = (id: string): string => id.split('/')[1] ?? ''

/** The shard of an account in the indexes over heads, from the FNV-1a hash of its id. */
const shardOf = (id: string): string => {
  let hash = 0x811c9dc5
  for (const char of id) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
  const asset = assetIn(id)
  return `${asset === '' ? '' : `${asset}:`}${(hash >>> 0) % SHARDS}`
}

/** The head of an account: its state, its shard, and when the first of its holds expires. */
const headOf = (id: string, { balance, version, seq, terms }: State): Item => {
  const expiries = (terms?.holds ?? []).map(({ expires_ms }) => expires_ms)
  return item({
    ...{ id: text(id), client_balance: number(balance), version: number(version), seq: number(seq) },
    account_rules: terms && text(termsText(terms)),
    held: terms && number(heldOf(terms)),
    shard: text(shardOf(id)),
    expires_ms: expiries.length === 0 ? undefined : number(Math.min(...expiries)),
  })
}

/** Writes JSON as JavaScript does, but keeps every digit of whole numbers. */
const jsonText = (value: Json): string => {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([name, one]) => `${JSON.stringify(name)}:${jsonText(one)}`)
    .join(',')}}`
}

/** Amounts in the record of a refusal are texts in a row, whatever they are in the event. */
const declinedText = ({ declined }: Event): string | undefined =>
  declined &&
  JSON.stringify({
    ...{ command: declined.command, code: declined.code, client_id: declined.client_id },
    balance: String(declined.balance),
    ...Object.fromEntries(Object.entries(declined.more).map(([name, value]) => [name, String(value)])),
  })

const detailsText = ({ details }: Event): string | undefined =>
  Object.keys(details).length === 0 ? undefined : jsonText(details)

const rowIdOf = ({ transaction_id }: Event, seq: number, taken: ReadonlySet<string>): string => {
  const own = `#${transaction_id}`
  return transaction_id === undefined || taken.has(own) ? `@${seq}` : own
}

/** The longest text of terms that a row has; a longer one is a dash there. */
const TERMS_CHARS_MAX = 2_048
const rowTerms = ({ terms }: State): string | undefined => {
  const all = terms && termsText(terms)
  return all !== undefined && all.length > TERMS_CHARS_MAX ? '-' : all
}

/** What is available, where that is not the balance. */
const availableOf = ({ balance, terms }: State): string | undefined => {
  const [held, limit] = [heldOf(terms), terms?.limit ?? 0n]
  return held === limit ? undefined : number(balance - held + limit)
}

const optionalText = (value: string | undefined): string | undefined =>
  value === undefined ? undefined : text(value)

const atOf = ({ entry }: Folded): string => new Date(Number(entry.time_ns / NS_PER_MS)).toISOString()

const rowOf = (id: string, folded: Folded, event: Event): Item => {
  const { entry, client_id = '', before, after } = folded
  return item({
    ...{ id: text(id), client_id: text(client_id), seq: number(entry.seq), type: text(event.type) },
    ...{ balance: number(after.balance), version: number(after.version) },
    amount: event.amount === undefined ? undefined : number(event.amount),
    held: heldOf(after.terms) === 0n ? undefined : number(heldOf(after.terms)),
    available: availableOf(after),
    details: optionalText(detailsText(event)),
    account_rules: optionalText(rowTerms(after)),
    ...{ previous_seq: number(before.seq), at: text(atOf(folded)) },
    transaction_id: optionalText(event.transaction_id),
    counterparty: optionalText(event.counterparty),
    reference: optionalText(event.reference),
    metadata: event.metadata && text(jsonText(event.metadata)),
    declined: optionalText(declinedText(event)),
  })
}

const SUMS = ['customers', 'balance', 'held', 'credits', 'credited', 'debits', 'debited', 'declined'] as const
type Sums = Map<string, Map<string, bigint>>

/** The amounts that an event adds to a sum, by attribute name. */
const shareOf = (
  { type, amount = 0n }: Event,
  { before, after }: Folded,
): Readonly<Record<string, bigint>> => ({
  ...(type === 'declined' ? { declined: 1n } : {}),
  ...(type === 'credit' ? { credits: 1n, credited: amount } : {}),
  ...(type === 'debit' ? { debits: 1n, debited: amount } : {}),
  ...{ balance: after.balance - before.balance, held: heldOf(after.terms) - heldOf(before.terms) },
  customers: before.version === 0 && after.version > 0 ? 1n : 0n,
})

const addTo = (sums: Sums, key: string, share: Readonly<Record<string, bigint>>): void => {
  const sum = sums.get(key) ?? new Map<string, bigint>()
  for (const [name, by] of Object.entries(share)) sum.set(name, (sum.get(name) ?? 0n) + by)
  sums.set(key, sum)
}

/** A sum as one item. An attribute that is zero may be missing in a table, so it is always left out here. */
const sumItem = (key: string, parts: ReadonlyMap<string, bigint>): Item =>
  item({
    id: text(key),
    ...Object.fromEntries(
      SUMS.filter(name => (parts.get(name) ?? 0n) !== 0n).map(name => [name, number(parts.get(name) ?? 0n)]),
    ),
  })

/**
 * The item about the table itself. What follows from the stream is only that it is there and has no doubt of the sums. It says
 * which events have rows.
 */
const IDENTITY = 'table identity'
const identityItem = (journal?: string, sums_doubt?: string): Item =>
  item({ id: text(IDENTITY), journal, sums_doubt })

const SAVEPOINTS = text('savepoints')
/** The number of versions from one savepoint of an account to the next. */
const VERSIONS_APART = 64

/** Whether an event has a row in a table of savepoints. */
const isSavepoint = ({ before, after }: Folded): boolean =>
  after.version === before.version || after.version % VERSIONS_APART === 0

/** What the table says of the events that have rows; undefined: every event has one. */
export const journalOf = (contents: Contents): string | undefined => contents.get(IDENTITY)?.get('journal')

const byId = (items: readonly Item[]): ReadonlyMap<string, Item> =>
  new Map(items.map(one => [(one.get('id') ?? '').slice('S:'.length), one]))

/** The contents of the table once everything is folded, with rows as `journalOf` the table says. */
export const expectedContents = (ledger: Ledger, journal?: string): Contents => {
  const has_savepoints = journal === SAVEPOINTS
  const rows: Item[] = []
  const taken = new Set<string>()
  const sums: Sums = new Map()
  for (const folded of ledger.all) {
    const { event, outcome, entry } = folded
    if (event === undefined || outcome !== 'applied') continue
    const row_id = has_savepoints ? `@${entry.seq}` : rowIdOf(event, entry.seq, taken)
    taken.add(row_id)
    if (!has_savepoints || isSavepoint(folded)) rows.push(rowOf(row_id, folded, event))
    const asset = assetIn(folded.client_id ?? '')
    for (const key of ['=all', `=day:${atOf(folded).slice(0, 10)}`])
      addTo(sums, asset === '' ? key : `${key}:${asset}`, shareOf(event, folded))
  }
  const heads = ledger.customers().map(id => headOf(id, ledger.stateAt(id, ledger.last_seq)))
  const all = [...sums].map(([key, parts]) => sumItem(key, parts))
  return byId([...heads, ...rows, ...all, identityItem(journal)])
}

const PART = /^(=(?:all|day:\d{4}-\d\d-\d\d)(?::[A-Z][A-Z0-9]{0,15})?):[0-7]$/

/**
 * Brings the table into the form of `expectedContents`: adds up the parts of sums, and leaves of the identity item only the
 * kind of its journal and its doubt of the sums. Nothing in a run gives reason for one, and no summary is given until a person ends it.
 */
export const normalized = (items: Contents): Contents => {
  const whole = new Map(items)
  const identity = items.get(IDENTITY)
  if (identity !== undefined)
    whole.set(IDENTITY, identityItem(identity.get('journal'), identity.get('sums_doubt')))
  const sums: Sums = new Map()
  for (const [id, part] of items) {
    const key = PART.exec(id)?.[1]
    if (key === undefined) continue
    whole.delete(id)
    const share = SUMS.map(name => [name, BigInt(part.get(name)?.slice('N:'.length) ?? 0)] as const)
    addTo(sums, key, Object.fromEntries(share))
  }
  for (const [key, parts] of sums) whole.set(key, sumItem(key, parts))
  return whole
}
