/** What the clients of a chaos run are started with, and what they give back. */

import type { Line } from '../history.js'

/** Connections that may be cut off together: how this group reaches each nats-server. */
export type ClientGroup = { readonly name: string; readonly urls: readonly string[] }

export type ClientsOptions = {
  readonly groups: readonly ClientGroup[]
  /** The same seed asks for the same things, whatever becomes of them. */
  readonly seed: number
  /** Connections, dealt out to the groups in turn. */
  readonly clients: number
  /** How many customers there are beside the few that everybody writes to. */
  readonly customers: number
  /** Calls a second of all clients together. */
  readonly rate_per_s: number
  /** Where the history is written. */
  readonly directory: string
  /** Hears every line of the history, for a live report. */
  readonly onLine?: (line: Line) => void
}

export type Clients = {
  /** Writes into the history what the run does. */
  readonly note: (text: string) => void
  /**
   * Begins nothing new, asks for what is still unknown until it is known or some time is over, and closes the history.
   * Call it when the faults are healed.
   */
  readonly stop: () => Promise<void>
}
