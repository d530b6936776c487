/**
 * Folds a run of the stream in memory: computes each customer's new head, the rows and sums to write, and the dead
 * letters.
 *
 * A run is a list of events in stream order, without a gap. Nothing here writes to a table or to the stream.
 */

import type { Verdict } from '../dead-letters/letters.js'
import { E } from '../fp.js'
import { type AccountId, accountOn } from '../ledger/account-id.js'
import { type Decoded, decodeEvent, decodeMovement, type LedgerEvent, SECOND_LEG } from '../ledger/event.js'
import { type Customer, NEW_CUSTOMER, type Parked, type Step, step } from '../ledger/fold.js'
import type { Skip, Skips } from '../ledger/skip.js'
import type { Recorded } from '../stream/recorded.js'
import type { Insert } from '../tables/transact.js'
import type { EventEffect, Pending } from './pending.js'
import type { Applied, Projection } from './projection.js'

/** Decodes the body of a message on an account's subject. */
export type Decode = (body: Uint8Array, id: AccountId) => Decoded

export type Letter = { readonly event: Recorded; readonly verdict: Verdict }

/** The results of a run besides the items that it writes. */
export type RunFindings = {
  readonly letters: Letter[]
  readonly parked: { readonly id: AccountId; readonly parked: Parked }[]
  /** Parked customers whose decision has come: they have to be folded again from the event at which they wait. */
  readonly decided: { readonly id: AccountId; readonly parked: Parked }[]
  /** Decisions about an event at which the customer does not wait. */
  readonly decisions: { readonly event: Recorded; readonly skip: Skip }[]
  /** Events whose field `after` claims another result than the fold gives. */
  readonly mismatches: Recorded[]
}

export type FoldOptions = {
  readonly projection: Projection
  readonly decode?: Decode | undefined
  /** Decisions to pass over events at which the fold would park the customer. */
  readonly skips?: Skips | undefined
  /**
   * Whether the two sides of a transfer have to be written together. A projector needs that. It is false in a
   * rebuild, whose table has no readers yet, and in the fold of a single customer.
   */
  readonly whole_transfers: boolean
}

/** The customers whose heads a run needs; subjects without a valid id have none. */
export const customersIn = (records: readonly Recorded[]): AccountId[] => {
  const ids = new Set<AccountId>()
  for (const { subject } of records) {
    const id = accountOn(subject)
    if (E.isRight(id)) ids.add(id.right)
  }
  return [...ids]
}

/** An event with a valid customer id, and its body as far as it can be read. */
type Placed = { readonly record: Recorded; readonly id: AccountId; readonly decoded: Decoded }

const eventOf = ({ decoded }: Placed): LedgerEvent | undefined =>
  decoded.tag === 'event' ? decoded.event : undefined

/** Whether an event is the first side of a transfer, whose second side has to be the stream's next event. */
export const isFirstLeg = (event: LedgerEvent | undefined): boolean =>
  event?.type === 'debit' && event.transfer !== undefined

/** Whether the last record is the first side of a transfer. False when decoding throws: the fold will report that. */
export const endsInTransfer = (records: readonly Recorded[], decode: Decode = decodeEvent): boolean => {
  const last = records.at(-1)
  if (last === undefined) return false
  try {
    const id = accountOn(last.subject)
    const decoded = E.isRight(id) ? decode(last.body, id.right) : undefined
    return decoded?.tag === 'event' && isFirstLeg(decoded.event)
  } catch {
    return false
  }
}

const areOneTransfer = (first: Placed, second: Placed): boolean => {
  const [debit, credit] = [eventOf(first), eventOf(second)]
  return (
    isFirstLeg(debit) &&
    credit?.type === 'credit' &&
    second.record.seq === first.record.seq + 1 &&
    debit?.transfer?.counterparty === second.id &&
    credit.transfer?.counterparty === first.id &&
    debit.transaction_id !== undefined &&
    credit.transaction_id === debit.transaction_id + SECOND_LEG
  )
}

/** The size that is counted for an item besides its texts. */
const ITEM_BYTES = 512
/** Texts up to this length are not measured; each character is counted as 3 bytes. */
const SHORT_CHARS = 64

/** The estimated size of an item in bytes. The item may be several times as large as its event's body. */
const bytesOf = ({ attributes }: Insert): number => {
  let bytes = ITEM_BYTES
  for (const name in attributes) {
    const value = attributes[name]
    if (typeof value === 'string')
      bytes += value.length <= SHORT_CHARS ? 3 * value.length : Buffer.byteLength(value)
  }
  return bytes
}

/** Adds a newly parked customer, or one whose decision has come, to `findings`. Returns whether its head changes. */
const noteParked = (
  findings: RunFindings,
  { id }: Placed,
  before: Customer,
  { customer, skip }: Extract<Step, { tag: 'parked' }>,
): boolean => {
  const { parked } = customer
  if (parked === undefined) return true
  if (before.parked === undefined) findings.parked.push({ id, parked })
  if (skip !== undefined) findings.decided.push({ id, parked })
  return before.parked?.last_seq !== parked.last_seq
}

/** The texts of an event are needed for its row only. */
const decoderOf = ({ projection, decode }: FoldOptions): Decode =>
  decode ?? (projection.hasRow === undefined ? decodeEvent : decodeMovement)

/** The event with all that its row holds. */
const eventForRow = (
  { projection, decode = decodeEvent }: FoldOptions,
  { record, id }: Placed,
  event: LedgerEvent,
): LedgerEvent => {
  if (projection.hasRow === undefined) return event
  const whole = decode(record.body, id)
  return whole.tag === 'event' ? whole.event : event
}

/**
 * Folds runs, one after the other, over `customers`. The map holds the heads as they were read, and each run updates
 * it. The changes to write go to `pending`.
 */
export const createFold = (options: FoldOptions, customers: Map<AccountId, Customer>, pending: Pending) => {
  const { projection, whole_transfers, skips } = options
  const decode = decoderOf(options)
  const findings: RunFindings = { letters: [], parked: [], decided: [], decisions: [], mismatches: [] }
  const row_ids = new Set<string>()

  /** Gives each row id to the first event that uses it; a later event's row gets the id from its sequence. */
  const claimRowId = (insert: Insert): Insert => {
    const id = row_ids.has(insert.id) ? insert.instead_id : insert.id
    row_ids.add(id)
    return id === insert.id ? insert : { ...insert, id }
  }

  const effectOf = (placed: Placed, from: Customer, to: Customer): EventEffect => {
    const { id, record } = placed
    const event = eventOf(placed)
    if (event === undefined || to.parked !== undefined)
      return { id, from, to, inserts: [], additions: [], bytes: 0 }
    const applied: Applied = { id, record, event, from: from.account, to: to.account }
    const additions = projection.additionsOf(applied)
    if (projection.hasRow?.(from.account, to.account) === false)
      return { id, from, to, inserts: [], additions, bytes: 0 }
    const insert = claimRowId(projection.rowOf({ ...applied, event: eventForRow(options, placed, event) }))
    return { id, from, to, inserts: [insert], additions, bytes: bytesOf(insert) }
  }

  /** Folds one event. Returns its effect, or undefined when the event changes nothing. */
  const take = (placed: Placed): EventEffect | undefined => {
    const { id, record } = placed
    const before = customers.get(id) ?? NEW_CUSTOMER
    const result: Step = step(before, record, placed.decoded, skips)
    switch (result.tag) {
      case 'seen':
        return undefined
      case 'dead':
        findings.letters.push({ event: record, verdict: result })
        return undefined
      case 'decision':
        findings.decisions.push({ event: record, skip: result.skip })
        return undefined
      case 'parked':
        // when a decision is delivered again, its effect is already written
        if (!noteParked(findings, placed, before, result)) return undefined
        break
      case 'applied':
        if (result.mismatch) findings.mismatches.push(record)
    }
    customers.set(id, result.customer)
    return effectOf(placed, before, result.customer)
  }

  const takeAlone = (placed: Placed | undefined): void => {
    const effect = placed === undefined ? undefined : take(placed)
    if (effect !== undefined) pending.add([effect])
  }

  /** Adds the effects of both sides of a transfer together, where the sides follow each other. */
  const takeAll = (placed: readonly (Placed | undefined)[]): void => {
    for (let at = 0; at < placed.length; at += 1) {
      const [first, second] = [placed[at], placed[at + 1]]
      if (first === undefined) continue
      if (second === undefined || !areOneTransfer(first, second)) {
        takeAlone(first)
        continue
      }
      const effects = [take(first), take(second)].filter(effect => effect !== undefined)
      if (effects.length > 0) pending.add(effects)
      at += 1
    }
  }

  const place = (record: Recorded): Placed | undefined => {
    const id = accountOn(record.subject)
    if (E.isRight(id)) return { record, id: id.right, decoded: decode(record.body, id.right) }
    findings.letters.push({ event: record, verdict: { reason: 'MALFORMED', detail: id.left } })
    return undefined
  }

  return {
    /** Folds `records`, which are in ascending order of sequence. */
    run: (records: readonly Recorded[]): void => {
      if (whole_transfers) takeAll(records.map(place))
      else for (const record of records) takeAlone(place(record))
    },
    /** The findings since the last call. */
    findings: (): RunFindings => ({
      letters: findings.letters.splice(0).sort((a, b) => a.event.seq - b.event.seq),
      parked: findings.parked.splice(0),
      decided: findings.decided.splice(0),
      decisions: findings.decisions.splice(0),
      mismatches: findings.mismatches.splice(0),
    }),
  }
}
