/**
 * Finds the event that has a transaction id: in the journal, among the events that the journal has not reached, and among the
 * dead letters, since an event without effect has no row. The events of a parked customer have neither row nor letter. Where the
 * table has rows of savepoints only, the checkpoint of transaction ids takes the place of the journal.
 */

import { searchLetters } from '../../dead-letters/search.js'
import { E, type Either, unwrap } from '../../fp.js'
import { documentsWith } from '../../json.js'
import { createFindOlderIds } from '../../known-ids/older-ids.js'
import { accountOn } from '../../ledger/account-id.js'
import { decodeBody } from '../../ledger/event.js'
import { catalogued } from '../../service/catalogue.js'
import type { ServiceError } from '../../service/error.js'
import { EVERY_PARKED, listKeys } from '../../stream/config-bucket.js'
import { type StreamError, tryStream } from '../../stream/errors.js'
import { projectionLag } from '../../stream/lag.js'
import { leadershipOf } from '../../stream/leadership.js'
import { nextProved, readRange } from '../../stream/read.js'
import type { Recorded } from '../../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import { readTrustedHead } from '../../tables/heads.js'
import { readJournal } from '../../tables/journal-by-id.js'
import type { Active, QueryDeps } from '../deps.js'
import { unavailable } from '../unavailable.js'

type Found = Either<ServiceError, Recorded | undefined>

export type FindEvent = {
  /** The event at a sequence; undefined when the stream has none there. */
  readonly at: (seq: number) => Promise<Found>
  /**
   * The event that counts under a transaction id, or the newest one that has no effect; undefined when the ledger has none.
   * Left is 503 `UNAVAILABLE` when not everything could be looked at.
   */
  readonly byId: (transaction_id: string) => Promise<Found>
}

/** The most events that are looked at because the journal is behind. */
const TAIL_EVENTS_MAX = 50_000
/** The most dead letters that are looked through. */
const LETTERS_MAX = 50_000

/** One parked customer is enough; a page of keys may have only ones that were deleted since. */
const PARKED_MAX = 1_000

const TOO_MANY = catalogued('UNAVAILABLE', {
  message: `the id is not among the newest ${LETTERS_MAX} dead letters, and there are older ones: ask with "seq"`,
})

const PARKED = catalogued('UNAVAILABLE', {
  message:
    'no event that this program can judge has the id, and events of parked customers wait for a newer one',
})

const streamAway = (error: StreamError): Found => E.left(unavailable('the stream', error))

const hasId = ({ body }: Recorded, transaction_id: string): boolean => {
  const decoded = decodeBody(body)
  return decoded.tag === 'event' && decoded.event.transaction_id === transaction_id
}

/** Finds events by their ids among all events, of which the dead letters say which ones count. */
const createFindAmongAll = (deps: QueryDeps, at: FindEvent['at']) => {
  const findOlder = createFindOlderIds(deps)

  /** The sequences of the events that have the hash of the id, and those that letters speak of. */
  const look = async (transaction_id: string) => {
    const { last_seq } = unwrap(await leadershipOf(deps.nc).prove()())
    const seqs = (await findOlder([transaction_id], last_seq)).get(transaction_id) ?? []
    const letters = await searchLetters(deps.nc, documentsWith(transaction_id), LETTERS_MAX)()
    return { seqs, without_effect: new Set(unwrap(letters).seqs) }
  }

  return async (transaction_id: string): Promise<Found> => {
    const looked = await tryStream('look for a transaction', () => look(transaction_id))()
    if (E.isLeft(looked)) return E.left(unavailable('the transaction ids', looked.left))
    const { seqs, without_effect } = looked.right
    let last: Recorded | undefined
    for (const seq of seqs) {
      const found = await at(seq)
      if (E.isLeft(found)) return found
      if (found.right === undefined || !hasId(found.right, transaction_id)) continue
      if (!without_effect.has(seq)) return found
      last = found.right
    }
    return E.right(last)
  }
}

/** Nothing can be said of an event of a customer who waits at an earlier one: no fold has come to it. */
const unlessParked = async (
  { tables }: QueryDeps,
  { table, trust }: Active,
  found: Found,
): Promise<Found> => {
  const id = E.isRight(found) && found.right !== undefined ? accountOn(found.right.subject) : undefined
  if (E.isLeft(found) || found.right === undefined || id === undefined || E.isLeft(id)) return found
  const head = await readTrustedHead(tables, table, id.right, trust)()
  const parked = E.isRight(head) ? head.right.parked : undefined
  return parked !== undefined && found.right.seq >= parked.seq ? E.left(PARKED) : found
}

export const createFindEvent = (deps: QueryDeps): FindEvent => {
  const { nc, tables, active } = deps

  const at = async (seq: number): Promise<Found> => {
    const found = await nextProved(deps, LEDGER_SUBJECTS, seq)()
    if (E.isLeft(found)) return streamAway(found.left)
    return E.right(found.right?.seq === seq ? found.right : undefined)
  }

  const amongAll = createFindAmongAll(deps, at)

  /** The sequence up to which every event has a row in the journal, or a letter. */
  const handledTo = async (): Promise<Either<ServiceError, number>> => {
    const now = await active()
    if (E.isLeft(now)) return E.left(unavailable('the journal', now.left))
    const lag = await projectionLag(nc, now.right.consumer)()
    return E.isLeft(lag) ? E.left(unavailable('the journal', lag.left)) : E.right(lag.right.seq)
  }

  const inJournal = async (transaction_id: string): Promise<Found> => {
    const now = await active()
    if (E.isLeft(now)) return E.left(unavailable('the journal', now.left))
    const { table, trust } = now.right
    const rows = await readJournal(tables, table, [transaction_id], trust)()
    if (E.isLeft(rows)) return E.left(unavailable('the journal', rows.left))
    const row = rows.right.rows.get(transaction_id)
    if (row === undefined && rows.right.journal === 'savepoints')
      return unlessParked(deps, now.right, await amongAll(transaction_id))
    const found = row === undefined ? E.right(undefined) : await at(row.seq)
    if (E.isLeft(found)) return found
    const is_meant = found.right !== undefined && hasId(found.right, transaction_id)
    return E.right(is_meant ? found.right : undefined)
  }

  const amongNewest = async (transaction_id: string, after_seq: number): Promise<Found> => {
    const proved = await leadershipOf(nc).prove()()
    if (E.isLeft(proved)) return streamAway(proved.left)
    const { last_seq } = proved.right
    if (last_seq - after_seq > TAIL_EVENTS_MAX) {
      const message = `the projection is ${last_seq - after_seq} events behind; try again`
      return E.left(catalogued('UNAVAILABLE', { message }))
    }
    const mayHaveId = documentsWith(transaction_id)
    const range = {
      stream: LEDGER_STREAM,
      subject: LEDGER_SUBJECTS,
      from_seq: after_seq + 1,
      to_seq: last_seq,
    }
    const found = await tryStream('look for a transaction', async () => {
      for await (const record of readRange(nc, range))
        if (mayHaveId(record.body) && hasId(record, transaction_id)) return record
      return undefined
    })()
    return E.isLeft(found) ? streamAway(found.left) : found
  }

  const amongLetters = async (transaction_id: string): Promise<Found> => {
    const letters = await searchLetters(nc, documentsWith(transaction_id), LETTERS_MAX)()
    if (E.isLeft(letters)) return E.left(unavailable('the dead letters', letters.left))
    for (const seq of letters.right.seqs) {
      const found = await at(seq)
      if (E.isLeft(found)) return found
      // anybody may have put a message among the letters: what the ledger has there counts
      if (found.right !== undefined && hasId(found.right, transaction_id)) return found
    }
    return letters.right.is_whole ? E.right(undefined) : E.left(TOO_MANY)
  }

  /** That the ledger has no such event; left while a customer is parked. */
  const nowhere = async (): Promise<Found> => {
    const parked = await listKeys(nc, EVERY_PARKED, PARKED_MAX)()
    if (E.isLeft(parked)) return E.left(unavailable('the list of parked customers', parked.left))
    return parked.right.length === 0 ? E.right(undefined) : E.left(PARKED)
  }

  return {
    at,
    byId: async transaction_id => {
      // asked before anything is read: what is handled by then is in the journal or among the letters
      const to_seq = await handledTo()
      if (E.isLeft(to_seq)) return to_seq
      for (const look of [
        () => inJournal(transaction_id),
        () => amongNewest(transaction_id, to_seq.right),
        () => amongLetters(transaction_id),
      ]) {
        const found = await look()
        if (E.isLeft(found) || found.right !== undefined) return found
      }
      return nowhere()
    },
  }
}
