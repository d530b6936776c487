/**
 * Loads accounts in bulk, as of the stream: the projected item, and the fold of what the subject holds after it.
 *
 * An item alone is behind by nature, and it counts only if the stream bears it out (stream/proof.ts). While the table does not
 * answer soon the whole subject is folded, within a bound. A loaded account may be old a moment later: the expected sequence
 * of a write tells that, and before a refusal the end of the subject as of a proved end of the stream.
 */

import { E, unwrap } from '../../fp.js'
import { type AccountId, eventSubject } from '../../ledger/account-id.js'
import { decodeEvent } from '../../ledger/event.js'
import { type Customer, step } from '../../ledger/fold.js'
import { createLru } from '../../lru.js'
import { chunksOf, createSlots, inParallel, within } from '../../parallel.js'
import { type Folded, FROM_THE_BEGINNING, foldSubject, TooManyEvents } from '../../stream/fold-subject.js'
import { LAST_SUBJECTS_MAX, lastProved } from '../../stream/last.js'
import { createProver } from '../../stream/proof.js'
import { lastRecorded, nextKnown } from '../../stream/read.js'
import type { Recorded } from '../../stream/recorded.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import type { CommandDeps } from '../deps.js'
import type { Soon } from './breaker.js'
import { createItemsReader, type Items, type ItemsError, type ItemsReader } from './items.js'

/**
 * The reason why a customer cannot be loaded at the moment. `needs_time`: the customer has too many events to be folded
 * quickly, and the table does not answer soon.
 */
export type LoadProblem = { readonly problem: string; readonly cause?: unknown; readonly needs_time?: true }

export type LoadResult = ReadonlyMap<AccountId, Folded | LoadProblem>

const REQUESTS_MAX = 8
const TAILS_MAX = 64
/** The largest number of events that are folded from the beginning while DynamoDB does not answer. */
const WHOLE_SUBJECT_EVENTS_MAX = 10_000
/** The largest number of events after an item; a projection that is further behind is no base to decide on. */
const TAIL_EVENTS_MAX = 50_000
/**
 * Customers who are folded from the beginning at once. That costs the stream's server a read for nearly each event, so many at
 * once, while DynamoDB is slow for a moment, would make the stream slow for everybody, and the rounds give up waiting for them.
 */
const WHOLE_FOLDS_MAX = 16
/** The longest time that a round waits for a customer who is folded without the table. */
const FOLD_MS_MAX = 300
/** The largest number of events that are caught up with after a load; a customer may be written to faster than that. */
const CATCH_UP_EVENTS_MAX = 20
/** The number of customers that are remembered for having too many events: they never have fewer. */
const LONG_SUBJECTS_MAX = 100_000

export const isLoaded = (result: Folded | LoadProblem): result is Folded => 'customer' in result

/** Whether a customer can be loaded by whoever has the time. */
export const needsTime = (result: Folded | LoadProblem | undefined): boolean =>
  result !== undefined && !isLoaded(result) && result.needs_time === true

type Newest = ReadonlyMap<string, Recorded>

/** The newest event of each customer: as of an end of the stream that is proved now, or as any replica knows it. */
const newestOf = async (
  { nc }: CommandDeps,
  ids: readonly AccountId[],
  confirmed: boolean,
): Promise<Newest> => {
  const subjects = chunksOf(LAST_SUBJECTS_MAX, ids.map(eventSubject))
  const pages = await inParallel(
    REQUESTS_MAX,
    subjects,
    async (page): Promise<Newest> =>
      confirmed
        ? unwrap(await lastProved(nc, page)()).last
        : unwrap(await lastRecorded(nc, LEDGER_STREAM, page)()),
  )
  const [only, ...more] = pages
  return only !== undefined && more.length === 0 ? only : new Map(pages.flatMap(page => [...page]))
}

/** The items that the table has given so far, and those that it will give. */
type Told = { items: Items | undefined; readonly later: Promise<Items | undefined> }

const NOTHING = Promise.resolve(undefined)
const NOT_ASKED: Told = { items: undefined, later: NOTHING }

/** The items of an answer that is still to come; a later caller finds them if they have come meanwhile. */
const toldLater = (answer: Promise<E.Either<ItemsError, Items>>): Told => {
  const later = answer.then(result => {
    told.items = E.isRight(result) ? result.right : undefined
    return told.items
  })
  const told: Told = { items: undefined, later }
  return told
}

const toldBy = (soon: Soon<ItemsError, Items>): Told => {
  if (soon.tag === 'answer') return { items: soon.answer, later: NOTHING }
  return soon.tag === 'away' ? NOT_ASKED : toldLater(soon.later)
}

/** What is told of a customer for whom nothing was read: somebody may wait for longer, or ask again. */
const late = (id: AccountId): LoadProblem => ({ problem: `${id} takes long to be folded`, needs_time: true })

/** A caller who waits for a customer, until it gives up. */
type Waiter = { is_waiting: boolean }

/** Whether a fold failed because the customer has too many events. */
const isTooLong = (cause: unknown): boolean => cause instanceof Error && cause.cause instanceof TooManyEvents

const problemOf = (cause: unknown): LoadProblem => ({
  problem: cause instanceof Error ? cause.message : String(cause),
  cause,
})

export class AccountLoader {
  readonly #deps: CommandDeps
  readonly #prover: ReturnType<typeof createProver>
  readonly #items_reader: ItemsReader
  readonly #long_subjects = createLru<AccountId, true>(LONG_SUBJECTS_MAX)
  readonly #wholeFolds = createSlots(WHOLE_FOLDS_MAX)

  constructor(deps: CommandDeps) {
    this.#deps = deps
    this.#prover = createProver(deps)
    this.#items_reader = createItemsReader(deps)
  }

  /** Folds on up to `newest`, which is stored. A leader that was cut off may have less; then nothing may be decided. */
  async #foldOn(
    id: AccountId,
    from: Folded,
    newest: Recorded | undefined,
    events_max = TAIL_EVENTS_MAX,
  ): Promise<Folded> {
    if (newest === undefined || newest.seq <= from.last_seq) return from
    const folded = unwrap(await foldSubject(this.#deps, id, from, { to_seq: newest.seq, events_max })())
    if (folded.last_seq < newest.seq)
      throw new Error(`the events of ${id} cannot be read up to ${newest.seq}`)
    return folded
  }

  /** Folds events that came while the customer was loaded: without them a customer that others keep writing to is never decided on. */
  async #catchUp(id: AccountId, folded: Folded): Promise<Folded> {
    let { customer, last_seq } = folded
    for (let events = 0; events < CATCH_UP_EVENTS_MAX && customer.parked === undefined; events += 1) {
      const next = await nextKnown(this.#deps.nc, LEDGER_STREAM, eventSubject(id), last_seq + 1)()
      if (E.isLeft(next) || next.right === undefined) break
      const { seq, body } = next.right
      const stepped = step(customer, next.right, decodeEvent(body, id))
      // a decision about a parked customer may follow: another load finds it
      if (stepped.tag === 'parked') break
      if (stepped.tag === 'applied') customer = stepped.customer
      last_seq = seq
    }
    return { customer, last_seq }
  }

  /** Folds on from an item, which never counts alone; from the beginning if there is none. */
  async #foldFromItem(
    id: AccountId,
    item: Customer | undefined,
    newest: Recorded | undefined,
  ): Promise<Folded> {
    const isNothing = item === undefined || (item.account.seq === 0 && newest === undefined)
    return this.#foldOn(
      id,
      isNothing ? FROM_THE_BEGINNING : await this.#prover.prove(id, item, newest),
      newest,
    )
  }

  /** Folds all events of a customer, without the table, if there are not too many. */
  async #foldWhole(id: AccountId, newest: Recorded | undefined): Promise<Folded | LoadProblem> {
    if (this.#long_subjects.get(id) === undefined) {
      try {
        return await this.#foldOn(id, FROM_THE_BEGINNING, newest, WHOLE_SUBJECT_EVENTS_MAX)
      } catch (cause) {
        if (!isTooLong(cause)) return problemOf(cause)
        this.#long_subjects.set(id, true)
      }
    }
    const problem = `${id} has more than ${WHOLE_SUBJECT_EVENTS_MAX} events, and DynamoDB does not answer soon`
    return { problem, needs_time: true }
  }

  #foldFrom(id: AccountId, items: Items, newest: Recorded | undefined): Promise<Folded | LoadProblem> {
    return this.#foldFromItem(id, items.get(id), newest).catch(problemOf)
  }

  /** Folds the whole subject and waits for the table at the same time; the first one that succeeds counts. */
  async #loadFresh(
    id: AccountId,
    table: Told,
    newest: Recorded | undefined,
    waiter: Waiter = { is_waiting: true },
  ): Promise<Folded | LoadProblem> {
    if (table.items !== undefined) return this.#foldFrom(id, table.items, newest)
    const whole = this.#wholeFolds(async () =>
      waiter.is_waiting && table.items === undefined ? this.#foldWhole(id, newest) : late(id),
    )
    const ifNot = whole.then(result => (isLoaded(result) ? undefined : table.later))
    const items = await Promise.race([ifNot, table.later.then(said => said ?? ifNot)])
    return items === undefined ? whole : this.#foldFrom(id, items, newest)
  }

  /** The same for a round, in which other groups wait too. */
  async #loadFreshSoon(
    id: AccountId,
    table: Told,
    newest: Recorded | undefined,
  ): Promise<Folded | LoadProblem> {
    const waiter = { is_waiting: true }
    const result = this.#loadFresh(id, table, newest, waiter)
    if (table.items !== undefined) return result
    const loaded = await within(FOLD_MS_MAX, result)
    waiter.is_waiting = false
    return loaded ?? late(id)
  }

  /**
   * Loads `ids`. `confirmed` takes the subjects' ends as of an end of the stream that is proved after the call, which is what a
   * refusal and a reload after a conflict need; otherwise any replica may tell which subjects have something after their
   * item. A customer of `bases` is folded on from there: no table is asked, and a customer that many write to costs its
   * newest events only.
   */
  async load(
    ids: readonly AccountId[],
    confirmed: boolean,
    bases: ReadonlyMap<AccountId, Folded> = new Map(),
  ): Promise<LoadResult> {
    const unknown = ids.filter(id => !bases.has(id))
    const table = unknown.length === 0 ? NOT_ASKED : toldBy(await this.#items_reader.soon(unknown))
    const newest = await newestOf(this.#deps, ids, confirmed)
    const results = new Map<AccountId, Folded | LoadProblem>()
    const open: AccountId[] = []
    for (const id of ids) {
      const base = bases.get(id)
      if (base !== undefined && (newest.get(eventSubject(id))?.seq ?? 0) <= base.last_seq)
        results.set(id, base)
      else open.push(id)
    }
    await inParallel(TAILS_MAX, open, async id => {
      const [base, last] = [bases.get(id), newest.get(eventSubject(id))]
      const result =
        base === undefined
          ? this.#loadFreshSoon(id, table, last)
          : this.#foldOn(id, base, last).catch(problemOf)
      const loaded = await result
      results.set(id, confirmed && isLoaded(loaded) ? await this.#catchUp(id, loaded) : loaded)
    })
    return results
  }

  /** Loads customers that need time: their subjects are long, and the table is waited for as long as its client does. */
  async loadInTime(ids: readonly AccountId[]): Promise<LoadResult> {
    const newest = await newestOf(this.#deps, ids, false)
    const table = toldLater(this.#items_reader.patiently(ids))
    const found = await inParallel(
      TAILS_MAX,
      ids,
      async (id): Promise<[AccountId, Folded | LoadProblem]> => [
        id,
        await this.#loadFresh(id, table, newest.get(eventSubject(id))),
      ],
    )
    return new Map(found)
  }

  /** Loads `ids` as of an end of the stream that is proved after the call, also those that need time. */
  async loadFully(ids: readonly AccountId[]): Promise<LoadResult> {
    if (ids.length === 0) return new Map()
    const soon = await this.load(ids, true)
    const slow = ids.filter(id => needsTime(soon.get(id)))
    if (slow.length === 0) return soon
    const bases = [...(await this.loadInTime(slow))].filter((one): one is [AccountId, Folded] =>
      isLoaded(one[1]),
    )
    return new Map([
      ...soon,
      ...(await this.load(
        bases.map(([id]) => id),
        true,
        new Map(bases),
      )),
    ])
  }
}
