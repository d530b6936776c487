/**
 * Folds a run of the stream in memory: what each customer becomes, what is written for it, what is a dead letter.
 */

import type { Verdict } from '../dead-letters/letters.js'
import { E } from '../fp.js'
import { type ClientId, clientIdOf } from '../ledger/client-id.js'
import { type Decoded, decodeEvent, decodeMovement, type LedgerEvent, SECOND_LEG } from '../ledger/event.js'
import { type Customer, NEW_CUSTOMER, type Parked, type Step, step } from '../ledger/fold.js'
import type { Skip, Skips } from '../ledger/skip.js'
import type { Recorded } from '../stream/recorded.js'
import type { Insert } from '../tables/transact.js'
import type { Effect, Pending } from './pending.js'
import type { Projection, Rows } from './projection.js'

export type Decode = (body: Uint8Array) => Decoded

export type Letter = { readonly event: Recorded; readonly verdict: Verdict }

/** What came out of a run besides what it writes. */
export type Findings = {
  readonly letters: Letter[]
  readonly parked: { readonly id: ClientId; readonly parked: Parked }[]
  /** Parked customers whose decision has come: they have to be folded again from where they wait. */
  readonly decided: { readonly id: ClientId; readonly parked: Parked }[]
  /** Decisions that no customer here waits for. */
  readonly decisions: { readonly event: Recorded; readonly skip: Skip }[]
  /** Events whose writer claimed another result than the fold's. */
  readonly mismatches: Recorded[]
}

export type FoldOptions = {
  readonly projection: Projection
  readonly decode?: Decode | undefined
  /** Decisions about events that the fold would stop at. */
  readonly skips?: Skips | undefined
  /** Whether the two sides of a transfer have to be written together: always, but in a table that nobody reads yet. */
  readonly whole_transfers: boolean
}

/** How a projection reads an event: one that makes no rows needs only what moves its heads. */
export const decodeFor = ({ projection, decode }: Pick<FoldOptions, 'projection' | 'decode'>): Decode =>
  decode ?? (projection.fold === undefined ? decodeMovement : decodeEvent)

/** The customers whose heads a run needs; subjects without a valid id have none. */
export const customersOf = (records: readonly Recorded[]): ClientId[] => {
  const ids = new Set<ClientId>()
  for (const { subject } of records) {
    const id = clientIdOf(subject)
    if (E.isRight(id)) ids.add(id.right)
  }
  return [...ids]
}

/** An event that has a place: its customer, and its body as far as it can be read. */
type Placed = { readonly record: Recorded; readonly id: ClientId; readonly decoded: Decoded }

const eventOf = ({ decoded }: Placed): LedgerEvent | undefined =>
  decoded.tag === 'event' ? decoded.event : undefined

/** Whether an event is the first side of a transfer, whose second side has to be the stream's next event. */
export const isFirstLeg = (event: LedgerEvent | undefined): boolean =>
  event?.type === 'debit' && event.transfer !== undefined

/** Whether the second side of a transfer belongs to these too; where decoding throws, the fold will say so. */
export const endsInTransfer = (records: readonly Recorded[], decode: Decode = decodeEvent): boolean => {
  const last = records.at(-1)
  if (last === undefined) return false
  try {
    const decoded = decode(last.body)
    return decoded.tag === 'event' && isFirstLeg(decoded.event)
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

/** What an item takes besides its texts. */
const ITEM_BYTES = 512
/** So many characters are counted as the longest that they can be. */
const SHORT_CHARS = 64

/** What an item takes as it is written: an event's numbers and escapes may be several times as long as they were. */
const bytesOf = ({ attributes }: Insert): number => {
  let bytes = ITEM_BYTES
  for (const name in attributes) {
    const value = attributes[name]
    if (typeof value === 'string')
      bytes += value.length <= SHORT_CHARS ? 3 * value.length : Buffer.byteLength(value)
  }
  return bytes
}

const NO_ROWS: Rows = {}
const NONE: readonly never[] = []

/** Notes what a parked customer waits for, or has waited for. Gives whether there is anything to write. */
const noteParked = (
  findings: Findings,
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

/**
 * Folds runs, one after the other, over `customers`, which holds the heads as they were read and is kept current.
 * What is to be written goes to `pending`.
 */
export const createFold = (options: FoldOptions, customers: Map<ClientId, Customer>, pending: Pending) => {
  const { projection, whole_transfers, skips } = options
  const decode = decodeFor(options)
  const findings: Findings = { letters: [], parked: [], decided: [], decisions: [], mismatches: [] }
  const row_ids = new Set<string>()

  /** Of two events with one id the first keeps it, also when both are in one run. */
  const claimed = (insert: Insert): Insert => {
    const id = row_ids.has(insert.id) ? insert.instead_id : insert.id
    row_ids.add(id)
    return id === insert.id ? insert : { ...insert, id }
  }

  const effectOf = (placed: Placed, from: Customer, to: Customer): Effect => {
    const { id, record } = placed
    if (projection.fold === undefined) return { id, from, to, inserts: NONE, additions: NONE, bytes: 0 }
    const event = eventOf(placed)
    const { inserts = [], additions = [] } =
      event === undefined || to.parked !== undefined
        ? NO_ROWS
        : projection.fold({ id, record, event, from: from.account, to: to.account })
    let bytes = 0
    for (const insert of inserts) bytes += bytesOf(insert)
    return { id, from, to, inserts: inserts.map(claimed), additions, bytes }
  }

  /** What the event changes; undefined when it changes nothing that is still to be gathered. */
  const take = (placed: Placed): Effect | undefined => {
    const { id, record } = placed
    const before = customers.get(id) ?? NEW_CUSTOMER
    const result: Step = step(before, record.seq, placed.decoded, skips)
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
        // a decision that comes again finds everything written
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

  /** Both sides of a transfer together, where they follow each other. */
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
    const id = clientIdOf(record.subject)
    if (E.isRight(id)) return { record, id: id.right, decoded: decode(record.body) }
    findings.letters.push({ event: record, verdict: { reason: 'MALFORMED', detail: id.left } })
    return undefined
  }

  return {
    /** Folds `records`, which ascend in sequence. */
    run: (records: readonly Recorded[]): void => {
      if (whole_transfers) takeAll(records.map(place))
      else for (const record of records) takeAlone(place(record))
    },
    /** What was found since the last call. */
    findings: (): Findings => ({
      letters: findings.letters.splice(0).sort((a, b) => a.event.seq - b.event.seq),
      parked: findings.parked.splice(0),
      decided: findings.decided.splice(0),
      decisions: findings.decisions.splice(0),
      mismatches: findings.mismatches.splice(0),
    }),
  }
}
