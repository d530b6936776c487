/**
 * Gathers what a stretch of the stream makes of a table that nobody reads yet, until its checkpoint writes it.
 */

import { E } from '../../fp.js'
import { type ClientId, clientIdOf } from '../../ledger/client-id.js'
import { type Customer, NEW_CUSTOMER, step } from '../../ledger/fold.js'
import type { Recorded } from '../../stream/recorded.js'
import { createFold, decodeFor, type Findings } from '../fold-run.js'
import { createPending, ITEMS_MAX, newPart, type Part } from '../pending.js'
import type { Target } from '../target.js'
import { countRows, type Expected } from './expected.js'

/** What was gathered since the last checkpoint. */
export type Gathered = { readonly levels: Part[][]; readonly parked: Findings['parked'] }

export type Gatherer = {
  /** Folds `records`, which ascend in sequence. */
  readonly run: (records: readonly Recorded[]) => void
  /** Takes what is gathered; `expected` is then current. */
  readonly take: () => Gathered
}

type Shape = Pick<Target, 'projection' | 'decode'>

/** For a projection that makes rows: they are held until they are written. */
const gatherRows = ({ projection, decode }: Shape, expected: Expected): Gatherer => {
  const begin = () => {
    const pending = countRows(createPending(), expected)
    const fold = createFold({ projection, decode, whole_transfers: false }, expected.customers, pending)
    return { pending, fold, parked: [] as Findings['parked'] }
  }
  let gathered = begin()
  return {
    run: records => {
      gathered.fold.run(records)
      // letters are forgotten at once: a rebuild keeps none, and a stream may hold very many
      gathered.parked.push(...gathered.fold.findings().parked)
    },
    take: () => {
      const { pending, parked } = gathered
      gathered = begin()
      return { levels: pending.levels(), parked }
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

  const open = (subject: string): Place | undefined => {
    const id = clientIdOf(subject)
    // a letter, and a rebuild keeps none
    if (E.isLeft(id)) return undefined
    const place = { id: id.right, customer: customers.get(id.right) ?? NEW_CUSTOMER, from: undefined }
    places.set(subject, place)
    return place
  }

  const fold = (place: Place, { seq, body }: Recorded): void => {
    const before = place.customer
    const result = step(before, seq, decode(body))
    if (result.tag !== 'applied' && result.tag !== 'parked') return
    place.customer = result.customer
    if (place.from === undefined) {
      place.from = before
      moved.push(place)
    }
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
    take: () => {
      const gathered = { levels: [partsOf(moved)], parked }
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
