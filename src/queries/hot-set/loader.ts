/**
 * Reads a customer that is not in memory, or whose state in memory is not new enough: from the table's item, completed
 * by the events that were followed, or from the stream itself.
 */

import { E, type Either } from '../../fp.js'
import type { Account } from '../../ledger/account.js'
import type { AccountId } from '../../ledger/account-id.js'
import { type Customer, NEW_CUSTOMER } from '../../ledger/fold.js'
import { createSlots } from '../../parallel.js'
import { catalogued } from '../../service/catalogue.js'
import type { ServiceError } from '../../service/error.js'
import { type Folded, type FoldedTo, foldSubject, fromHead } from '../../stream/fold-subject.js'
import type { QueryDeps } from '../deps.js'
import { ANOTHER_STREAM, type SameStream } from '../same-stream.js'
import type { FreshnessWatch } from './freshness-watch.js'
import { type HotSet, lastSeqOf } from './hot-set.js'
import type { CompleteItem, TableReads } from './table-reads.js'
import { createTurns } from './turns.js'

/** The source of an answer, as the header `Ledger-Source` names it. */
export type Source = 'memory' | 'table' | 'stream'

export type Found = {
  readonly account: Account
  readonly source: Source
  /** The account has every event of the customer up to this sequence. */
  readonly complete_to: number
  /** The greatest age of the answer; absent when the answer is fresh. */
  readonly age_ms?: number
  /** The moment of the past that was asked for, in milliseconds since 1970; absent for the present. */
  readonly at_ms?: number
}

export type Result = Either<ServiceError, Found>

export type CustomerLoader = {
  /** As new as the memory would be, or the best to be had while no server proves how far the stream is. Never rejects. */
  readonly load: (id: AccountId) => Promise<Result>
  /** With everything that was acknowledged before the call. Never rejects. */
  readonly confirm: (id: AccountId) => Promise<Result>
}

/** The largest number of subjects that are folded at once. */
const FOLDS_MAX = 64
/** The longest subject, in events, that is folded while DynamoDB is away. */
const WHOLE_SUBJECT_EVENTS_MAX = 10_000
/** The largest lag of a projection, in events, with which the stream is read on from its items. */
const TAIL_EVENTS_MAX = 50_000
const TRIES_MAX = 4

const UNPROVED = 'no server proves how far the stream is, and the customer is not in memory; try again'

const unavailable = (message: string, cause?: unknown): E.Either<ServiceError, never> =>
  E.left(catalogued('UNAVAILABLE', { message }, cause))

/** The state from which the stream is read on. */
type Base = Folded & { readonly is: 'memory' | 'item' | 'nothing' }

const baseOf = (item: CompleteItem | undefined): Base => {
  if (item === undefined) return { is: 'nothing', customer: NEW_CUSTOMER, last_seq: 0 }
  return { is: 'item', ...fromHead(item.customer) }
}

export const createCustomerLoader = (
  deps: QueryDeps,
  hot: HotSet<unknown>,
  table: TableReads,
  watch: Pick<FreshnessWatch, 'isFresh' | 'isProved'>,
  stream: SameStream,
): CustomerLoader => {
  const limit = createSlots(FOLDS_MAX)
  const turns = createTurns<Result>()

  const inMemory = (id: AccountId): Base | undefined => {
    const found = hot.get(id)
    return found === undefined
      ? undefined
      : {
          is: 'memory',
          customer: { account: found.account },
          last_seq: Math.max(found.account.seq, hot.position()),
        }
  }

  const keepLoaded = (
    id: AccountId,
    customer: Customer,
    complete_to: number,
    source: Source,
  ): Result | undefined => {
    const now = hot.load(id, customer, complete_to)
    if (now === undefined) return undefined
    // the hot set has completed it with the events that were followed
    const to_seq = Math.max(complete_to, lastSeqOf(customer), hot.position())
    return E.right({ account: now.account, source, complete_to: to_seq })
  }

  /** The best answer while the stream cannot be read; it is never older than an earlier one. */
  const withoutStream = (id: AccountId, item: CompleteItem | undefined): Result | undefined => {
    const found = hot.get(id)
    if (found !== undefined)
      return E.right({ account: found.account, source: 'memory', complete_to: hot.position() })
    return item === undefined ? undefined : keepLoaded(id, item.customer, item.complete_to, 'table')
  }

  const resultOfFold = (id: AccountId, { is }: Base, { customer, last_seq, complete_to }: FoldedTo) => {
    // only the table tells whether a newer program has resumed a parked customer
    if (customer.parked !== undefined && is === 'memory') return undefined
    if (customer.parked !== undefined && is === 'nothing') {
      return unavailable('the customer has events of a schema from the future, and DynamoDB cannot be read')
    }
    // the table has no item, and the stream agrees that there is no event
    const is_tables = is === 'item' && last_seq === 0
    return keepLoaded(id, customer, complete_to, is_tables ? 'table' : 'stream')
  }

  const readOn = async (
    id: AccountId,
    base: Base,
    fallback: () => Result | undefined,
  ): Promise<Result | undefined> => {
    const events_max = base.is === 'nothing' ? WHOLE_SUBJECT_EVENTS_MAX : TAIL_EVENTS_MAX
    const options = { to_seq: Number.POSITIVE_INFINITY, events_max }
    const folded = await limit(() => foldSubject(deps, id, base, options)())
    if (E.isRight(folded)) {
      if (!(await stream.check())) return unavailable(ANOTHER_STREAM)
      return resultOfFold(id, base, folded.right)
    }
    return fallback() ?? unavailable('the stream cannot be read at the moment; try again', folded.left)
  }

  /** Tries once to read; undefined when the result cannot be used and another try may succeed. */
  const tryRead = async (
    id: AccountId,
    is_confirming: boolean,
    may_use_memory: boolean,
  ): Promise<Result | undefined> => {
    const known = is_confirming && may_use_memory ? inMemory(id) : undefined
    if (known !== undefined) return readOn(id, known, () => undefined)
    const item = await table.read(id)
    // a parked customer may have gone on by a decision that is not in the table yet
    const may_use_item = !is_confirming && item?.customer.parked === undefined && watch.isFresh()
    const from_item =
      may_use_item && item !== undefined
        ? keepLoaded(id, item.customer, item.complete_to, 'table')
        : undefined
    if (from_item !== undefined) return from_item
    if (!is_confirming && !watch.isProved()) return withoutStream(id, item) ?? unavailable(UNPROVED)
    return readOn(id, baseOf(item), () => (is_confirming ? undefined : withoutStream(id, item)))
  }

  const read = async (id: AccountId, is_confirming: boolean): Promise<Result> => {
    try {
      for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
        const result = await tryRead(id, is_confirming, attempt === 1)
        if (result !== undefined) return result
      }
      return unavailable('the customer cannot be read at the moment; try again')
    } catch (cause) {
      return E.left(catalogued('INTERNAL_ERROR', {}, cause))
    }
  }

  return {
    load: id => turns.any(id, () => read(id, false)),
    confirm: id => turns.later(id, () => read(id, true)),
  }
}
