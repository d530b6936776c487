/**
 * Follows a projection's pointer, so that a reader of its tables always reads the active one.
 *
 * An answer about the pointer may be used for a short time after the question, its lease. A change to another generation
 * waits longer than the lease before the new table gets further events (docs/adr/0016), so two readers never see
 * different data, even when one still reads the old table.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { JetStreamManager } from '@nats-io/jetstream'
import { E, type Either } from '../fp.js'
import type { StreamError } from '../stream/errors.js'
import { readPointer } from './pointer.js'

/** The time between two looks at the pointer. */
const LOOK_EVERY_MS = 500
/** The time after a question for which its answer may be used. */
export const LEASE_MS = 2_000

export type GenerationFollower = {
  /** The active generation while the lease of the last answer runs; undefined after it: call `refresh` then. */
  readonly current: () => number | undefined
  /** Asks the bucket's leader for the active generation. Concurrent calls share one request. */
  readonly refresh: () => Promise<Either<StreamError, number>>
  readonly stop: () => void
}

/** Begins to follow `projection`; the first answer comes with the first `refresh` or look. */
export const followGeneration = (jsm: JetStreamManager, projection: string): GenerationFollower => {
  const ending = new AbortController()
  let known: { generation: number; until_ms: number } | undefined
  let asking: Promise<Either<StreamError, number>> | undefined

  const ask = async (): Promise<Either<StreamError, number>> => {
    // the lease begins before the question, because the answer may be as old as that
    const until_ms = performance.now() + LEASE_MS
    const found = await readPointer(jsm, projection)()
    asking = undefined
    if (E.isLeft(found)) return found
    known = { generation: found.right.generation, until_ms }
    return E.right(found.right.generation)
  }

  const refresh = (): Promise<Either<StreamError, number>> => {
    asking ??= ask()
    return asking
  }

  const look = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await refresh()
      await sleep(LOOK_EVERY_MS, undefined, { signal: ending.signal, ref: false }).catch(() => undefined)
    }
  }
  void look()

  return {
    current: () => (known !== undefined && performance.now() < known.until_ms ? known.generation : undefined),
    refresh,
    stop: () => ending.abort(),
  }
}
