/**
 * Resumes parked customers once this program knows the schema for which they wait, or a decision says that the event
 * is to be passed over (docs/adr/0027).
 *
 * The customer's subject is folded, a page at a time, from the event at which the customer waits to the subject's
 * end. The head stays parked, at the first event that is not folded yet, until the last page is written. So an
 * instance that is at work in the meantime goes on leaving out the customer's events, and then the condition of the
 * next write here fails.
 */

import { run } from '../fp.js'
import { type AccountId, eventSubject } from '../ledger/account-id.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import type { Skips } from '../ledger/skip.js'
import { inParallel } from '../parallel.js'
import { lastProved } from '../stream/last.js'
import { readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { createFold } from './fold-run.js'
import { keepLetters } from './letters.js'
import { forgetParked, listParked, noteParked, reportParked } from './parked.js'
import { createPending, newPart, type Part } from './pending.js'
import { failedWith } from './persist.js'
import { readHeadsOf } from './read-heads.js'
import { reportUnstorable } from './refused.js'
import { readSkips } from './skips.js'
import type { Target } from './target.js'
import { writeParts } from './write-parts.js'

/**
 * The limits of a page: its rows and its head fit into one transaction. A row may be five times as large as its
 * event.
 */
const PAGE_EVENTS = 40
const PAGE_BYTES = 512 * 1024
const TRIES_MAX = 20
/** The largest number of customers that are resumed at one time. */
const CUSTOMERS_MAX = 8

/** Writes one page: its rows, and the head moved from `from` to `to`. */
const writePage = async (
  target: Target,
  id: AccountId,
  { from, to, part }: { from: Customer; to: Customer; part: Part },
  signal: AbortSignal,
): Promise<void> => {
  const page: Part = { ...part, heads: new Map([[id, { from, to }]]) }
  await writeParts(target, [[page]], signal)
}

/** Folds one page over a customer that is not parked, and keeps the letters. Returns the customer and what to write. */
const foldPage = async (
  target: Target,
  id: AccountId,
  from: Customer,
  page: readonly Recorded[],
  skips: Skips,
): Promise<{ customer: Customer; part: Part }> => {
  const customers = new Map([[id, from]])
  const pending = createPending()
  const { projection, decode } = target
  const fold = createFold({ projection, decode, skips, whole_transfers: false }, customers, pending)
  fold.run(page)
  await keepLetters(target, fold.findings())
  const [part = newPart(0)] = pending.levels().flat()
  return { customer: customers.get(id) ?? from, part }
}

/** Reads a subject in pages; `next_seq` is the first sequence of the next page, undefined for the last page. */
const pagesOf = async function* (
  { nc }: Target,
  id: AccountId,
  from_seq: number,
  to_seq: number,
): AsyncGenerator<{ page: Recorded[]; next_seq: number | undefined }> {
  const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq, to_seq }
  let [page, bytes]: [Recorded[], number] = [[], 0]
  for await (const record of readRange(nc, range)) {
    if (page.length === PAGE_EVENTS || (page.length > 0 && bytes + record.body.length > PAGE_BYTES)) {
      yield { page, next_seq: record.seq }
      page = []
      bytes = 0
    }
    page.push(record)
    bytes += record.body.length
  }
  yield { page, next_seq: undefined }
}

/**
 * The sequence of a subject's last event. With an earlier end, events that the projector left out would be lost for
 * ever.
 */
const lastSeqOf = async ({ nc }: Target, id: AccountId): Promise<number> => {
  const { last } = await run(lastProved(nc, [eventSubject(id)]))
  return last.get(eventSubject(id))?.seq ?? 0
}

const tryResume = async (target: Target, id: AccountId, signal: AbortSignal): Promise<void> => {
  const head = (await readHeadsOf(target, [id])).get(id) ?? NEW_CUSTOMER
  const { parked } = head
  if (parked === undefined) return forgetParked(target, id)
  const end_seq = await lastSeqOf(target, id)
  const skips = await readSkips(target, id, parked.seq, end_seq)
  let from = head
  for await (const { page, next_seq } of pagesOf(target, id, parked.seq, end_seq)) {
    if (signal.aborted) return
    const { customer, part } = await foldPage(target, id, { account: from.account }, page, skips)
    const still_parked =
      customer.parked ?? (next_seq === undefined ? undefined : { ...parked, seq: next_seq })
    const last_seq = Math.max(parked.last_seq, still_parked?.last_seq ?? 0)
    const to: Customer =
      still_parked === undefined
        ? { account: customer.account }
        : { account: customer.account, parked: { ...still_parked, last_seq } }
    if (customer.parked !== undefined) await noteParked(target, [{ id, parked: customer.parked }])
    await writePage(target, id, { from, to, part }, signal)
    if (customer.parked !== undefined) return
    from = to
  }
  target.log.info({ client_id: id, seq: from.account.seq }, 'a parked customer goes on')
  await forgetParked(target, id)
}

const resume = async (target: Target, id: AccountId, signal: AbortSignal): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryResume(target, id, signal)
    } catch (thrown) {
      if (!failedWith(thrown, 'ConditionFailed') || attempt === TRIES_MAX) throw thrown
    }
  }
}

/**
 * Resumes every parked customer whose schema is at most `newest_schema`, or about whose event a decision has come. Ends
 * early, without an error, when `signal` aborts. It may run beside a projector at work. Throws `Failed`.
 */
export const resumeParked = async (
  target: Target,
  newest_schema: number,
  signal: AbortSignal,
): Promise<void> => {
  await reportUnstorable(target)
  const resumable = (await listParked(target)).filter(
    ({ schema, decided = false }) => decided || schema <= newest_schema,
  )
  await inParallel(CUSTOMERS_MAX, resumable, async ({ client_id }) => {
    if (!signal.aborted) await resume(target, client_id, signal)
  })
  await reportParked(target)
}
