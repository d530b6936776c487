/**
 * Gathers what a stretch of the stream makes of a table that nobody reads yet, until its checkpoint writes it.
 */

import { E } from '../../fp.js'
import { type ClientId, clientIdOf, eventSubject } from '../../ledger/client-id.js'
import { type Customer, NEW_CUSTOMER, step } from '../../ledger/fold.js'
import { NO_SKIPS, type Skips } from '../../ledger/skip.js'
import type { Recorded } from '../../stream/recorded.js'
import { createFold, decodeFor, type Findings } from '../fold-run.js'
import { createPending, ITEMS_MAX, newPart, type Part, type Pending } from '../pending.js'
import type { Target } from '../target.js'
import { countRows, type Expected } from './expected.js'

/** What was gathered since the last checkpoint. */
export type Gathered = { readonly levels: Part[][]; readonly parked: Findings['parked'] }

export type Gatherer = {
  /** Folds `records`, which ascend in sequence. */
  readonly run: (records: readonly Recorded[]) => void
  /** Parked customers whose decision was met since the last call, and the event that each waits at. */
  readonly decided: () => ReadonlyMap<ClientId, number>
  /**
   * Begins to fold a parked customer again from the event that it waits at, with what was decided; the function that it
   * gives takes the events of its subject from there on.
   */
  readonly takeUp: (id: ClientId, skips: Skips) => (records: readonly Recorded[]) => void
  /** Takes what is gathered; `expected` is then current. */
  readonly take: () => Gathered
}

type Shape = Pick<Target, 'projection' | 'decode'>

/** For a projection that makes rows: they are held until they are written. */
const gatherRows = ({ projection, decode }: Shape, expected: Expected): Gatherer => {
  const { customers } = expected
  const foldInto = (pending: Pending, skips: Skips) =>
    createFold({ projection, decode, skips, whole_transfers: false }, customers, pending)
  const begin = () => {
    const pending = countRows(createPending(), expected)
    return { pending, fold: foldInto(pending, NO_SKIPS), parked: [] as Findings['parked'] }
  }
  let gathered = begin()
  let decided = new Map<ClientId, number>()

  /** Letters are forgotten at once: a rebuild keeps none, and a stream may hold very many. */
  const take = (findings: Findings): void => {
    gathered.parked.push(...findings.parked)
    for (const { id, parked } of findings.decided) decided.set(id, parked.seq)
  }

  return {
    run: records => {
      gathered.fold.run(records)
      take(gathered.fold.findings())
    },
    decided: () => {
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
      const is_parked = ({ id }: Findings['parked'][number]) => customers.get(id)?.parked !== undefined
      return { levels: pending.levels(), parked: parked.filter(is_parked) }
    },
  }
}

/** A customer at work; `from` is what the table has, while that is something else. */
type Place = { readonly id: ClientId; customer: Customer; from: Customer | undefined }

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

/** For a projection of heads alone: an event is one look at its customer, found by its whole subject. */
const gatherHeads = (shape: Shape, { customers }: Expected): Gatherer => {
  const decode = decodeFor(shape)
  const places = new Map<string, Place>()
  let moved: Place[] = []
  let parked: Findings['parked'] = []
  let decided = new Map<ClientId, number>()

  const open = (subject: string): Place | undefined => {
    const id = clientIdOf(subject)
    // a letter, and a rebuild keeps none
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

  const fold = (place: Place, { seq, body }: Recorded, skips?: Skips): void => {
    const before = place.customer
    const result = step(before, seq, decode(body), skips)
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
    decided: () => {
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
      const is_parked = ({ id }: Findings['parked'][number]) =>
        places.get(eventSubject(id))?.customer.parked !== undefined
      const gathered = { levels: [partsOf(moved)], parked: parked.filter(is_parked) }
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

/** Folds over `expected`, which holds what the table holds. */
export const createGatherer = (shape: Shape, expected: Expected): Gatherer =>
  shape.projection.fold === undefined ? gatherHeads(shape, expected) : gatherRows(shape, expected)
