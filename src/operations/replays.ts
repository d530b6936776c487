/**
 * The replays that this process was asked for: at most one of each projection at a time, each with its progress.
 *
 * A replay is locked in the bucket, so that no second process rebuilds the same projection (rebuild/lock.ts). The progress is
 * known here only; a process that is stopped leaves its checkpoint for the next replay.
 */

import { Failed } from '../fp.js'
import { PROJECTIONS } from '../projections/definitions/ledger.js'
import type { ProjectionDeps } from '../projections/deps.js'
import { CHECKPOINT_MS, cancelReplay, replay } from '../projections/rebuild/rebuild.js'
import { ReplayError } from '../projections/rebuild/replay-error.js'
import { PROJECTION_NAMES, type ProjectionName } from '../tables/definition.js'

type ReplayState = {
  readonly projection: ProjectionName
  readonly state: 'running' | 'done' | 'failed' | 'cancelled'
  readonly stage: string
  /** Of `total`: events while it folds, else tables. */
  readonly done: number
  readonly total: number
  readonly began_at: string
  /** The caller who asked for it, where that is known. */
  readonly by?: string | undefined
  /** The generation that was made active; of a replay that is done. */
  readonly generation?: number
  /** Why it failed. */
  readonly error?: string
}

export type Replays = {
  /** Begins a replay, or gives the state of the one at work. */
  readonly begin: (name: ProjectionName, by: string | undefined) => ReplayState
  /** Ends a replay and drops what it has built. Throws `ReplayError` when another process is at it, or `Failed`. */
  readonly cancel: (name: ProjectionName) => Promise<boolean>
  /** The last replay of each projection that had one in this process. */
  readonly list: () => readonly ReplayState[]
  /** Ends all of them; their checkpoints stay. */
  readonly stop: () => Promise<void>
}

type Running = { state: ReplayState; readonly ending: AbortController; ended: Promise<void> }

/** What of an error a person is told; the log has a bug whole. */
const messageOf = (thrown: unknown): string =>
  thrown instanceof ReplayError || thrown instanceof Failed
    ? thrown.message
    : 'a fault of this program; its log says more'

export const createReplays = (deps: ProjectionDeps): Replays => {
  const known = new Map<ProjectionName, Running>()

  const work = async (name: ProjectionName, running: Running): Promise<void> => {
    const { ending } = running
    const note = (change: Partial<ReplayState>): void => {
      running.state = { ...running.state, ...change }
    }
    try {
      const { generation } = await replay(deps, PROJECTIONS[name], {
        keep: false,
        checkpoint_ms: CHECKPOINT_MS,
        onProgress: (stage, done, total) => note({ stage, done, total }),
        by: running.state.by,
        signal: ending.signal,
      })
      note({ state: 'done', generation })
      deps.log.info({ projection: name, generation }, 'a replay is done')
    } catch (err) {
      if (ending.signal.aborted) return note({ state: 'cancelled' })
      note({ state: 'failed', error: messageOf(err) })
      deps.log.error({ projection: name, err }, 'a replay failed')
    }
  }

  const begin = (name: ProjectionName, by: string | undefined): ReplayState => {
    const before = known.get(name)
    if (before?.state.state === 'running') return before.state
    const began_at = new Date().toISOString()
    const state: ReplayState = {
      projection: name,
      state: 'running',
      stage: 'folding',
      done: 0,
      total: 0,
      began_at,
      by,
    }
    const running: Running = { state, ending: new AbortController(), ended: Promise.resolve() }
    known.set(name, running)
    deps.log.info({ projection: name, by }, 'a replay begins')
    running.ended = work(name, running)
    return running.state
  }

  const end = async (name: ProjectionName): Promise<void> => {
    const running = known.get(name)
    running?.ending.abort()
    await running?.ended
  }

  return {
    begin,
    cancel: async name => {
      await end(name)
      return cancelReplay(deps, PROJECTIONS[name])
    },
    list: () => [...known.values()].map(({ state }) => state),
    stop: async () => {
      await Promise.all(PROJECTION_NAMES.map(end))
    },
  }
}
