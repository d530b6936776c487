/**
 * A small world around the hot set: a stream, a follower that lags, a projector with its table and its acknowledged
 * position, programs that know newer schemas, loaders whose reads take their time, and one reader per customer.
 *
 * Every answer is compared with the stream: it has to be a state that the customer had at some time, and none older
 * than the one that the reader was given last.
 */

import type { Account } from '../../ledger/account.js'
import { OPENING } from '../../ledger/account.js'
import type { ClientId } from '../../ledger/client-id.js'
import type { Decoded } from '../../ledger/event.js'
import { type Customer, NEW_CUSTOMER, step } from '../../ledger/fold.js'
import { amount, clientId } from '../../ledger/testing/arbitrary.js'
import { createHotSet } from '../hot-set.js'

const IDS = ['a', 'b', 'c'].map(clientId)
const SCHEMA_FROM_THE_FUTURE = 2

/** What each program makes of an event. */
type Stored = { readonly id: ClientId; readonly known: Decoded; readonly newer: Decoded }

type Read = { readonly id: ClientId; readonly customer: Customer; readonly complete_to: number }

/** mulberry32: whole numbers below a bound, the same for the same seed. */
export const randomFrom = (seed: number): ((below: number) => number) => {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const folded = (customer: Customer, seq: number, decoded: Decoded): Customer => {
  const next = step(customer, seq, decoded)
  return next.tag === 'applied' || next.tag === 'parked' ? next.customer : customer
}

const same = (a: Account | undefined, b: Account): boolean =>
  a !== undefined && a.balance === b.balance && a.version === b.version && a.seq === b.seq

/** One interleaving of `steps` random steps; what is wrong with it, or undefined. */
export const interleaving = (seed: number, steps: number): string | undefined => {
  const random = randomFrom(seed)
  const hot = createHotSet<never>({ customers_max: random(4), recent_events_max: 1 + random(6) })
  const stream: Stored[] = []
  /** The truth, by customer and sequence: every state that a program which knows all schemas finds. */
  const states = new Map(IDS.map(id => [id, new Map<number, Account>([[0, OPENING]])]))
  const newest = new Map<ClientId, Customer>(IDS.map(id => [id, NEW_CUSTOMER]))
  const table = new Map<ClientId, Customer>(IDS.map(id => [id, NEW_CUSTOMER]))
  const given = new Map<ClientId, number>()
  const reads: Read[] = []
  let projected = 0
  let acknowledged = 0
  let polled = 0
  let wrong: string | undefined

  const anyId = (): ClientId => IDS[random(IDS.length)] ?? clientId('a')
  const at = (seq: number): Stored => {
    const found = stream[seq - 1]
    if (found === undefined) throw new Error(`the model has no event ${seq}`)
    return found
  }

  const answer = (id: ClientId, account: Account, how: string): void => {
    const last = given.get(id) ?? 0
    if (!same(states.get(id)?.get(account.seq), account)) {
      wrong ??= `${how}: ${id} never had balance ${account.balance} version ${account.version} at ${account.seq}`
    }
    if (account.seq < last) wrong ??= `${how}: ${id} went back from ${last} to ${account.seq}`
    given.set(id, account.seq)
  }

  const store = (): void => {
    const id = anyId()
    const kind = random(10)
    const event: Decoded = {
      tag: 'event',
      event: { type: kind < 5 ? 'credit' : kind < 9 ? 'debit' : 'declined', amount: amount(1 + random(3)) },
    }
    const malformed: Decoded = { tag: 'malformed', reason: 'not JSON' }
    const future: Decoded = { tag: 'future', schema: SCHEMA_FROM_THE_FUTURE }
    const oddity = random(25)
    const known = oddity === 0 ? future : oddity === 1 ? malformed : event
    const newer = oddity === 1 ? malformed : event
    stream.push({ id, known, newer })
    const next = folded(newest.get(id) ?? NEW_CUSTOMER, stream.length, newer)
    newest.set(id, next)
    states.get(id)?.set(next.account.seq, next.account)
  }

  const followOne = (): void => {
    if (hot.position() >= stream.length) return
    const seq = hot.position() + 1
    const { id, known } = at(seq)
    hot.follow(seq, random(40) === 0 && known.tag === 'malformed' ? undefined : id, known)
  }

  const projectOne = (): void => {
    if (projected >= stream.length) return
    projected += 1
    const { id, known } = at(projected)
    table.set(id, folded(table.get(id) ?? NEW_CUSTOMER, projected, known))
  }

  /** A newer program takes a parked customer up, as far as the stream goes. */
  const resumeOne = (): void => {
    const id = anyId()
    if (table.get(id)?.parked === undefined) return
    table.set(id, newest.get(id) ?? NEW_CUSTOMER)
  }

  const isUnderWay = (id: ClientId): boolean => reads.some(read => read.id === id)

  /** The leader's subject, folded by this program over a base; what it cannot judge it does not answer. */
  const readStream = (): void => {
    const id = anyId()
    if (isUnderWay(id)) return
    const in_memory = hot.get(id)
    const before = hot.position()
    let customer: Customer =
      in_memory === undefined ? (table.get(id) ?? NEW_CUSTOMER) : { account: in_memory.account }
    stream.forEach((event, i) => {
      if (event.id === id) customer = folded(customer, i + 1, event.known)
    })
    reads.push({ id, customer, complete_to: before })
  }

  const readTable = (): void => {
    const id = anyId()
    if (isUnderWay(id)) return
    reads.push({ id, customer: table.get(id) ?? NEW_CUSTOMER, complete_to: polled })
  }

  const finishRead = (): void => {
    const [read] = reads.splice(random(reads.length), 1)
    if (read === undefined) return
    const now = hot.load(read.id, read.customer, read.complete_to)
    if (now !== undefined) answer(read.id, now.account, 'loaded')
  }

  const ask = (): void => {
    const id = anyId()
    const found = hot.get(id)
    if (found === undefined) return
    found.used = true
    answer(id, found.account, 'memory')
  }

  const actions: readonly (readonly [weight: number, act: () => void])[] = [
    [8, store],
    [8, followOne],
    [6, projectOne],
    [
      4,
      () => {
        acknowledged = Math.max(acknowledged, projected - random(2))
      },
    ],
    [
      3,
      () => {
        polled = acknowledged
      },
    ],
    [7, readTable],
    [2, readStream],
    [9, finishRead],
    [8, ask],
    [1, resumeOne],
    [
      1,
      () => {
        if (random(6) === 0) hot.forget()
      },
    ],
    [
      1,
      () => {
        if (random(6) === 0) hot.restart(hot.position() + random(stream.length - hot.position() + 1))
      },
    ],
  ]
  const total = actions.reduce((sum, [weight]) => sum + weight, 0)
  const pick = (): (() => void) => {
    let rest = random(total)
    for (const [weight, act] of actions) {
      if (rest < weight) return act
      rest -= weight
    }
    return ask
  }
  for (let i = 0; i < steps && wrong === undefined; i += 1) pick()()
  return wrong
}
