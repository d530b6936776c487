/**
 * Loads accounts in bulk, as of the stream: the projected item, and the fold of what the subject holds after it.
 *
 * The item alone would be behind by nature. Without DynamoDB the whole subject is folded, within a bound. What is
 * loaded may still be old a moment later; the expected sequence of a write, or a leader read before a refusal, tells.
 */

import { E } from '../fp.js'
import { type ClientId, eventSubject } from '../ledger/client-id.js'
import { decodeEvent } from '../ledger/event.js'
import { type Customer, NEW_CUSTOMER, step } from '../ledger/fold.js'
import { chunksOf, inParallel } from '../parallel.js'
import type { StreamError } from '../stream/errors.js'
import { lastSequences, nextRecorded, readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { READ_KEYS_MAX, readCustomers } from '../tables/balances.js'
import type { TableError } from '../tables/errors.js'
import type { CommandDeps } from './deps.js'

/** A customer as of `last_seq`, the last sequence on its subject (rejected events included; 0: none). */
export type Loaded = { readonly customer: Customer; readonly last_seq: number }

/** Why a customer cannot be loaded at the moment. */
export type LoadProblem = { readonly problem: string; readonly cause?: unknown }

export type LoadResult = ReadonlyMap<ClientId, Loaded | LoadProblem>

const SUBJECTS_MAX = 1_000
const REQUESTS_MAX = 8
const TAILS_MAX = 64
/** A tail longer than this is read through a consumer and not message by message. */
const TAIL_SINGLES_MAX = 50
/** The longest subject that is folded while DynamoDB is away. */
const WHOLE_SUBJECT_EVENTS_MAX = 10_000
/** A projection that lags further than this behind is no base to decide on. */
const TAIL_EVENTS_MAX = 50_000

export const isLoaded = (result: Loaded | LoadProblem): result is Loaded => 'customer' in result

const orThrow = <A>(result: E.Either<StreamError | TableError, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message, { cause: result.left.cause })
  return result.right
}

const foldOne = ({ customer, last_seq }: Loaded, { seq, body }: Recorded): Loaded => {
  if (seq <= last_seq) return { customer, last_seq }
  const next = step(customer, seq, decodeEvent(body))
  return {
    customer: next.tag === 'applied' || next.tag === 'parked' ? next.customer : customer,
    last_seq: seq,
  }
}

/** Folds on through a consumer, up to `to_seq`. */
const foldLongTail = async (
  { nc }: CommandDeps,
  id: ClientId,
  from: Loaded,
  to_seq: number,
  events_max: number,
): Promise<Loaded> => {
  const range = { stream: LEDGER_STREAM, subject: eventSubject(id), to_seq }
  let [loaded, events] = [from, 0]
  for await (const record of readRange(nc, { ...range, from_seq: from.last_seq + 1 })) {
    loaded = foldOne(loaded, record)
    events += 1
    if (events > events_max) throw new Error(`${id} has more than ${events_max} events to fold`)
  }
  return loaded
}

/**
 * Folds what the leader has on the subject after `from`. A long tail is folded up to where the stream ends at that
 * moment: whoever publishes faster than we fold cannot keep us here.
 */
const foldTail = async (
  deps: CommandDeps,
  id: ClientId,
  from: Loaded,
  events_max: number,
): Promise<Loaded> => {
  let [loaded, end_seq] = [from, Number.POSITIVE_INFINITY]
  const subject = eventSubject(id)
  for (let singles = 1; ; singles += 1) {
    const found = orThrow(await nextRecorded(deps.jsm, LEDGER_STREAM, subject, loaded.last_seq + 1)())
    if (found === undefined || found.seq > end_seq) return loaded
    loaded = foldOne(loaded, found)
    if (singles % TAIL_SINGLES_MAX !== 0) continue
    if (end_seq === Number.POSITIVE_INFINITY) {
      end_seq = (await deps.jsm.streams.info(LEDGER_STREAM)).state.last_seq
    }
    loaded = await foldLongTail(deps, id, loaded, end_seq, events_max)
  }
}

/** Up to where an item speaks for its subject. */
const fromItem = (customer: Customer): Loaded => ({
  customer,
  last_seq: customer.parked?.last_seq ?? customer.account.seq,
})

const readItems = async (
  deps: CommandDeps,
  ids: readonly ClientId[],
): Promise<Map<ClientId, Customer> | undefined> => {
  try {
    const table = orThrow(await deps.balancesTable())
    const pages = await inParallel(REQUESTS_MAX, chunksOf(READ_KEYS_MAX, ids), async page =>
      orThrow(await readCustomers(deps.tables, table, page)()),
    )
    return new Map(pages.flatMap(page => [...page]))
  } catch (cause) {
    deps.log.warn({ err: cause }, 'DynamoDB is away: accounts are folded from the stream alone')
    return undefined
  }
}

const lastOf = async ({ nc }: CommandDeps, ids: readonly ClientId[]): Promise<Map<string, number>> => {
  const pages = await inParallel(REQUESTS_MAX, chunksOf(SUBJECTS_MAX, ids.map(eventSubject)), async page =>
    orThrow(await lastSequences(nc, LEDGER_STREAM, page)()),
  )
  return new Map(pages.flatMap(page => [...page]))
}

/**
 * Loads `ids`. `confirmed` asks the leader about every subject, which is what a refusal and a reload after a conflict
 * need; otherwise any replica may tell in bulk which subjects have something after their item. What is in `bases` is
 * folded on from there: no table is asked, and a customer that many write to costs its newest events only.
 */
export const loadCustomers = async (
  deps: CommandDeps,
  ids: readonly ClientId[],
  confirmed: boolean,
  bases: ReadonlyMap<ClientId, Loaded> = new Map(),
): Promise<LoadResult> => {
  const unknown = ids.filter(id => !bases.has(id))
  const items = unknown.length === 0 ? new Map<ClientId, Customer>() : await readItems(deps, unknown)
  const last = confirmed ? undefined : await lastOf(deps, ids)
  const events_max = items === undefined ? WHOLE_SUBJECT_EVENTS_MAX : TAIL_EVENTS_MAX
  const results = await inParallel(TAILS_MAX, ids, async (id): Promise<[ClientId, Loaded | LoadProblem]> => {
    const from = bases.get(id) ?? fromItem(items?.get(id) ?? NEW_CUSTOMER)
    const end = last?.get(eventSubject(id)) ?? 0
    if (last !== undefined && end <= from.last_seq) return [id, from]
    try {
      return [id, await foldTail(deps, id, from, events_max)]
    } catch (cause) {
      return [id, { problem: cause instanceof Error ? cause.message : String(cause), cause }]
    }
  })
  return new Map(results)
}

/** The ones of `ids` whose subjects hold something newer than `seen`, as any replica tells: one request for 1,000. */
export const movedSince = async (
  deps: CommandDeps,
  ids: readonly ClientId[],
  seen: ReadonlyMap<ClientId, Loaded>,
): Promise<ClientId[]> => {
  const last = await lastOf(deps, ids)
  return ids.filter(id => (last.get(eventSubject(id)) ?? 0) > (seen.get(id)?.last_seq ?? 0))
}
