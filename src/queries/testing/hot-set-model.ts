/**
 * A small world around the hot set: a stream, a follower that lags, a projector with its table and its acknowledged
 * position, programs that know newer schemas, loaders whose reads take their time, and one reader per customer.
 *
 * Every answer is compared with the stream: it must be a state that the customer had at some time, and not older than
 * the one that the reader got last.
 */

import type { Account } from '../../ledger/account.js'
import { OPENING } from '../../ledger/account.js'
import type { ClientId } from '../../ledger/client-id.js'
import type { Decoded } from '../../ledger/event.js'
import { type Customer, NEW_CUSTOMER, step } from '../../ledger/fold.js'
import { amount, clientId, placeAt } from '../../ledger/testing/arbitrary.js'
import { wholeRandomFrom } from '../../random.js'
import { createHotSet, type HotSet } from '../hot-set/hot-set.js'

const IDS = ['a', 'b', 'c'].map(clientId)
const SCHEMA_FROM_THE_FUTURE = 2

/** A stored event, as this program decodes it (`known`) and as a program that knows all schemas does (`newer`). */
type EventPlace = { readonly id: ClientId; readonly known: Decoded; readonly newer: Decoded }

type Read = { readonly id: ClientId; readonly customer: Customer; readonly complete_to: number }

const foldEvent = (customer: Customer, seq: number, decoded: Decoded): Customer => {
  const next = step(customer, placeAt(seq), decoded)
  return next.tag === 'applied' || next.tag === 'parked' ? next.customer : customer
}

const same = (a: Account | undefined, b: Account): boolean =>
  a !== undefined && a.balance === b.balance && a.version === b.version && a.seq === b.seq

/** The stream, how far each part has seen it, and the first thing that went wrong. */
class World {
  readonly random: (below: number) => number
  readonly hot: HotSet<never>
  readonly stream: EventPlace[] = []
  /** The truth, by customer and sequence: every state that a program which knows all schemas finds. */
  readonly states = new Map(IDS.map(id => [id, new Map<number, Account>([[0, OPENING]])]))
  readonly newest = new Map<ClientId, Customer>(IDS.map(id => [id, NEW_CUSTOMER]))
  readonly table = new Map<ClientId, Customer>(IDS.map(id => [id, NEW_CUSTOMER]))
  readonly given = new Map<ClientId, number>()
  readonly reads: Read[] = []
  projected = 0
  acknowledged = 0
  polled = 0
  wrong: string | undefined

  constructor(seed: number) {
    this.random = wholeRandomFrom(seed)
    this.hot = createHotSet<never>({ customers_max: this.random(4), recent_events_max: 1 + this.random(6) })
  }

  anyId(): ClientId {
    return IDS[this.random(IDS.length)] ?? clientId('a')
  }

  at(seq: number): EventPlace {
    const found = this.stream[seq - 1]
    if (found === undefined) throw new Error(`the model has no event ${seq}`)
    return found
  }

  answer(id: ClientId, account: Account, how: string): void {
    const last = this.given.get(id) ?? 0
    if (!same(this.states.get(id)?.get(account.seq), account)) {
      this.wrong ??= `${how}: ${id} never had balance ${account.balance} version ${account.version} at ${account.seq}`
    }
    if (account.seq < last) this.wrong ??= `${how}: ${id} went back from ${last} to ${account.seq}`
    this.given.set(id, account.seq)
  }

  store(): void {
    const id = this.anyId()
    const kind = this.random(10)
    const event: Decoded = {
      tag: 'event',
      event: {
        type: kind < 5 ? 'credit' : kind < 9 ? 'debit' : 'declined',
        amount: amount(1 + this.random(3)),
      },
    }
    const malformed: Decoded = { tag: 'malformed', reason: 'not JSON' }
    const future: Decoded = { tag: 'future', schema: SCHEMA_FROM_THE_FUTURE }
    const oddity = this.random(25)
    const known = oddity === 0 ? future : oddity === 1 ? malformed : event
    const newer = oddity === 1 ? malformed : event
    this.stream.push({ id, known, newer })
    const next = foldEvent(this.newest.get(id) ?? NEW_CUSTOMER, this.stream.length, newer)
    this.newest.set(id, next)
    this.states.get(id)?.set(next.account.seq, next.account)
  }

  followOne(): void {
    if (this.hot.position() >= this.stream.length) return
    const seq = this.hot.position() + 1
    const { id, known } = this.at(seq)
    this.hot.follow(placeAt(seq), this.random(40) === 0 && known.tag === 'malformed' ? undefined : id, known)
  }

  projectOne(): void {
    if (this.projected >= this.stream.length) return
    this.projected += 1
    const { id, known } = this.at(this.projected)
    this.table.set(id, foldEvent(this.table.get(id) ?? NEW_CUSTOMER, this.projected, known))
  }

  /** A newer program resumes a parked customer, up to the end of the stream. */
  resumeOne(): void {
    const id = this.anyId()
    if (this.table.get(id)?.parked === undefined) return
    this.table.set(id, this.newest.get(id) ?? NEW_CUSTOMER)
  }

  acknowledge(): void {
    this.acknowledged = Math.max(this.acknowledged, this.projected - this.random(2))
  }

  poll(): void {
    this.polled = this.acknowledged
  }

  forget(): void {
    if (this.random(6) === 0) this.hot.forget()
  }

  restart(): void {
    if (this.random(6) !== 0) return
    const left = this.stream.length - this.hot.position()
    this.hot.restart(this.hot.position() + this.random(left + 1))
  }

  isUnderWay(id: ClientId): boolean {
    return this.reads.some(read => read.id === id)
  }

  /** Reads the leader's subject: this program folds it over a base, and events of an unknown schema park the customer. */
  readStream(): void {
    const id = this.anyId()
    if (this.isUnderWay(id)) return
    const in_memory = this.hot.get(id)
    const before = this.hot.position()
    let customer: Customer =
      in_memory === undefined ? (this.table.get(id) ?? NEW_CUSTOMER) : { account: in_memory.account }
    this.stream.forEach((event, i) => {
      if (event.id === id) customer = foldEvent(customer, i + 1, event.known)
    })
    this.reads.push({ id, customer, complete_to: before })
  }

  readTable(): void {
    const id = this.anyId()
    if (this.isUnderWay(id)) return
    this.reads.push({ id, customer: this.table.get(id) ?? NEW_CUSTOMER, complete_to: this.polled })
  }

  finishRead(): void {
    const [read] = this.reads.splice(this.random(this.reads.length), 1)
    if (read === undefined) return
    const now = this.hot.load(read.id, read.customer, read.complete_to)
    if (now !== undefined) this.answer(read.id, now.account, 'loaded')
  }

  ask(): void {
    const id = this.anyId()
    const found = this.hot.get(id)
    if (found === undefined) return
    found.used = true
    this.answer(id, found.account, 'memory')
  }
}

type Action = (world: World) => void

/** The actions that may happen next, each with its frequency relative to the others. */
const ACTIONS: readonly (readonly [weight: number, act: Action])[] = [
  [8, world => world.store()],
  [8, world => world.followOne()],
  [6, world => world.projectOne()],
  [4, world => world.acknowledge()],
  [3, world => world.poll()],
  [7, world => world.readTable()],
  [2, world => world.readStream()],
  [9, world => world.finishRead()],
  [8, world => world.ask()],
  [1, world => world.resumeOne()],
  [1, world => world.forget()],
  [1, world => world.restart()],
]
const WEIGHT = ACTIONS.reduce((sum, [weight]) => sum + weight, 0)

const pick = ({ random }: World): Action => {
  let rest = random(WEIGHT)
  for (const [weight, act] of ACTIONS) {
    if (rest < weight) return act
    rest -= weight
  }
  return world => world.ask()
}

/** Runs one interleaving of `steps` random steps. Gives the first thing that went wrong, or undefined. */
export const interleaving = (seed: number, steps: number): string | undefined => {
  const world = new World(seed)
  for (let i = 0; i < steps && world.wrong === undefined; i += 1) pick(world)(world)
  return world.wrong
}
