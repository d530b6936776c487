/**
 * Walks slowly through the heads of a projection's table, and folds customers again whose item is behind their subject although
 * everything was handled.
 *
 * That happens when a person has put an item back to an older state, and the customer has had no event since. On the
 * way the walk compares the notes of parked customers with the items. Every instance may walk, because each write has
 * the condition that the item is still as it was read. A walk takes a small share of the time, so that it does not
 * slow the projector beside it.
 */

import { pause } from '../back-off.js'
import { E, run } from '../fp.js'
import { type AccountId, eventSubject } from '../ledger/account-id.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import { consumerProgress } from '../stream/consumer.js'
import { lastSequences } from '../stream/read.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { decodeHead } from '../tables/heads.js'
import { type Page, scanHeads } from '../tables/scan.js'
import { removeStrayNotes, renewNotes } from './parked.js'
import { readHeadsOf } from './read-heads.js'
import { refold } from './refold.js'
import { positionOf } from './same-customer.js'
import type { Target } from './target.js'

/** The rest before each walk: a small table is walked through several times a minute. */
const REST_MS = 10_000
/** After a page the walk rests for this many times as long as the page took. */
const REST_SHARE = 50
const PAGE_REST_MS_MIN = 1_000

type Head = readonly [id: AccountId, customer: Customer]

/** The customers' heads among the items of a page. */
const headsOf = ({ items }: Page): Head[] =>
  items.flatMap((item): Head[] => {
    const decoded = decodeHead(item)
    return E.isRight(decoded) ? [[decoded.right.id, decoded.right.customer]] : []
  })

/** The customers of a page whose item lacks an event of their subject, although all their events were handled. */
const customersBehind = async (target: Target, page: Page, acked_seq: number): Promise<AccountId[]> => {
  const heads = headsOf(page)
  if (heads.length === 0) return []
  const subjects = heads.map(([id]) => eventSubject(id))
  const last = await run(lastSequences(target.nc, LEDGER_STREAM, subjects))
  const isBehind = (id: AccountId, head: Customer): boolean => {
    const last_seq = last.get(eventSubject(id)) ?? 0
    return last_seq <= acked_seq && last_seq > positionOf(head)
  }
  const seeming = heads.flatMap(([id, head]) => (isBehind(id, head) ? [id] : []))
  if (seeming.length === 0) return []
  // the index may be a moment behind its table, and a busy customer would be folded from its first event for that
  const items = await readHeadsOf(target, seeming)
  return seeming.filter(id => isBehind(id, items.get(id) ?? NEW_CUSTOMER))
}

const walkPage = async (target: Target, after: Page['next'], signal: AbortSignal): Promise<Page['next']> => {
  // asked before the page is read, so that the page has to hold everything up to this sequence
  const { acked_seq } = await run(consumerProgress(target.jsm, target.consumer))
  const page = await run(scanHeads(target.tables, target.table, after))
  await renewNotes(target, headsOf(page))
  for (const id of await customersBehind(target, page, acked_seq)) {
    if (signal.aborted) return undefined
    await refold(target, id, acked_seq)
  }
  return page.next
}

/** Removes notes of customers that are not parked in the table. */
const walkNotes = async (target: Target): Promise<void> => {
  // asked before the heads are read, so that they have to hold everything up to this sequence
  const { acked_seq } = await run(consumerProgress(target.jsm, target.consumer))
  await removeStrayNotes(target, acked_seq, ids => readHeadsOf(target, ids))
}

const walkOnce = async (target: Target, signal: AbortSignal): Promise<void> => {
  await walkNotes(target)
  let next: Page['next']
  do {
    const began_ms = performance.now()
    next = await walkPage(target, next, signal)
    const rest_ms = Math.max(PAGE_REST_MS_MIN, REST_SHARE * (performance.now() - began_ms))
    await pause({ first_ms: rest_ms, max_ms: rest_ms }, 1, signal)
  } while (next !== undefined && !signal.aborted)
}

/** Walks again and again until `signal` aborts. A walk that fails is given up, and the next one tries again. */
export const walk = async (target: Target, signal: AbortSignal, rest_ms = REST_MS): Promise<void> => {
  while (!signal.aborted) {
    await pause({ first_ms: rest_ms, max_ms: rest_ms }, 1, signal)
    if (signal.aborted) return
    try {
      await walkOnce(target, signal)
    } catch (err) {
      target.log.warn({ err, table: target.table }, 'a walk through a table was given up')
    }
  }
}
