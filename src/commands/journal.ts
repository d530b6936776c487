/**
 * Finds transactions in the journal: for every customer at once and without a bound on their number.
 *
 * An id that is not there is new only while the journal is not far behind: what is younger than half of the duplicate
 * window is caught by the window itself. Without the journal, or without DynamoDB, the customers' histories are read.
 */

import { E, type TaskEither } from '../fp.js'
import { creditLegId } from '../ledger/decide.js'
import { claimedAfter } from '../ledger/event.js'
import { metrics } from '../metrics.js'
import { createSlots } from '../parallel.js'
import { countUnstorable } from '../stream/dead-letters.js'
import type { StreamError } from '../stream/errors.js'
import { projectionLag } from '../stream/lag.js'
import { READ_KEYS_MAX, type Trust } from '../tables/heads.js'
import { type JournalRow, readJournal } from '../tables/journal.js'
import type { CommandDeps } from './deps.js'
import { type FindTransaction, WINDOW_MS } from './find.js'
import { createGatherer } from './gather.js'
import { createHistoryFinder } from './history.js'
import { type Known, knownAt } from './known.js'

export type JournalSource = {
  /** The journal's table as it is now, and whether it may be believed: what it does not hold is new only if so. */
  readonly table: TaskEither<StreamError, { readonly table: string; readonly trust: Trust }>
  /** The consumer that fills it. */
  readonly consumer: TaskEither<StreamError, string>
}

const LAG_MS_MAX = WINDOW_MS / 2
const LOOK_EVERY_MS = 1_000
const LOOK_OLD_MS = 5_000
const READS_IN_FLIGHT_MAX = 8
const PROOFS_MAX = 32

const wrong_rows = metrics.counter(
  'jetledger_wrong_rows_total',
  'Rows of the journal that were no event of the stream when a command needed them',
)

/** What is known of the journal's lag: nobody keeps one, or how far it was behind at a moment of `performance.now()`. */
type Look = 'no journal' | { readonly lag_ms: number; readonly at_ms: number }

/** Looks at most once a second, and only while somebody asks. */
const createLagWatch = ({ nc, jsm }: CommandDeps, consumer: JournalSource['consumer']) => {
  let known: Look | undefined
  let has_refused_rows = false
  let asked_ms = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined

  const look = async (): Promise<void> => {
    // the answer may be as old as the question
    const at_ms = performance.now()
    const name = await consumer()
    const lag = E.isLeft(name) ? name : await projectionLag(nc, name.right)()
    if (E.isRight(lag)) known = { lag_ms: lag.right.lag_ms, at_ms }
    else if (lag.left.tag === 'NotFound') known = 'no journal'
    const refusals = await countUnstorable(nc, jsm, 'journal')()
    // what cannot be told may be so
    has_refused_rows = E.isLeft(refusals) || refusals.right > 0
    looking = undefined
  }

  return {
    /** Whether the table has refused rows, as it was at the last look: an id that it does not hold may be known. */
    hasRefusedRows: () => has_refused_rows,
    /** How far the journal is behind at most, in ms; undefined when there is none. */
    lag_ms: async (): Promise<number | undefined> => {
      const silent_ms = performance.now() - asked_ms
      if (looking === undefined && silent_ms > LOOK_EVERY_MS) {
        asked_ms = performance.now()
        looking = look()
      }
      // after a silence there is nothing to go by
      if (known === undefined || silent_ms > LOOK_OLD_MS) await looking
      if (known === 'no journal') return undefined
      return known === undefined ? Number.POSITIVE_INFINITY : known.lag_ms + performance.now() - known.at_ms
    },
  }
}

/**
 * A row as the stream bears it out: the event at its sequence has its customer and its id. What the row says of the
 * account afterwards counts where the event says the same; elsewhere the answer is folded from the stream.
 */
const knownFromRow = (row: JournalRow, stored: Known): Known => {
  const { balance, version } = row
  const claim = claimedAfter(stored.event)
  const isFolded = stored.event.type !== 'declined' && claim?.balance === balance && claim.version === version
  return isFolded ? { ...stored, folded: [{ balance, version }] } : stored
}

export type Journal = {
  /** Finds in the journal; in the customers' histories where that cannot be asked. */
  readonly find: FindTransaction
  /** What the journal holds under an id, and the stream sequence up to which it is complete (0: there is none). */
  readonly lookUp: (transaction_id: string) => Promise<{ known: Known | undefined; seq: number }>
}

export const createJournal = (
  deps: CommandDeps,
  { table, consumer }: JournalSource,
  findInHistory: FindTransaction = createHistoryFinder(deps),
): Journal => {
  const lag = createLagWatch(deps, consumer)
  const slots = createSlots(PROOFS_MAX)
  const read = createGatherer<string, JournalRow>(READ_KEYS_MAX, READS_IN_FLIGHT_MAX, async ids => {
    const now = await table()
    if (E.isLeft(now)) throw new Error(now.left.message, { cause: now.left.cause })
    const rows = await readJournal(deps.tables, now.right.table, ids, now.right.trust)()
    if (E.isLeft(rows)) throw new Error(rows.left.message, { cause: rows.left.cause })
    return rows.right
  })

  /** The row under an id, if the stream holds the event that it tells of. Rejects when that is another event, or none. */
  const proved = async (transaction_id: string): Promise<Known | undefined> => {
    const row = await read(transaction_id)
    if (row === undefined) return undefined
    const stored = await slots(() => knownAt(deps, row.seq))
    if (stored?.id === row.client_id && stored.event.transaction_id === transaction_id) {
      return knownFromRow(row, stored)
    }
    wrong_rows.inc()
    deps.log.error({ transaction_id, seq: row.seq }, 'a row of the journal is no event of the stream')
    throw new Error(`the row of ${transaction_id} is no event of the stream`)
  }

  const knownAs = async (transaction_id: string): Promise<Known | undefined> => {
    const known = await proved(transaction_id)
    if (known?.event.type !== 'debit' || known.event.transfer === undefined) return known
    // a transfer is known with both of its accounts, if its second row is there
    const credit = await proved(creditLegId(transaction_id))
    const { folded: from, ...bare } = known
    const isOther = credit?.seq === known.seq + 1 && credit.id === known.event.transfer.counterparty
    return isOther && from !== undefined && credit.folded !== undefined
      ? { ...bare, folded: [...from, ...credit.folded] }
      : bare
  }

  const findNew = async (transaction_id: string, newest: boolean): Promise<Known | undefined> => {
    const behind_ms = await lag.lag_ms()
    if (behind_ms === undefined) throw new Error('no projection keeps a journal')
    const known = await knownAs(transaction_id)
    if (known === undefined && lag.hasRefusedRows())
      throw new Error('the journal lacks rows that its table refused')
    if (known === undefined && !newest && behind_ms >= LAG_MS_MAX) throw new LagError(behind_ms)
    return known
  }

  return {
    find: async (transaction_id, id, newest = false) => {
      try {
        return await findNew(transaction_id, newest)
      } catch (cause) {
        if (cause instanceof LagError) throw cause
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
        return { known: await knownAs(transaction_id), seq: is_complete ? state.right.seq : 0 }
      } catch (cause) {
        deps.log.debug({ err: cause }, 'the journal cannot be asked: the stream is read')
        return { known: undefined, seq: 0 }
      }
    },
  }
}

/** The journal is so far behind that an id which it does not hold may be known all the same. */
class LagError extends Error {
  constructor(lag_ms: number) {
    super(`the journal is ${Math.round(lag_ms)} ms behind, more than half of the duplicate window`)
  }
}
