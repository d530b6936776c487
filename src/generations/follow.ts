/**
 * Follows a projection's pointer, so that whoever reads its table always reads the active one.
 *
 * What is known of the pointer is good for a short time after it was asked for. A flip waits longer than that before
 * the new table moves on (docs/adr/0016), so no two readers ever stand on different sides of it with different data.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { JetStreamManager } from '@nats-io/jetstream'
import { E, type Either } from '../fp.js'
import type { StreamError } from '../stream/errors.js'
import { readPointer } from './pointer.js'

/** Between two looks at the pointer. */
const LOOK_EVERY_MS = 500
/** For how long after a look its answer may be used. */
export const LEASE_MS = 2_000

export type GenerationFollower = {
  /** The active generation, when it was asked for within the lease; else undefined: `refresh` it. */
  readonly current: () => number | undefined
  /** Asks the bucket's leader now. Concurrent calls share one request. */
  readonly refresh: () => Promise<Either<StreamError, number>>
  readonly stop: () => void
}

/** Begins to follow `projection`; the first answer comes with the first `refresh` or look. */
export const followGeneration = (jsm: JetStreamManager, projection: string): GenerationFollower => {
  const ending = new AbortController()
  let known: { generation: number; until_ms: number } | undefined
  let asking: Promise<Either<StreamError, number>> | undefined

  const ask = async (): Promise<Either<StreamError, number>> => {
    // the lease runs from before the question: the answer may be as old as that
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
