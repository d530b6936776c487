/** Defines the interface between bench/main.ts and each benchmark. */

import type { Stack } from '../src/stack.js'
import type { Options } from './options.js'
import type { Session } from './report.js'
import type { Say } from './stage.js'

export type Surroundings = {
  /** The stops of everything that a session started; it runs before the next session begins. */
  readonly cleanup: Stack
  readonly signal: AbortSignal
  /** Prints progress for people. */
  readonly say: Say
}

/** Measures one session, on one set of servers with one sync_interval. */
export type Benchmark = (
  options: Options,
  sync_interval: string,
  surroundings: Surroundings,
) => Promise<Session>
