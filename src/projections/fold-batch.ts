/**
 * Folds a run of the stream in memory: every customer that changes is written once, however many events it has.
 */

import { E } from '../fp.js'
import { type ClientId, clientIdOf } from '../ledger/client-id.js'
import { type Decoded, decodeEvent } from '../ledger/event.js'
import { type Customer, NEW_CUSTOMER, type Parked, type Step, step } from '../ledger/fold.js'
import type { Verdict } from '../stream/dead-letters.js'
import type { Recorded } from '../stream/read.js'

export type Decode = (body: Uint8Array) => Decoded

export type Letter = { readonly event: Recorded; readonly verdict: Verdict }

export type Folded = {
  /** Every customer of the run as it stands after it; compare with what was read to see what changed. */
  readonly customers: ReadonlyMap<ClientId, Customer>
  readonly letters: readonly Letter[]
  readonly parked: readonly { readonly id: ClientId; readonly parked: Parked }[]
  /** Events whose writer claimed another result than the fold's. */
  readonly mismatches: readonly Recorded[]
}

/** The customers whose items a run needs; subjects without a valid id have none. */
export const customersOf = (records: readonly Recorded[]): ClientId[] => {
  const ids = new Set<ClientId>()
  for (const { subject } of records) {
    const id = clientIdOf(subject)
    if (E.isRight(id)) ids.add(id.right)
  }
  return [...ids]
}

/** Folds `records`, which ascend in sequence, over the customers as they were read. Pure. */
export const foldBatch = (
  read: ReadonlyMap<ClientId, Customer>,
  records: readonly Recorded[],
  decode: Decode = decodeEvent,
): Folded => {
  const customers = new Map(read)
  const letters: Letter[] = []
  const parked: { id: ClientId; parked: Parked }[] = []
  const mismatches: Recorded[] = []

  const take = (id: ClientId, before: Customer, event: Recorded, result: Step): void => {
    switch (result.tag) {
      case 'applied':
        customers.set(id, result.customer)
        if (result.mismatch) mismatches.push(event)
        return
      case 'dead':
        letters.push({ event, verdict: result })
        return
      case 'parked':
        customers.set(id, result.customer)
        if (before.parked === undefined && result.customer.parked !== undefined) {
          parked.push({ id, parked: result.customer.parked })
        }
        return
      case 'seen':
        return
    }
  }

  for (const event of records) {
    const id = clientIdOf(event.subject)
    if (E.isLeft(id)) {
      letters.push({ event, verdict: { reason: 'MALFORMED', detail: id.left } })
      continue
    }
    const before = customers.get(id.right) ?? NEW_CUSTOMER
    take(id.right, before, event, step(before, event.seq, decode(event.body)))
  }
  return { customers, letters, parked, mismatches }
}
