/** The options of the clients of a chaos run, and the handle that starting them returns. */

import type { HistoryLine } from '../history.js'

/** A group of connections that a fault may cut off together. `urls` are the group's addresses of the nats-servers. */
export type ClientGroup = { readonly name: string; readonly urls: readonly string[] }

export type ClientsOptions = {
  readonly groups: readonly ClientGroup[]
  /** The same seed gives the same questions, whatever their answers are. */
  readonly seed: number
  /** The number of connections; they are dealt out to the groups in turn. */
  readonly clients: number
  /** The number of customers beside the few busy ones. */
  readonly customers: number
  /** Calls per second of all clients together. */
  readonly rate_per_s: number
  /** The directory that receives the history. */
  readonly directory: string
  /** Called with every line of the history, for a live report. */
  readonly onLine?: (line: HistoryLine) => void
}

export type Clients = {
  /** Writes a note about the run's own actions into the history. */
  readonly note: (text: string) => void
  /**
   * Stops new calls, pursues writes with an unknown outcome for a limited time, and closes the history. Call it when the
   * faults are healed.
   */
  readonly stop: () => Promise<void>
}
