/**
 * Finds transactions in the journal: of every customer at once, and without a bound on their number.
 *
 * An id that the journal does not hold is new only while the journal is less than half of the duplicate window behind; the
 * stream itself refuses younger ids. While the journal is further behind, the events that it lacks are read from the stream.
 * Without a journal, or while DynamoDB does not answer soon, the histories of the customers are read.
 */

import { countUnstorable } from '../../dead-letters/letters.js'
import { E, pipe, type TaskEither, TE, unwrap } from '../../fp.js'
import { createGatherer } from '../../gather.js'
import { creditLegId } from '../../ledger/command.js'
import { claimedAfter } from '../../ledger/event.js'
import { metrics } from '../../metrics.js'
import { createSlots } from '../../parallel.js'
import type { StreamError } from '../../stream/errors.js'
import { projectionLag } from '../../stream/lag.js'
import type { TableError } from '../../tables/errors.js'
import { READ_KEYS_MAX, type Trust } from '../../tables/heads.js'
import { type JournalRow, readJournal } from '../../tables/journal.js'
import type { CommandDeps } from '../deps.js'
import { createBreaker } from '../group-commit/breaker.js'
import { createHistoryFinder } from './history.js'
import { createLagWatch } from './lag-watch.js'
import { type StoredTransaction, storedAt } from './stored-transaction.js'
import { createTail, TailUnread } from './tail.js'
import type { FindTransaction } from './window.js'

export type JournalSource = {
  /** The active table of the journal, and whether it may be believed: only then is an id new that it does not hold. */
  readonly table: TaskEither<StreamError, { readonly table: string; readonly trust: Trust }>
  /** The consumer that fills it. */
  readonly consumer: TaskEither<StreamError, string>
}

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
  const { balance, version } = row
  const claim = claimedAfter(stored.event)
  const isFolded = stored.event.type !== 'declined' && claim?.balance === balance && claim.version === version
  return isFolded ? { ...stored, folded: [{ balance, version }] } : stored
}

type Rows = ReadonlyMap<string, JournalRow>
type ReadRow = (transaction_id: string) => Promise<JournalRow | undefined>

export type Journal = {
  /** Finds a transaction in the journal, or in the customer's history while the journal cannot be asked. */
  readonly find: FindTransaction
  /** The transaction that the journal holds under an id, and the sequence up to which the journal is complete (0: not at all). */
  readonly lookUp: (transaction_id: string) => Promise<{ known: StoredTransaction | undefined; seq: number }>
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
    )()
  const read = createGatherer<string, JournalRow>(READ_KEYS_MAX, READS_IN_FLIGHT_MAX, async ids => {
    const soon = await breaker.soon(() => readRows(ids))
    if (soon.tag === 'answer') return soon.answer
    const error = soon.tag === 'away' ? soon.error : undefined
    throw new Error(error?.message ?? 'the journal does not answer soon', { cause: error?.cause })
  })
  const readPatiently = createGatherer<string, JournalRow>(READ_KEYS_MAX, READS_IN_FLIGHT_MAX, async ids => {
    return unwrap(await readRows(ids))
  })
  return { read, readPatiently }
}

export const createJournal = (
  deps: CommandDeps,
  { table, consumer }: JournalSource,
  findInHistory: FindTransaction = createHistoryFinder(deps),
): Journal => {
  const lag = createLagWatch(deps, consumer)
  const tail = createTail(deps)
  const slots = createSlots(PROOFS_MAX)
  const { read, readPatiently } = createRowReaders(deps, table)

  /** The transaction of the row under an id. Rejects when the stream does not hold the row's event. */
  const proved = async (transaction_id: string, readRow: ReadRow): Promise<StoredTransaction | undefined> => {
    const row = await readRow(transaction_id)
    if (row === undefined) return undefined
    const stored = await slots(() => storedAt(deps, row.seq))
    if (stored?.id === row.client_id && stored.event.transaction_id === transaction_id) {
      return knownFromRow(row, stored)
    }
    wrong_rows.inc()
    deps.log.error({ transaction_id, seq: row.seq }, 'a row of the journal is no event of the stream')
    throw new Error(`the row of ${transaction_id} is no event of the stream`)
  }

  const knownAs = async (
    transaction_id: string,
    readRow: ReadRow,
  ): Promise<StoredTransaction | undefined> => {
    const known = await proved(transaction_id, readRow)
    if (known?.event.type !== 'debit' || known.event.transfer === undefined) return known
    // with its second row, a transfer is known with both accounts
    const credit = await proved(creditLegId(transaction_id), readRow)
    const { folded: from, ...bare } = known
    const isOther = credit?.seq === known.seq + 1 && credit.id === known.event.transfer.counterparty
    return isOther && from !== undefined && credit.folded !== undefined
      ? { ...bare, folded: [...from, ...credit.folded] }
      : bare
  }

  const findNew = async (transaction_id: string, newest: boolean): Promise<StoredTransaction | undefined> => {
    const look = await lag.look()
    if (look === undefined) throw new Error('no projection keeps a journal')
    const known = await knownAs(transaction_id, read)
    if (known !== undefined) return known
    if (lag.hasRefusedRows()) throw new Error('the journal lacks rows that its table refused')
    if (newest) return undefined
    if (look.isNear) {
      tail.forget()
      return undefined
    }
    return tail.find(transaction_id, look.seq)
  }

  return {
    find: async (transaction_id, id, newest = false) => {
      try {
        return await findNew(transaction_id, newest)
      } catch (cause) {
        if (cause instanceof TailUnread) throw cause
        deps.log.debug({ err: cause }, 'the journal cannot be asked: the history of the customer is read')
        return findInHistory(transaction_id, id, newest)
      }
    },
    lookUp: async transaction_id => {
      try {
        const name = await consumer()
        const state = E.isLeft(name) ? name : await projectionLag(deps.nc, name.right)()
        if (E.isLeft(state)) return { known: undefined, seq: 0 }
        const refusals = await countUnstorable(deps.nc, deps.jsm, 'journal')()
        const is_complete = E.isRight(refusals) && refusals.right === 0
        return { known: await knownAs(transaction_id, readPatiently), seq: is_complete ? state.right.seq : 0 }
      } catch (cause) {
        deps.log.debug({ err: cause }, 'the journal cannot be asked: the stream is read')
        return { known: undefined, seq: 0 }
      }
    },
  }
}
