/**
 * Folds events for a table that has no readers yet, and gathers the changes until a checkpoint writes them.
 */

import { E } from '../../fp.js'
import { type AccountId, accountOn, eventSubject } from '../../ledger/account-id.js'
import { type Customer, NEW_CUSTOMER, step } from '../../ledger/fold.js'
import { NO_SKIPS, type Skips } from '../../ledger/skip.js'
import type { Recorded } from '../../stream/recorded.js'
import { createFold, decodeFor, type RunFindings } from '../fold-run.js'
import { createPending, ITEMS_MAX, newPart, type Part, type Pending } from '../pending.js'
import type { Target } from '../target.js'
import { countRows, type TableContent } from './expected.js'

/** The changes since the last checkpoint. */
export type Gathered = { readonly levels: Part[][]; readonly parked: RunFindings['parked'] }

export type FoldGatherer = {
  /** Folds `records`, which are in ascending order of sequence. */
  readonly run: (records: readonly Recorded[]) => void
  /** Takes the parked customers whose decision was found since the last call, with the sequence at which each waits. */
  readonly takeDecided: () => ReadonlyMap<AccountId, number>
  /**
   * Begins to fold a parked customer again from the event at which it waits, with the decisions about it. Returns a
   * function that takes the events of the customer's subject from there on.
   */
  readonly takeUp: (id: AccountId, skips: Skips) => (records: readonly Recorded[]) => void
  /** Takes the gathered changes. After that, `expected` includes them. */
  readonly take: () => Gathered
}

type Shape = Pick<Target, 'projection' | 'decode'>

/** The gatherer for a projection that makes rows, which are held until they are written. */
const gatherRows = ({ projection, decode }: Shape, expected: TableContent): FoldGatherer => {
  const { customers } = expected
  const foldInto = (pending: Pending, skips: Skips) =>
    createFold({ projection, decode, skips, whole_transfers: false }, customers, pending)
  const begin = () => {
    const pending = countRows(createPending(), expected)
    return { pending, fold: foldInto(pending, NO_SKIPS), parked: [] as RunFindings['parked'] }
  }
  let gathered = begin()
  let decided = new Map<AccountId, number>()

  /**
   * Keeps what a rebuild needs of the findings. It drops the letters at once: a rebuild keeps none, and may meet
   * many.
   */
  const take = (findings: RunFindings): void => {
    gathered.parked.push(...findings.parked)
    for (const { id, parked } of findings.decided) decided.set(id, parked.seq)
  }

  return {
    run: records => {
      gathered.fold.run(records)
      take(gathered.fold.findings())
    },
    takeDecided: () => {
      const found = decided
      decided = new Map()
      return found
    },
    takeUp: (id, skips) => {
      const from = customers.get(id) ?? NEW_CUSTOMER
      const to = { account: from.account }
      gathered.pending.add([{ id, from, to, inserts: [], additions: [], bytes: 0 }])
      customers.set(id, to)
      const fold = foldInto(gathered.pending, skips)
      return records => {
        fold.run(records)
        take(fold.findings())
      }
    },
    take: () => {
      const { pending, parked } = gathered
      gathered = begin()
      const isParked = ({ id }: RunFindings['parked'][number]) => customers.get(id)?.parked !== undefined
      return { levels: pending.levels(), parked: parked.filter(isParked) }
    },
  }
}

/** A customer during the fold. `from` is the customer as the table has it, if that differs, and otherwise undefined. */
type Place = { readonly id: AccountId; customer: Customer; from: Customer | undefined }

const partsOf = (places: readonly Place[]): Part[] => {
  const parts: Part[] = []
  for (const { id, customer, from } of places) {
    if (from === undefined) continue
    let part = parts.at(-1)
    if (part === undefined || part.heads.size === ITEMS_MAX) {
      part = newPart(0)
      parts.push(part)
    }
    part.heads.set(id, { from, to: customer })
  }
  return parts
}

/**
 * The gatherer for a projection that has only heads: an event costs one lookup of its customer by the whole subject.
 */
const gatherHeads = (shape: Shape, { customers }: TableContent): FoldGatherer => {
  const decode = decodeFor(shape)
  const places = new Map<string, Place>()
  let moved: Place[] = []
  let parked: RunFindings['parked'] = []
  let decided = new Map<AccountId, number>()

  const open = (subject: string): Place | undefined => {
    const id = accountOn(subject)
    // the event is a dead letter, and a rebuild keeps none
    if (E.isLeft(id)) return undefined
    const place = { id: id.right, customer: customers.get(id.right) ?? NEW_CUSTOMER, from: undefined }
    places.set(subject, place)
    return place
  }

  const move = (place: Place, to: Customer): void => {
    if (place.from === undefined) {
      place.from = place.customer
      moved.push(place)
    }
    place.customer = to
  }

  const fold = (place: Place, record: Recorded, skips?: Skips): void => {
    const before = place.customer
    const result = step(before, record, decode(record.body, place.id), skips)
    if (result.tag !== 'applied' && result.tag !== 'parked') return
    move(place, result.customer)
    if (result.tag === 'parked' && result.skip !== undefined && before.parked !== undefined)
      decided.set(place.id, before.parked.seq)
    if (before.parked === undefined && result.customer.parked !== undefined)
      parked.push({ id: place.id, parked: result.customer.parked })
  }

  return {
    run: records => {
      for (const record of records) {
        const place = places.get(record.subject) ?? open(record.subject)
        if (place !== undefined) fold(place, record)
      }
    },
    takeDecided: () => {
      const found = decided
      decided = new Map()
      return found
    },
    takeUp: (id, skips) => {
      const subject = eventSubject(id)
      const place = places.get(subject) ?? open(subject)
      if (place === undefined) return () => undefined
      move(place, { account: place.customer.account })
      return records => {
        for (const record of records) fold(place, record, skips)
      }
    },
    take: () => {
      const isParked = ({ id }: RunFindings['parked'][number]) =>
        places.get(eventSubject(id))?.customer.parked !== undefined
      const gathered = { levels: [partsOf(moved)], parked: parked.filter(isParked) }
      for (const place of moved) {
        customers.set(place.id, place.customer)
        place.from = undefined
      }
      moved = []
      parked = []
      return gathered
    },
  }
}

/** Creates a gatherer. `expected` is the content of the table, and is updated. */
export const createFoldGatherer = (shape: Shape, expected: TableContent): FoldGatherer =>
  shape.projection.fold === undefined ? gatherHeads(shape, expected) : gatherRows(shape, expected)
