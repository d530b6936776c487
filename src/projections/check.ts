/**
 * Checks heads that were read from a table against the stream, before events are folded over them.
 *
 * A head may be older than its customer's events although all events were handled: a person may have put an item back
 * from a copy, deleted it, or changed it. So the event in hand has to be the first one on its subject after the head.
 * An event of the command side proves that by itself, because its field `after` says what the account is after it.
 * For any other event the stream is asked.
 */

import { run } from '../fp.js'
import { type AccountId, eventSubject } from '../ledger/account-id.js'
import { decodeMovement } from '../ledger/event.js'
import { type Customer, step } from '../ledger/fold.js'
import { inParallel } from '../parallel.js'
import { foldSubject } from '../stream/fold-subject.js'
import { nextProved } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { refold } from './refold.js'
import { isSameCustomer, positionOf } from './same-customer.js'
import type { Target } from './target.js'

/** The largest number of requests to the stream's leader at one time. */
const REQUESTS_MAX = 32

/**
 * `proved`: the event in hand follows the head. `unsaid`: the event does not say. `doubtful`: it contradicts the
 * head.
 */
type Opinion = 'proved' | 'unsaid' | 'doubtful'

const opinionOf = (target: Target, id: AccountId, head: Customer, first: Recorded): Opinion => {
  // a parked customer is folded again from its subject when it is resumed
  // a head that is ahead of the event was written before, and the event was not acknowledged
  if (head.parked !== undefined || positionOf(head) >= first.seq) return 'proved'
  const decoded = (target.decode ?? decodeMovement)(first.body, id)
  const next = step(head, first, decoded)
  if (next.tag === 'dead') return next.reason === 'MALFORMED' ? 'unsaid' : 'doubtful'
  if (next.tag !== 'applied' || decoded.tag !== 'event' || decoded.event.after === undefined) return 'unsaid'
  return next.mismatch ? 'doubtful' : 'proved'
}

/** Whether the stream shows that no event between the head and the event in hand has an effect. */
const isCurrent = async (
  target: Target,
  id: AccountId,
  head: Customer,
  first: Recorded,
): Promise<boolean> => {
  const next = await run(nextProved(target, eventSubject(id), positionOf(head) + 1))
  if (next !== undefined && next.seq >= first.seq) return true
  const to = { to_seq: first.seq - 1, events_max: Number.POSITIVE_INFINITY, decode: target.decode }
  const folded = await run(foldSubject(target, id, { customer: head, last_seq: positionOf(head) }, to))
  return isSameCustomer(folded.customer, head)
}

/** The head as it has to be before `first`: as it was read, or folded again from its subject. */
const checkHead = async (
  target: Target,
  id: AccountId,
  head: Customer,
  first: Recorded,
): Promise<Customer> => {
  const opinion = opinionOf(target, id, head, first)
  if (opinion === 'proved') return head
  if (opinion === 'unsaid' && (await isCurrent(target, id, head, first))) return head
  return refold(target, id, first.seq - 1)
}

/**
 * Returns the heads as they have to be before the first event of each customer in a run. A head that was wrong is
 * folded again from its subject, and its item in the table is corrected. A table without an epoch is not checked.
 * Throws `Failed`.
 */
export const checkHeads = async (
  target: Target,
  heads: ReadonlyMap<AccountId, Customer>,
  first: ReadonlyMap<AccountId, Recorded>,
): Promise<ReadonlyMap<AccountId, Customer>> => {
  if (target.epoch === undefined) return heads
  const all = await inParallel(
    REQUESTS_MAX,
    [...heads],
    async ([id, head]): Promise<[AccountId, Customer]> => {
      const event = first.get(id)
      return [id, event === undefined ? head : await checkHead(target, id, head, event)]
    },
  )
  return new Map(all)
}
