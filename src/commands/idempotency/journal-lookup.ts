/**
 * Finds the transaction of an id that the stream may hold: first in the journal, which holds every customer's without a
 * bound on their number and with folded balances, then among the newest ids (known-ids.ts).
 *
 * An id that neither holds is new if the journal has every event that is older than the newest ids, or if it is less than
 * half of the duplicate window behind: the stream itself refuses younger ids. Without a journal, or while DynamoDB does not
 * answer soon, the histories of the customers are read.
 */

import { countUnstorable } from '../../dead-letters/letters.js'
import { E, pipe, type TaskEither, TE, unwrap } from '../../fp.js'
import { createGatherer } from '../../gather.js'
import { createFindOlderIds } from '../../known-ids/older-ids.js'
import { creditLegId } from '../../ledger/command.js'
import { claimedAfter } from '../../ledger/event.js'
import { rulesDigest } from '../../ledger/rules-text.js'
import { metrics } from '../../metrics.js'
import { createSlots } from '../../parallel.js'
import type { StreamError } from '../../stream/errors.js'
import { projectionLag } from '../../stream/lag.js'
import type { TableError } from '../../tables/errors.js'
import { READ_KEYS_MAX, type Trust } from '../../tables/heads.js'
import { type JournalRow, readJournal } from '../../tables/journal-by-id.js'
import type { CommandDeps } from '../deps.js'
import { createBreaker } from '../group-commit/breaker.js'
import { positionOf } from '../outcome.js'
import { createHistoryFinder } from './history.js'
import type { KnownIds } from './known-ids.js'
import { createLagWatch } from './lag-watch.js'
import { type StoredTransaction, storedAt } from './stored-transaction.js'
import { createStreamLookup, GapUnread, type StreamLookupParts } from './stream-lookup.js'
import type { FindTransaction } from './window.js'

export type JournalSource = {
  /** The active table, and whether it may be believed: only then is an id new that it does not hold. */
  readonly table: TaskEither<StreamError, { readonly table: string; readonly trust: Trust }>
  /** The consumer that fills it. */
  readonly consumer: TaskEither<StreamError, string>
}

/** A table of savepoints has no row for the id, which says nothing. */
const NOT_KEPT = 'not kept'
type RowFound = JournalRow | typeof NOT_KEPT

/** What is known when no part of the program follows the stream's ids: nothing. */
const NOTHING_KNOWN: KnownIds = {
  mayHave: () => true,
  seqOf: () => undefined,
  exactAfter: () => undefined,
  reachEnd: async () => false,
}

/** The longest wait for the newest ids, in milliseconds: of a command, and of a caller who asks for one transaction. */
const FOLLOW_MS_MAX = 250
const FOLLOW_PATIENTLY_MS_MAX = 1_000

const READS_IN_FLIGHT_MAX = 8
const PROOFS_MAX = 32

const wrong_rows = metrics.counter(
  'jetledger_wrong_rows_total',
  'Rows of the journal that were no event of the stream when a command needed them',
)

/**
 * The transaction of a row whose event the stream holds under the same customer and id. The account that the row gives counts
 * if the event claims the same one; otherwise the answer is folded from the stream.
 */
const knownFromRow = (row: JournalRow, stored: StoredTransaction): StoredTransaction => {
  const { balance, version, account } = row
  const claim = claimedAfter(stored.event)
  const is_claimed = claim?.balance === balance && claim.version === version
  if (!is_claimed || stored.event.type === 'declined') return stored
  // the answer of an account whose rules are too long for a row is folded
  if (account === undefined || rulesDigest(account.rules) !== claim.rules)
    return { ...stored, has_counted: true }
  const { client_id: _, seq: __, ...state } = positionOf(row.client_id, account, row.seq)
  return { ...stored, has_counted: true, folded: [state] }
}

type Rows = ReadonlyMap<string, RowFound>
type ReadRow = (transaction_id: string) => Promise<RowFound | undefined>

export type JournalLookup = {
  /** Finds a transaction in the journal, or in the customer's history while the journal cannot be asked. */
  readonly find: FindTransaction
  /**
   * The transaction that is known under an id; when none is, the sequence up to which that is certain (0: not at all).
   */
  readonly lookUp: (transaction_id: string) => Promise<LookedUp>
}

/**
 * `is_filtered`: the ids of all events are known, so an id that no event has is known to be new, unless it is one of the few
 * that the filter cannot tell. Then `seq` is infinite.
 */
type LookedUp = {
  readonly known: StoredTransaction | undefined
  readonly seq: number
  readonly is_filtered: boolean
}

/** Readers of rows: one for commands, which wait for a moment, and one for a caller who waits as long as the table's client does. */
const createRowReaders = (deps: CommandDeps, table: JournalSource['table']) => {
  const breaker = createBreaker<StreamError | TableError>({
    isAway: ({ tag }) => tag === 'TryAgain',
    onOpen: error =>
      deps.log.warn(
        { err: error?.cause, reason: error?.message ?? 'it does not answer soon' },
        'the journal is away: the histories of customers are read',
      ),
  })

  const readRows = (ids: readonly string[]): Promise<E.Either<StreamError | TableError, Rows>> =>
    pipe(
      table,
      TE.chainW(now => readJournal(deps.tables, now.table, ids, now.trust)),
      TE.map(
        ({ rows, journal }): Rows =>
          journal === 'every-event' ? rows : new Map(ids.map(id => [id, rows.get(id) ?? NOT_KEPT])),
      ),
    )()
  const read = createGatherer<string, RowFound>(READ_KEYS_MAX, READS_IN_FLIGHT_MAX, async ids => {
    const soon = await breaker.soon(() => readRows(ids))
    if (soon.tag === 'answer') return soon.answer
    const error = soon.tag === 'away' ? soon.error : undefined
    throw new Error(error?.message ?? 'the journal does not answer soon', { cause: error?.cause })
  })
  const readPatiently = createGatherer<string, RowFound>(READ_KEYS_MAX, READS_IN_FLIGHT_MAX, async ids => {
    return unwrap(await readRows(ids))
  })
  return { read, readPatiently }
}

export type JournalParts = Partial<StreamLookupParts>

export const createJournalLookup = (
  deps: CommandDeps,
  { table, consumer }: JournalSource,
  {
    findInHistory = createHistoryFinder(deps),
    known = NOTHING_KNOWN,
    findOlder = createFindOlderIds(deps),
  }: JournalParts = {},
): JournalLookup => {
  const lag = createLagWatch(deps, consumer)
  const slots = createSlots(PROOFS_MAX)
  const { read, readPatiently } = createRowReaders(deps, table)
  const { amongNewest, leaveNoGap, ...without } = createStreamLookup(deps, {
    findInHistory,
    known,
    findOlder,
  })

  /** The transaction of the row under an id. Rejects when the stream does not hold the row's event. */
  const proved = async (transaction_id: string, readRow: ReadRow): Promise<StoredTransaction | undefined> => {
    const row = await readRow(transaction_id)
    if (row === undefined) return undefined
    if (row === NOT_KEPT) throw new Error('the table has rows of savepoints only')
    const stored = await slots(() => storedAt(deps, row.seq))
    if (stored?.id === row.client_id && stored.event.transaction_id === transaction_id) {
      return knownFromRow(row, stored)
    }
    wrong_rows.inc()
    deps.log.error({ transaction_id, seq: row.seq }, 'a row of the journal is no event of the stream')
    throw new Error(`the row of ${transaction_id} is no event of the stream`)
  }

  const inRows = async (transaction_id: string, readRow: ReadRow): Promise<StoredTransaction | undefined> => {
    const found = await proved(transaction_id, readRow)
    if (found?.event.type !== 'debit' || found.event.transfer === undefined) return found
    // with its second row, a transfer is known with both accounts
    const credit = await proved(creditLegId(transaction_id), readRow)
    const { folded: from, has_counted, ...bare } = found
    const isOther = credit?.seq === found.seq + 1 && credit.id === found.event.transfer.counterparty
    if (!isOther || has_counted === undefined || credit.has_counted === undefined) return bare
    return from !== undefined && credit.folded !== undefined
      ? { ...bare, has_counted, folded: [...from, ...credit.folded] }
      : { ...bare, has_counted }
  }

  const findInJournal = async (
    transaction_id: string,
    newest: boolean,
  ): Promise<StoredTransaction | undefined> => {
    const look = await lag.look()
    if (look === undefined) throw new Error('no projection keeps a journal')
    const found = (await inRows(transaction_id, read)) ?? (await amongNewest(transaction_id))
    if (found !== undefined) return found
    if (lag.hasRefusedRows() && !leaveNoGap(0))
      throw new Error('the journal lacks rows that its table refused')
    if (newest || look.isNear || leaveNoGap(look.seq)) return undefined
    throw new GapUnread(`the journal has come to event ${look.seq} only`)
  }

  return {
    find: async (transaction_id, id, newest = false) => {
      if (newest || known.exactAfter() === undefined) await known.reachEnd(FOLLOW_MS_MAX)
      if (!known.mayHave(transaction_id)) return undefined
      try {
        return await findInJournal(transaction_id, newest)
      } catch (cause) {
        if (cause instanceof GapUnread) throw cause
        deps.log.debug({ err: cause }, 'the journal cannot be asked')
        return without.find(transaction_id, id, newest)
      }
    },
    lookUp: async transaction_id => {
      const is_at_end = await known.reachEnd(FOLLOW_PATIENTLY_MS_MAX)
      const is_filtered = is_at_end && known.exactAfter() !== undefined
      if (is_at_end && !known.mayHave(transaction_id))
        return { known: undefined, seq: Number.POSITIVE_INFINITY, is_filtered }
      try {
        const name = await consumer()
        const state = E.isLeft(name) ? name : await projectionLag(deps.nc, name.right)()
        if (E.isLeft(state)) return { known: await amongNewest(transaction_id), seq: 0, is_filtered }
        const refusals = await countUnstorable(deps.nc, deps.jsm, 'ledger')()
        const is_complete = E.isRight(refusals) && refusals.right === 0
        const found = (await inRows(transaction_id, readPatiently)) ?? (await amongNewest(transaction_id))
        return { known: found, seq: is_complete ? state.right.seq : 0, is_filtered }
      } catch (cause) {
        deps.log.debug({ err: cause }, 'the journal cannot be asked: the stream is read')
        return { ...(await without.lookUp(transaction_id, is_filtered)), is_filtered }
      }
    },
  }
}
