/**
 * Proves that what a table says of a customer is a state of this stream, or finds the state in the stream itself.
 *
 * Whoever may write to the table could change an item, a table may have been restored, or belong to another stream: an
 * item alone authorises nothing. Its witness is the event at its sequence, on the customer's own subject: where that says
 * the same balance and version as the item, both are believed. Neither is believed alone, because a publisher may claim
 * anything too; a publisher and a writer of the table who work together are out of scope, both are trusted like an
 * operator. Where the event says nothing (it was published directly) or something else, the fold decides: from the
 * newest event that does say something, if that leads to the item, else from the first event of the subject.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { unwrap } from '../fp.js'
import type { Account } from '../ledger/account.js'
import { type ClientId, eventSubject } from '../ledger/client-id.js'
import { claimedAfter, decodeEvent, decodeMovement } from '../ledger/event.js'
import { type Customer, step } from '../ledger/fold.js'
import { createLru } from '../lru.js'
import { metrics } from '../metrics.js'
import { createSlots, within } from '../parallel.js'
import { type Folded, FROM_THE_BEGINNING, foldSubject } from './fold-subject.js'
import { nextRecorded, readRange } from './read.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM } from './settings.js'

export type ProofDeps = { readonly nc: NatsConnection; readonly jsm: JetStreamManager; readonly log: Logger }

export type Prover = {
  /**
   * The customer at its item's sequence, proved: as the item has it, or as the stream has it if the item is wrong.
   * An event after that is not looked at. `last` is the newest message of the subject that a replica knows. Rejects when that takes too long or cannot be read.
   */
  readonly prove: (id: ClientId, item: Customer, last: Recorded | undefined) => Promise<Folded>
}

/** What a table says of a customer (a new one's account where it says nothing), and how far the stream has to be asked. */
type Claim = { readonly id: ClientId; readonly item: Account; readonly to_seq: number }

/** So few events are folded from the first one, which costs less than looking for a newer beginning. */
const SHORT_VERSION_MAX = 8
const SHORT_EVENTS_MAX = 16
/** How far back, in sequences of the stream, an event is looked for that says what it left behind. */
const WINDOW_SEQS = 20_000
/** Whole subjects that are folded at once, and how many of their results are kept for those who ask again. */
const FOLDS_MAX = 4
const RESULTS_MAX = 1_000
/** A whole subject may be long: whoever waits is told to come again, and the fold goes on. */
const WAIT_MS = 500
const EVENTS_MAX = 100_000_000

const wrong_items = metrics.counter(
  'jetledger_wrong_items_total',
  'Items of the balances that were not a state of the stream when a command or a query needed them',
)

export const isSame = (a: Account, b: Account): boolean =>
  a.balance === b.balance && a.version === b.version && a.seq === b.seq

/** What an event says that it left behind; undefined when it says nothing that can be read. */
export const leftBy = ({ seq, body }: Recorded): Account | undefined => {
  const decoded = decodeMovement(body)
  const claim = decoded.tag === 'event' ? claimedAfter(decoded.event) : undefined
  return claim === undefined ? undefined : { ...claim, seq }
}

const isWitness = (record: Recorded | undefined, account: Account): boolean => {
  const left = record === undefined ? undefined : leftBy(record)
  return left !== undefined && isSame(left, account)
}

const at = (account: Account): Folded => ({ customer: { account }, last_seq: account.seq })

const show = ({ balance, version, seq }: Account): string =>
  `balance ${balance}, version ${version}, seq ${seq}`

/** Waits for `work` no longer than `WAIT_MS`. */
const soon = async <A>(id: ClientId, work: Promise<A>): Promise<A> => {
  const done = await within(
    WAIT_MS,
    work.then(result => ({ result })),
  )
  if (done === undefined) throw new Error(`the events of ${id} are still being folded`)
  return done.result
}

export const createProver = (deps: ProofDeps): Prover => {
  const results = createLru<ClientId, Folded>(RESULTS_MAX)
  const running = new Map<ClientId, Promise<Folded>>()
  const slots = createSlots(FOLDS_MAX)

  /** The event at the item's sequence says the same. A server that has no such event proves nothing: then it is folded. */
  const isWitnessed = async (id: ClientId, { seq, ...account }: Account): Promise<boolean> => {
    const found = unwrap(await nextRecorded(deps.jsm, LEDGER_STREAM, eventSubject(id), seq)())
    return isWitness(found, { seq, ...account })
  }

  /** Whether the newest event before the item that says what it left behind, and what follows it, lead to the item. */
  const isReached = async (id: ClientId, account: Account): Promise<boolean> => {
    const { seq } = account
    const range = { stream: LEDGER_STREAM, subject: eventSubject(id), to_seq: seq }
    let customer: Customer | undefined
    for await (const record of readRange(deps.nc, { ...range, from_seq: Math.max(1, seq - WINDOW_SEQS) })) {
      const left = leftBy(record)
      if (left !== undefined) {
        customer = { account: left }
        continue
      }
      if (customer === undefined) continue
      const next = step(customer, record.seq, decodeEvent(record.body))
      if (next.tag === 'parked') return false
      if (next.tag === 'applied') customer = next.customer
    }
    return customer !== undefined && isSame(customer.account, account)
  }

  const report = (id: ClientId, item: Account, found: Account): void => {
    wrong_items.inc()
    deps.log.error(
      { client_id: id, item: show(item), stream: show(found) },
      'the item of a customer is not a state of the stream: the stream counts',
    )
  }

  /** Folds a subject up to `to_seq`, which is the item's sequence, or the subject's last where there is no item. */
  const fold = async ({ id, item, to_seq }: Claim, from: Folded, events_max: number): Promise<Folded> => {
    const folded = unwrap(await foldSubject(deps, id, from, { to_seq, events_max })())
    // an item that is missing may be late, and is not wrong
    if (item.seq > 0 && !isSame(folded.customer.account, item)) report(id, item, folded.customer.account)
    return folded
  }

  /** Folds the whole subject up to the item, once for all who ask at the same time, and from where the last one ended. */
  const whole = (claim: Claim): Promise<Folded> => {
    const { id, to_seq } = claim
    const known = running.get(id)
    if (known !== undefined) return known
    const earlier = results.get(id) ?? FROM_THE_BEGINNING
    const from = earlier.last_seq > to_seq ? FROM_THE_BEGINNING : earlier
    const kept = slots(() => fold(claim, from, EVENTS_MAX))
      .then(folded => {
        results.set(id, folded)
        return folded
      })
      .finally(() => running.delete(id))
    running.set(id, kept)
    // whoever waited may have gone
    kept.catch(() => undefined)
    return kept
  }

  /** A subject that is said to be short, folded at once; undefined when it is not. */
  const short = async (claim: Claim): Promise<Folded | undefined> => {
    if (claim.item.version > SHORT_VERSION_MAX) return undefined
    try {
      return await fold(claim, FROM_THE_BEGINNING, SHORT_EVENTS_MAX)
    } catch (cause) {
      deps.log.debug({ client_id: claim.id, err: cause }, 'a subject is longer than its item says')
      return undefined
    }
  }

  return {
    prove: async (id, { account }, last) => {
      if (isWitness(last, account)) return at(account)
      // what a replica had is what the leader has; of anything else the leader is asked
      if (account.seq > 0 && last?.seq !== account.seq && (await isWitnessed(id, account))) return at(account)
      const claim = { id, item: account, to_seq: account.seq > 0 ? account.seq : (last?.seq ?? 0) }
      const folded = await short(claim)
      if (folded !== undefined) return folded
      if (account.version > SHORT_VERSION_MAX && (await isReached(id, account))) return at(account)
      return soon(id, whole(claim))
    },
  }
}
