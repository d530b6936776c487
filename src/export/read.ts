/**
 * Reads the ledger for an export: events in stream order up to a proved end, each with what the fold made of it.
 *
 * It reads by direct gets and makes nothing on the server (docs/adr/0042). The end is the last sequence that a server
 * which leads has proved (docs/adr/0029), asked for once, so that an export of a busy ledger ends.
 */

import type { NatsConnection } from 'nats'
import { run } from '../fp.js'
import { type AccountId, eventSubject } from '../ledger/account-id.js'
import { decodeEvent } from '../ledger/event.js'
import type { Skip } from '../ledger/skip.js'
import { leadershipOf } from '../stream/leadership.js'
import { readPages, readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { createExportFold, type ExportFold, type FindSkip } from './fold.js'
import type { EventRow } from './row.js'

/** An event that the stream should have is not there: an export with a gap would be a wrong one. */
export class Gap extends Error {
  override readonly name = 'Gap'
}

/** The last sequence of the ledger at the call, proved. Throws `Failed` when no server proves one. */
export const provedEnd = async (nc: NatsConnection): Promise<number> =>
  (await run(leadershipOf(nc).prove())).last_seq

/** A decision about a customer's event at `seq` stands later on the customer's own subject. */
const skipFinder =
  (nc: NatsConnection, to_seq: number): FindSkip =>
  async (id, seq) => {
    let found: Skip | undefined
    const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq: seq + 1, to_seq }
    for await (const { body } of readRange(nc, range)) {
      const decoded = decodeEvent(body, id)
      if (decoded.tag === 'skip' && decoded.skip.seq === seq) found = decoded.skip
    }
    return found
  }

export type ExportScope = {
  /** All events of the ledger, or those of one customer. */
  readonly client_id?: AccountId | undefined
  /** The last sequence that is read; the stream has to hold it. */
  readonly to_seq: number
}

export type ScopeReading = {
  /** The rows of all events of the scope, from the first one of the ledger on, in pages. Read once. */
  readonly pages: AsyncGenerator<readonly EventRow[]>
  /** The customers after the events that were read so far. */
  readonly customers: ExportFold['customers']
}

/** Throws `Gap` when a page does not follow `last_seq` without a hole. */
const checkWhole = (page: readonly Recorded[], last_seq: number): void => {
  for (const [i, { seq }] of page.entries()) {
    const wanted = last_seq + 1 + i
    if (seq !== wanted) throw new Gap(`the stream has no event ${wanted}, but has ${seq}`)
  }
}

async function* foldedPages(
  nc: NatsConnection,
  { client_id, to_seq }: ExportScope,
  fold: ExportFold,
): AsyncGenerator<readonly EventRow[]> {
  const subject = client_id === undefined ? LEDGER_SUBJECTS : eventSubject(client_id)
  let last_seq = 0
  if (to_seq < 1) return
  for await (const page of readPages(nc, { stream: LEDGER_STREAM, subject, from_seq: 1, to_seq })) {
    // the events of one customer have other events between them: there the reading itself stands for it
    if (client_id === undefined) checkWhole(page, last_seq)
    last_seq = page.at(-1)?.seq ?? last_seq
    yield await fold.takePage(page)
  }
  if (client_id === undefined && last_seq < to_seq)
    throw new Gap(`the stream has no event ${last_seq + 1}, but should have ${to_seq}`)
}

/**
 * Reads the events of a scope from the first one on, because only the fold of all tells what became of each.
 *
 * The pages throw `Gap`, and what `readPages` throws.
 */
export const readScope = (nc: NatsConnection, scope: ExportScope): ScopeReading => {
  const fold = createExportFold(skipFinder(nc, scope.to_seq))
  return { pages: foldedPages(nc, scope, fold), customers: fold.customers }
}
