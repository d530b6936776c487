/**
 * One look for expired holds: writes the event that says so for each of them (docs/adr/0052).
 *
 *  1. The index by expiry says whom to look at, shard by shard and page by page.
 *  2. Their accounts are loaded as of the stream, as for a command.
 *  3. The events go into the stream under the condition that the customer has no newer event than the account was loaded at.
 *
 * So it is safe that anybody else looks at the same time, that this process ends at any moment, and that the index is old: the
 * stream lets one of two writers win, and an account without an expired hold gives no event.
 */

import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { rest } from '../../back-off.js'
import { E, Failed, run, type TaskEither } from '../../fp.js'
import { type AccountId, eventSubject } from '../../ledger/account-id.js'
import type { Leg } from '../../ledger/decide.js'
import { encodeEvent } from '../../ledger/event.js'
import { expiryEvents } from '../../ledger/expire.js'
import { metrics } from '../../metrics.js'
import type { StreamError } from '../../stream/errors.js'
import type { Folded } from '../../stream/fold-subject.js'
import { type BatchMessage, publishBatch } from '../../stream/publish.js'
import type { TableError } from '../../tables/errors.js'
import type { DuePage } from '../../tables/expiring.js'
import type { Admit } from '../admission/admission.js'
import { isLoaded, type LoadResult } from '../group-commit/load.js'

/** A batch is published as soon as it has as many events; one customer may bring 256 more. */
const BATCH_EVENTS = 250
const PUBLISH_TIMEOUT_MS = 5_000
/**
 * After so many customers in a row of whom no hold has expired the index is behind, and the rest of the shard is left to a
 * later look: while the table is not folded, looks would load all customers of whom they have written already.
 */
const STALE_CUSTOMERS_MAX = 100

const expired_total = metrics.counter(
  'jetledger_holds_expired_total',
  'Expired holds whose end this instance wrote into the stream',
)
const skipped_total = metrics.counter(
  'jetledger_expiries_skipped_total',
  'Customers whose expired holds could not be written at this look, and wait for the next one',
)

/** Customers of a shard who have a hold that expires at `until_ms` or earlier, a page at a time. */
export type ExpiryIndex = (
  shard: string,
  until_ms: number,
  after: DuePage['next'],
) => TaskEither<TableError, DuePage>

export type SweepPorts = {
  readonly nc: NatsConnection
  readonly log: Logger
  /** Opens the index for one look. Fails while the table is not believed. */
  readonly index: TaskEither<StreamError | TableError, ExpiryIndex>
  /** The shards of the index. */
  readonly shards: () => Promise<readonly string[]>
  readonly load: (ids: readonly AccountId[]) => Promise<LoadResult>
  /** The accounts of these customers in memory are old now. */
  readonly forget: (ids: Iterable<AccountId>) => void
  readonly admit: Admit
  /** A time that is over by the stream's clock; undefined while that clock is not known well enough. */
  readonly now: () => Date | undefined
  /** Whether this instance is still the one that looks. */
  readonly isOnDuty: () => boolean
}

/** What a look has done: holds whose end was written, and customers who have to wait for the next look. */
export type Swept = { readonly holds: number; readonly skipped: number }

/** A customer with expired holds, and the sequence at which the account was loaded. */
type Due = { readonly id: AccountId; readonly legs: readonly Leg[]; readonly last_seq: number }

const messagesOf = ({ legs, last_seq }: Due): BatchMessage[] =>
  legs.map(({ id, event }, index) => ({
    subject: eventSubject(id),
    body: encodeEvent(event, id),
    expected_last_subject_seq: index === 0 ? last_seq : undefined,
  }))

const eventsOf = (due: readonly Due[]): number => due.reduce((sum, { legs }) => sum + legs.length, 0)

/** Batches of whole customers. */
const batchesOf = (due: readonly Due[]): Due[][] => {
  const batches: Due[][] = []
  let events = BATCH_EVENTS
  for (const one of due) {
    if (events >= BATCH_EVENTS) {
      batches.push([])
      events = 0
    }
    batches.at(-1)?.push(one)
    events += one.legs.length
  }
  return batches
}

/** Whether an error may concern one customer of a batch alone, so that the others can still be written. */
const mayBeOne = ({ tag }: StreamError): boolean =>
  tag === 'Conflict' || tag === 'TooLarge' || tag === 'Unsendable' || tag === 'BatchRefused'

/** The end of a look before its time: the rest is found again by the next one. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

class Sweep {
  readonly #ports: SweepPorts
  readonly #signal: AbortSignal
  holds = 0
  skipped = 0

  constructor(ports: SweepPorts, signal: AbortSignal) {
    this.#ports = ports
    this.#signal = signal
  }

  async shard(index: ExpiryIndex, shard: string): Promise<void> {
    let after: DuePage['next']
    let stale = 0
    do {
      this.#goOn()
      const now = this.#ports.now()
      if (now === undefined) throw new Interrupted("the stream's time is not known")
      const page = await run(index(shard, now.getTime(), after))
      const is_stale = page.ids.length > 0 && (await this.#page(page.ids, now))
      stale = is_stale ? stale + page.ids.length : 0
      after = page.next
    } while (after !== undefined && stale < STALE_CUSTOMERS_MAX)
  }

  #goOn(): void {
    if (this.#signal.aborted || !this.#ports.isOnDuty())
      throw new Interrupted('this instance looks for expired holds no more')
  }

  /** Writes what is due of these customers. Returns whether of none of them a hold has expired. */
  async #page(ids: readonly AccountId[], now: Date): Promise<boolean> {
    const loaded = await this.#ports.load(ids)
    const skipped_before = this.skipped
    const due: Due[] = []
    for (const id of ids) {
      const found = loaded.get(id)
      if (found === undefined || !isLoaded(found)) this.#skip(id, found?.problem)
      else if (found.customer.parked !== undefined) this.#skip(id, 'the customer is parked')
      else due.push(...this.#dueOf(id, found, now))
    }
    for (const batch of batchesOf(due)) {
      this.#goOn()
      const began_ms = performance.now()
      await this.#write(batch)
      // commands have the stream for at least half of the time
      await rest(performance.now() - began_ms, this.#signal)
    }
    return due.length === 0 && this.skipped === skipped_before
  }

  #dueOf(id: AccountId, { customer: { account }, last_seq }: Folded, now: Date): Due[] {
    const legs = expiryEvents(id, account, now)
    return legs.length === 0 ? [] : [{ id, legs, last_seq }]
  }

  #skip(id: AccountId, reason: string | undefined): void {
    this.skipped += 1
    skipped_total.inc()
    this.#ports.log.debug({ client_id: id, reason }, 'expired holds are not written at this look')
  }

  async #write(batch: readonly Due[]): Promise<void> {
    const { nc, admit, forget } = this.#ports
    const events = eventsOf(batch)
    if (!admit(events)) throw new Interrupted('projections are behind')
    const stored = await publishBatch(nc, batch.flatMap(messagesOf), PUBLISH_TIMEOUT_MS)()
    forget(batch.map(({ id }) => id))
    if (E.isRight(stored)) {
      this.holds += events
      expired_total.inc({}, events)
      return
    }
    const [only, ...others] = batch
    if (only === undefined || !mayBeOne(stored.left)) throw new Failed(stored.left)
    if (others.length === 0) return this.#skip(only.id, stored.left.message)
    for (const each of batch) await this.#write([each])
  }
}

/**
 * Looks through all shards once. Rejects when it cannot go on: with `Interrupted` when that is no fault. What is stored by then
 * stays, and the next look does the rest.
 */
export const sweep = async (ports: SweepPorts, signal: AbortSignal): Promise<Swept> => {
  const index = await run(ports.index)
  const one = new Sweep(ports, signal)
  for (const shard of await ports.shards()) await one.shard(index, shard)
  return { holds: one.holds, skipped: one.skipped }
}
