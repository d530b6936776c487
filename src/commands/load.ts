/**
 * Loads accounts in bulk, as of the stream: the projected item, and the fold of what the subject holds after it.
 *
 * The item alone would be behind by nature, and it counts only where the stream bears it out (stream/proof.ts). Without DynamoDB
 * the whole subject is folded, within a bound. What is loaded may still be old a moment later; the expected sequence of a
 * write, or a leader read before a refusal, tells.
 */

import { E } from '../fp.js'
import { type ClientId, eventSubject } from '../ledger/client-id.js'
import type { Customer } from '../ledger/fold.js'
import { chunksOf, inParallel } from '../parallel.js'
import type { StreamError } from '../stream/errors.js'
import { FROM_THE_BEGINNING, foldSubject } from '../stream/fold-subject.js'
import { createProver } from '../stream/proof.js'
import { lastRecorded } from '../stream/read.js'
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
/** The longest subject that is folded while DynamoDB is away. */
const WHOLE_SUBJECT_EVENTS_MAX = 10_000
/** A projection that lags further than this behind is no base to decide on. */
const TAIL_EVENTS_MAX = 50_000

export const isLoaded = (result: Loaded | LoadProblem): result is Loaded => 'customer' in result

const orThrow = <A>(result: E.Either<StreamError | TableError, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message, { cause: result.left.cause })
  return result.right
}

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

const lastOf = async ({ nc }: CommandDeps, ids: readonly ClientId[]): Promise<Map<string, Recorded>> => {
  const pages = await inParallel(REQUESTS_MAX, chunksOf(SUBJECTS_MAX, ids.map(eventSubject)), async page =>
    orThrow(await lastRecorded(nc, LEDGER_STREAM, page)()),
  )
  return new Map(pages.flatMap(page => [...page]))
}

export type Loader = {
  /**
   * Loads `ids`. `confirmed` asks the leader about every subject, which is what a refusal and a reload after a conflict
   * need; otherwise any replica may tell in bulk which subjects have something after their item. What is in `bases` is
   * folded on from there: no table is asked, and a customer that many write to costs its newest events only.
   */
  readonly load: (
    ids: readonly ClientId[],
    confirmed: boolean,
    bases?: ReadonlyMap<ClientId, Loaded>,
  ) => Promise<LoadResult>
  /** The ones of `ids` whose subjects hold something newer than `seen`, as any replica tells: one request for 1,000. */
  readonly movedSince: (ids: readonly ClientId[], seen: ReadonlyMap<ClientId, Loaded>) => Promise<ClientId[]>
}

export const createLoader = (deps: CommandDeps): Loader => {
  const prover = createProver(deps)

  /** Where to fold on from: never from an item alone, and from the beginning without one. */
  const provedBase = (
    id: ClientId,
    item: Customer | undefined,
    last: Recorded | undefined,
  ): Loaded | Promise<Loaded> =>
    item === undefined || (item.account.seq === 0 && last === undefined)
      ? FROM_THE_BEGINNING
      : prover.prove(id, item, last)

  const foldTail = async (id: ClientId, from: Loaded, events_max: number): Promise<Loaded> =>
    orThrow(await foldSubject(deps, id, from, { to_seq: Number.POSITIVE_INFINITY, events_max })())

  return {
    load: async (ids, confirmed, bases = new Map()) => {
      const unknown = ids.filter(id => !bases.has(id))
      const items = unknown.length === 0 ? new Map<ClientId, Customer>() : await readItems(deps, unknown)
      const last = await lastOf(deps, confirmed ? unknown : ids)
      const events_max = items === undefined ? WHOLE_SUBJECT_EVENTS_MAX : TAIL_EVENTS_MAX
      const results = await inParallel(
        TAILS_MAX,
        ids,
        async (id): Promise<[ClientId, Loaded | LoadProblem]> => {
          const newest = last.get(eventSubject(id))
          try {
            const from = bases.get(id) ?? (await provedBase(id, items?.get(id), newest))
            if (!confirmed && (newest?.seq ?? 0) <= from.last_seq) return [id, from]
            return [id, await foldTail(id, from, events_max)]
          } catch (cause) {
            return [id, { problem: cause instanceof Error ? cause.message : String(cause), cause }]
          }
        },
      )
      return new Map(results)
    },
    movedSince: async (ids, seen) => {
      const last = await lastOf(deps, ids)
      return ids.filter(id => (last.get(eventSubject(id))?.seq ?? 0) > (seen.get(id)?.last_seq ?? 0))
    },
  }
}
