/**
 * The dependencies of the operations: those of a projection, which a replay builds, and what only a process knows.
 */

import type { ProjectionDeps } from '../projections/deps.js'
import type { CallerOf } from '../service/callers.js'

/** The servers of the cluster, as far as a client can see them. */
type Servers = {
  readonly seen: readonly { readonly name: string; readonly version: string }[]
  readonly unseen: readonly string[]
}

export type OperationsDeps = ProjectionDeps & {
  readonly askServers: () => Promise<Servers>
  /** Tells who sent a request, where somebody vouches for it. */
  readonly callerOf: CallerOf
}
