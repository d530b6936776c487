/**
 * Proves that a customer's item in a table is a state of this stream, or else finds the state in the stream itself.
 *
 * A writer of the table could change an item, and a table may have been restored or belong to another stream, so an
 * item alone authorises nothing. Its witness is the event at its sequence, on the customer's own subject: when that
 * event states the same balance and version as the item, both are believed. Neither is believed alone, because a
 * publisher may claim anything too. A publisher and a writer of the table who work together are out of scope: both
 * are trusted like an operator. When the event states no balance (it was published directly) or another one, the fold
 * decides: it starts from the newest event that states a balance, if that leads to the item, else from the first
 * event of the subject.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { E, unwrap } from '../fp.js'
import { type Account, isSameAccount } from '../ledger/account.js'
import { type AccountId, accountOn, eventSubject } from '../ledger/account-id.js'
import { type Claim, claimedAfter, decodeEvent, decodeMovement } from '../ledger/event.js'
import { type Customer, step } from '../ledger/fold.js'
import { rulesDigest } from '../ledger/rules-text.js'
import { createLru } from '../lru.js'
import { metrics } from '../metrics.js'
import { createSlots, within } from '../parallel.js'
import { type Folded, FROM_THE_BEGINNING, foldSubject } from './fold-subject.js'
import { nextRecorded, readRange } from './read.js'
import type { Recorded } from './recorded.js'
import { forgetWhenSetBack } from './set-back.js'
import { LEDGER_STREAM } from './settings.js'

export type ProofDeps = { readonly nc: NatsConnection; readonly jsm: JetStreamManager; readonly log: Logger }

export type Prover = {
  /**
   * Gives the customer's proved state at its item's sequence: the item's state, or the stream's if the item is wrong.
   * Later events are not read. `last` is the newest message of the subject that a replica knows. Rejects when the
   * proof takes too long or the stream cannot be read.
   */
  readonly prove: (id: AccountId, item: Customer, last: Recorded | undefined) => Promise<Folded>
}

/**
 * A customer's account as the table has it (a new account if it has no item), and the sequence up to which the stream
 * has to prove it.
 */
type Doubt = { readonly id: AccountId; readonly item: Account; readonly to_seq: number }

/**
 * The largest version of an item whose subject is folded from its first event, and the most events of that fold. For a
 * short subject this costs less than finding a newer event to start from.
 */
const SHORT_VERSION_MAX = 8
const SHORT_EVENTS_MAX = 16
/** The number of stream sequences before the item in which an event that states a balance is searched for. */
const WINDOW_SEQS = 20_000
/** The most whole subjects that are folded at once, and the number of their results that are kept for later calls. */
const FOLDS_MAX = 4
const RESULTS_MAX = 1_000
/** The longest wait for the fold of a whole subject: after it the caller gets an error, and the fold goes on. */
const WAIT_MS = 500
const EVENTS_MAX = 100_000_000

const wrong_items = metrics.counter(
  'jetledger_wrong_items_total',
  'Items of the balances that were not a state of the stream when a command or a query needed them',
)

/** What an event states of the account after it; undefined when it states nothing that can be read. */
const claimOf = ({ subject, body }: Recorded): Claim | undefined => {
  const id = accountOn(subject)
  const decoded = E.isRight(id) ? decodeMovement(body, id.right) : undefined
  return decoded?.tag === 'event' ? claimedAfter(decoded.event) : undefined
}

/**
 * The plain account after an event, as the event itself states it; undefined when it states none that can be read, or one
 * with rules, of which it states the digest only.
 */
const leftBy = (record: Recorded): Account | undefined => {
  const claim = claimOf(record)
  if (claim === undefined || claim.rules !== undefined) return undefined
  return { balance: claim.balance, version: claim.version, seq: record.seq }
}

/** Whether an event states the account: its balance and version, and its rules by their digest. */
const isWitness = (record: Recorded | undefined, account: Account): boolean => {
  const claim = record?.seq === account.seq ? claimOf(record) : undefined
  return (
    claim?.balance === account.balance &&
    claim.version === account.version &&
    claim.rules === rulesDigest(account.rules)
  )
}

/** Whether an event states another account than this one. An event that states nothing contradicts nothing. */
export const contradicts = (record: Recorded, account: Account): boolean =>
  claimOf(record) !== undefined && !isWitness(record, account)

const asFolded = (account: Account): Folded => ({ customer: { account }, last_seq: account.seq })

const show = ({ balance, version, seq }: Account): string =>
  `balance ${balance}, version ${version}, seq ${seq}`

/** Waits for `work` for at most `WAIT_MS`, then throws. */
const waitBriefly = async <A>(id: AccountId, work: Promise<A>): Promise<A> => {
  const done = await within(
    WAIT_MS,
    work.then(result => ({ result })),
  )
  if (done === undefined) throw new Error(`the events of ${id} are still being folded`)
  return done.result
}

export const createProver = (deps: ProofDeps): Prover => {
  const results = forgetWhenSetBack(deps.nc, createLru<AccountId, Folded>(RESULTS_MAX))
  const running = new Map<AccountId, Promise<Folded>>()
  const slots = createSlots(FOLDS_MAX)

  /** Whether the event at the item's sequence states the item's account. A missing event gives no: the fold decides. */
  const isWitnessed = async (id: AccountId, { seq, ...account }: Account): Promise<boolean> => {
    const found = unwrap(await nextRecorded(deps.jsm, LEDGER_STREAM, eventSubject(id), seq)())
    return isWitness(found, { seq, ...account })
  }

  /** Whether the fold from the newest event that states a balance to the item's sequence gives the item's account. */
  const isReached = async (id: AccountId, account: Account): Promise<boolean> => {
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
      const next = step(customer, record, decodeEvent(record.body, id))
      if (next.tag === 'parked') return false
      if (next.tag === 'applied') customer = next.customer
    }
    return customer !== undefined && isSameAccount(customer.account, account)
  }

  const report = (id: AccountId, item: Account, found: Account): void => {
    wrong_items.inc()
    deps.log.error(
      { client_id: id, item: show(item), stream: show(found) },
      'the item of a customer is not a state of the stream: the stream counts',
    )
  }

  /** Folds a subject up to `to_seq`: the item's sequence, or the subject's last sequence when there is no item. */
  const fold = async ({ id, item, to_seq }: Doubt, from: Folded, events_max: number): Promise<Folded> => {
    const folded = unwrap(await foldSubject(deps, id, from, { to_seq, events_max })())
    // a missing item is not wrong, since the table may only be late
    if (item.seq > 0 && !isSameAccount(folded.customer.account, item))
      report(id, item, folded.customer.account)
    return folded
  }

  /** Folds the whole subject up to the item, on from the last result. Calls at the same time share one fold. */
  const foldWhole = (claim: Doubt): Promise<Folded> => {
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
    // the caller may have stopped waiting, and a rejection without a handler would end the process
    kept.catch(() => undefined)
    return kept
  }

  /** Folds a subject that is short by the item's version; undefined when it is not short after all. */
  const foldShort = async (claim: Doubt): Promise<Folded | undefined> => {
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
      if (isWitness(last, account)) return asFolded(account)
      // when `last` is the event at the item's sequence, the leader has the same event and need not be asked
      if (account.seq > 0 && last?.seq !== account.seq && (await isWitnessed(id, account)))
        return asFolded(account)
      const claim = { id, item: account, to_seq: account.seq > 0 ? account.seq : (last?.seq ?? 0) }
      const folded = await foldShort(claim)
      if (folded !== undefined) return folded
      if (account.version > SHORT_VERSION_MAX && (await isReached(id, account))) return asFolded(account)
      return waitBriefly(id, foldWhole(claim))
    },
  }
}
