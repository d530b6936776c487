/**
 * Keeps the lock of a replay, and the replay's checkpoint, in one KV entry that changes only by compare-and-set.
 *
 * The holder renews the lock every few seconds. A lock that is not renewed may be taken over. The old holder finds
 * out at its next renewal, because the revision is not the one that it wrote. Until then the old holder can do no
 * harm: every write to the table carries its own condition, and the flip does a compare-and-set of its own
 * (docs/adr/0016).
 */

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import { E, Failed, pipe, run, type TaskEither, t } from '../../fp.js'
import { readJson } from '../../json.js'
import { fieldsOf } from '../../ledger/codec.js'
import { replayKey } from '../../stream/config-bucket.js'
import { type StreamError, tryStream } from '../../stream/errors.js'
import type { ProjectionName } from '../../tables/definition.js'
import { persist } from '../persist.js'
import { INSTANCE } from '../status.js'
import { ReplayError } from './replay-error.js'

const Entry = fieldsOf({
  /** The process that is at work, or that was the last one at work. */
  owner: t.string,
  /** A random id of this holding, by which the holder knows its own entry when the answer to a renewal was lost. */
  token: t.string,
  /** Whether the holder gave the lock back: then the next one need not wait until the holder counts as dead. */
  released: t.boolean,
  generation: t.number,
  /** The stream sequence up to which everything is in the table. */
  seq: t.number,
})
type LockEntry = t.TypeOf<typeof Entry>

const RENEW_EVERY_MS = 3_000
/** A holder that has not renewed the lock for this time counts as dead. */
const DEAD_AFTER_MS = 12_000
/** A holder that lives renews the lock within this time. */
const LIVES_WITHIN_MS = 1.5 * RENEW_EVERY_MS

/** Thrown when another replay holds the lock. */
export class ReplayLocked extends ReplayError {
  override readonly name = 'ReplayLocked'
}

export type ReplayLock = {
  /** The checkpoint that an earlier replay left, to go on from; undefined when it left none. */
  readonly left: { readonly generation: number; readonly seq: number } | undefined
  /** Renews the lock, and notes the checkpoint. Throws `Failed` when another process has taken the lock. */
  readonly note: (generation: number, seq: number) => Promise<void>
  /** Gives the lock back, and leaves the checkpoint for the next replay to go on from. */
  readonly release: () => Promise<void>
  /** Removes the lock and the checkpoint at the end of a replay. */
  readonly remove: () => Promise<void>
}

const decodeEntry = (text: string): LockEntry | undefined =>
  pipe(
    readJson(text),
    E.chainW(Entry.decode),
    E.getOrElseW(() => undefined),
  )

/** Stands for an entry that cannot be decoded, because it was overwritten by hand: no holder, and no checkpoint. */
const ABANDONED: LockEntry = { owner: 'unknown', token: '', released: true, generation: 0, seq: 0 }

type Stored = { readonly entry: LockEntry; readonly revision: number; readonly age_ms: number }

const read = async (kv: KV, projection: ProjectionName): Promise<Stored | undefined> => {
  const found = await run(tryStream('replay lock', () => kv.get(replayKey(projection))))
  if (found === null || found.operation !== 'PUT') return undefined
  const entry = decodeEntry(found.string())
  return { entry: entry ?? ABANDONED, revision: found.revision, age_ms: Date.now() - found.created.getTime() }
}

/** A replay as its lock shows it to others. */
export type ReplayAtWork = {
  readonly projection: ProjectionName
  readonly generation: number
  /** The stream sequence up to which everything is in the new table. */
  readonly seq: number
  readonly owner: string
  /** False when it ended early, or its process died: the next replay goes on from there. */
  readonly is_running: boolean
}

/** The replay of a projection that is at work or has left a part of a table; undefined when there is none. */
export const readReplay = (
  kv: KV,
  projection: ProjectionName,
): TaskEither<StreamError, ReplayAtWork | undefined> =>
  tryStream('replay lock', async () => {
    const stored = await read(kv, projection)
    if (stored === undefined) return undefined
    const { generation, seq, owner, released } = stored.entry
    return { projection, generation, seq, owner, is_running: !released && stored.age_ms < DEAD_AFTER_MS }
  })

const replayLockedBy = (projection: ProjectionName, { owner, seq }: LockEntry): ReplayLocked =>
  new ReplayLocked(
    `a replay of ${projection} is at work already: ${owner}, at sequence ${seq} (one that dies is taken over after ${DEAD_AFTER_MS / 1_000} s)`,
  )

/**
 * Takes the lock, and calls `onLost` when it is lost later. Throws `ReplayLocked`, which names the holder, or
 * `Failed`.
 */
export const takeLock = async (
  kv: KV,
  projection: ProjectionName,
  onLost: (why: Error) => void,
): Promise<ReplayLock> => {
  const key = replayKey(projection)
  const stored = await read(kv, projection)
  if (stored !== undefined && !stored.entry.released && stored.age_ms < DEAD_AFTER_MS)
    throw replayLockedBy(projection, stored.entry)
  // a holder may look dead only because a clock is wrong: if it lives, it renews during this wait, and our update fails
  if (stored !== undefined && !stored.entry.released) await sleep(LIVES_WITHIN_MS)
  const left =
    stored === undefined ? undefined : { generation: stored.entry.generation, seq: stored.entry.seq }
  let entry: LockEntry = {
    owner: INSTANCE,
    token: randomUUID(),
    released: false,
    generation: left?.generation ?? 0,
    seq: left?.seq ?? 0,
  }

  const first = await tryStream('replay lock', () =>
    stored === undefined
      ? kv.create(key, JSON.stringify(entry))
      : kv.update(key, JSON.stringify(entry), stored.revision),
  )()
  if (E.isLeft(first)) {
    const winner = await read(kv, projection)
    if (first.left.tag === 'Conflict' && winner !== undefined) throw replayLockedBy(projection, winner.entry)
    throw new Failed(first.left)
  }
  let revision = first.right
  /** The renewal under way. Renewals run one after the other, because each needs the revision of the one before. */
  let renewing: Promise<unknown> = Promise.resolve()

  let renewed_ms = performance.now()
  const ended = new AbortController()

  const renewOnce = async (): Promise<void> => {
    const text = JSON.stringify(entry)
    const updated = await tryStream('replay lock', () => kv.update(key, text, revision))()
    if (E.isRight(updated)) revision = updated.right
    else {
      const found = updated.left.tag === 'Conflict' ? await read(kv, projection) : undefined
      if (found?.entry.token !== entry.token) throw new Failed(updated.left)
      revision = found.revision
      revision = await run(tryStream('replay lock', () => kv.update(key, text, revision)))
    }
    renewed_ms = performance.now()
  }

  const renew = (next: Partial<LockEntry>): Promise<void> => {
    const renewal = renewing.then(async () => {
      entry = { ...entry, ...next }
      await persist(renewOnce, ended.signal)
    })
    renewing = renewal.catch(() => undefined)
    return renewal
  }
  const timer = setInterval(() => {
    // a renewal that takes longer repeats its tries by itself
    if (performance.now() - renewed_ms < RENEW_EVERY_MS) return
    renew({}).catch((thrown: unknown) =>
      onLost(new ReplayError('the lock of the replay is lost', { cause: thrown })),
    )
  }, RENEW_EVERY_MS)
  timer.unref()

  return {
    left,
    note: (generation, seq) => renew({ generation, seq }),
    release: async () => {
      clearInterval(timer)
      await renew({ released: true })
    },
    remove: async () => {
      clearInterval(timer)
      ended.abort()
      await renewing
      await run(tryStream('replay lock', () => kv.delete(key, { previousSeq: revision })))
    },
  }
}
