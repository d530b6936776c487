/**
 * Keeps signed heads where nobody can change them, beside the stream in which they are: in a bucket with a lock. Somebody who
 * can write both streams anew and has the seed is found by the heads that were kept (docs/tamper-evidence.md).
 *
 * Each head vouches for all events before it. So only the newest one is put, and a head that was not put while the store was
 * away is made up for by the next. Several instances may do it: what was put first stays.
 */

import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { rest } from '../back-off.js'
import { run } from '../fp.js'
import type { Health } from '../health.js'
import { within } from '../parallel.js'
import { idOf, type SignedHead } from './head.js'
import { readEnd } from './head-stream.js'
import type { LockedStore } from './locked-store.js'

export type ShelfDeps = { readonly nc: NatsConnection; readonly log: Logger; readonly health: Health }

const LOOK_EVERY_MS = 10_000
/** The time that a stopping process has for its last head. */
const STOP_MS_MAX = 5_000

export const SHELF_PART = 'kept heads'

export type Shelf = { readonly stop: () => Promise<void> }

/**
 * The keys sort as the heads do: `heads/00001/0000000000001234-<the beginning of its id>.json`. The id cannot be known before
 * the head is signed: so nobody can put something else there first.
 */
const shelfKey = (head: SignedHead): string => {
  const { line, size } = head
  return `heads/${String(line).padStart(5, '0')}/${String(size).padStart(16, '0')}-${idOf(head).slice(0, 16)}.json`
}

/** Begins to put the heads that `key` signs into the store. */
export const startShelf = (
  { nc, log, health }: ShelfDeps,
  key: string,
  store: LockedStore,
  every_ms = LOOK_EVERY_MS,
): Shelf => {
  const ending = new AbortController()
  let kept: string | undefined

  const putNewest = async (): Promise<void> => {
    const { head: newest } = await run(readEnd(nc, key))
    if (newest === undefined || idOf(newest.head) === kept) return
    await store.put(shelfKey(newest.head), `${JSON.stringify(newest.head)}\n`, new Date())
    kept = idOf(newest.head)
  }

  const putSafely = async (): Promise<void> => {
    try {
      await putNewest()
      health.report(SHELF_PART, 'ok')
    } catch (err) {
      health.report(SHELF_PART, 'degraded', err instanceof Error ? err.message : String(err))
      log.error({ metric: 'head_not_kept', err }, 'a signed head was not put into the bucket of heads')
    }
  }

  const keep = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await putSafely()
      await rest(every_ms, ending.signal)
    }
    await putSafely()
  }
  const ended = keep()
  return {
    stop: async () => {
      ending.abort()
      await within(STOP_MS_MAX, ended)
    },
  }
}
