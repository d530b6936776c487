/** What a benchmark is to bench/main.ts. */

import type { Stack } from '../src/stack.js'
import type { Options } from './options.js'
import type { Session } from './report.js'
import type { Say } from './stage.js'

export type Surroundings = {
  /** Whatever a session has started: ended before the next session begins. */
  readonly cleanup: Stack
  readonly signal: AbortSignal
  /** Progress, for people. */
  readonly say: Say
}

/** Measures one session: one set of servers with one sync_interval. */
export type Benchmark = (
  options: Options,
  sync_interval: string,
  surroundings: Surroundings,
) => Promise<Session>
