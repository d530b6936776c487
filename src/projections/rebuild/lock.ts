/**
 * The lock of a replay, and its checkpoint, in one KV entry that changes by compare-and-set only.
 *
 * Whoever holds it renews it every few seconds; one that is not renewed may be taken over, and its old holder finds
 * out at its next renewal, because the revision is not the one that it wrote. Until then it can do no harm: every write
 * to the table carries its own condition, and the flip takes a compare-and-set of its own (docs/adr/0016).
 */

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import { E, Failed, pipe, run, t } from '../../fp.js'
import { readJson } from '../../json.js'
import { fieldsOf } from '../../ledger/codec.js'
import { tryStream } from '../../stream/errors.js'
import type { ProjectionName } from '../../tables/definition.js'
import { persist } from '../outcome.js'
import { INSTANCE } from '../status.js'

const Entry = fieldsOf({
  /** The process that is at work, or was when it ended. */
  owner: t.string,
  /** Of this very holding: by it a holder knows its own entry, also where the answer to its renewal was lost. */
  token: t.string,
  /** Whether it ended by itself: then nobody has to wait until it is believed to be dead. */
  released: t.boolean,
  generation: t.number,
  /** Everything up to this stream sequence is in the table. */
  seq: t.number,
})
type LockEntry = t.TypeOf<typeof Entry>

const RENEW_EVERY_MS = 3_000
const DEAD_AFTER_MS = 12_000
const LIVES_WITHIN_MS = 1.5 * RENEW_EVERY_MS

/** Somebody else holds the lock. */
export class ReplayLocked extends Error {
  override readonly name = 'ReplayLocked'
}

export type ReplayLock = {
  /** What an earlier replay left, to go on from. */
  readonly left: { readonly generation: number; readonly seq: number } | undefined
  /** Renews, and notes how far it is. Throws when somebody else has taken the lock. */
  readonly note: (generation: number, seq: number) => Promise<void>
  /** Leaves it to the next replay to go on. */
  readonly release: () => Promise<void>
  /** The replay is over: nothing to go on from. */
  readonly remove: () => Promise<void>
}

const keyOf = (projection: ProjectionName): string => `replay.${projection}`

const decodeEntry = (text: string): LockEntry | undefined =>
  pipe(
    readJson(text),
    E.chainW(Entry.decode),
    E.getOrElseW(() => undefined),
  )

/** What somebody wrote over a lock stands for: nobody holds it, and nothing is left to go on from. */
const ABANDONED: LockEntry = { owner: 'unknown', token: '', released: true, generation: 0, seq: 0 }

type Stored = { readonly entry: LockEntry; readonly revision: number; readonly age_ms: number }

const read = async (kv: KV, projection: ProjectionName): Promise<Stored | undefined> => {
  const found = await run(tryStream('replay lock', () => kv.get(keyOf(projection))))
  if (found === null || found.operation !== 'PUT') return undefined
  const entry = decodeEntry(found.string())
  return { entry: entry ?? ABANDONED, revision: found.revision, age_ms: Date.now() - found.created.getTime() }
}

const lockedBy = (projection: ProjectionName, { owner, seq }: LockEntry): ReplayLocked =>
  new ReplayLocked(
    `a replay of ${projection} is at work already: ${owner}, at sequence ${seq} (one that dies is taken over after ${DEAD_AFTER_MS / 1_000} s)`,
  )

/** Takes the lock, or throws `ReplayLocked` with the name of its holder; `lost` is called when it is taken away. */
export const takeLock = async (
  kv: KV,
  projection: ProjectionName,
  lost: (why: Error) => void,
): Promise<ReplayLock> => {
  const key = keyOf(projection)
  const stored = await read(kv, projection)
  if (stored !== undefined && !stored.entry.released && stored.age_ms < DEAD_AFTER_MS)
    throw lockedBy(projection, stored.entry)
  // it may only look dead, by a clock that is wrong: a holder that lives renews it meanwhile, and then it is not ours
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
    if (first.left.tag === 'Conflict' && winner !== undefined) throw lockedBy(projection, winner.entry)
    throw new Failed(first.left)
  }
  let revision = first.right
  /** One renewal after the other: each builds on the revision of the one before. */
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
    const renewed = renewing.then(async () => {
      entry = { ...entry, ...next }
      await persist(renewOnce, ended.signal)
    })
    renewing = renewed.catch(() => undefined)
    return renewed
  }
  const timer = setInterval(() => {
    // what takes longer is tried again by itself
    if (performance.now() - renewed_ms < RENEW_EVERY_MS) return
    renew({}).catch((thrown: unknown) => lost(new Error('the lock of the replay is lost', { cause: thrown })))
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
