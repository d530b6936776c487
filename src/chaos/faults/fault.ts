/** Defines a fault of a chaos run: how it begins, and how it ends when the general healing is not enough. */

import type { Random } from '../clients/random.js'
import type { System } from '../system.js'

export type FaultContext = {
  readonly system: System
  /** Gives the same numbers for the same slot of the same seed. */
  readonly random: Random
  /** The duration of the fault. */
  readonly for_ms: number
}

/** Runs at the end of a fault, before `heal` repairs everything that is down, frozen, cut off or disturbed. */
export type EndFault = () => Promise<void>

export type Fault = {
  readonly name: string
  /** A sentence about the fault, for people. */
  readonly what: string
  /** The shortest and the longest duration. */
  readonly for_ms: readonly [min: number, max: number]
  /** Returns the reason why this system cannot have the fault; undefined when it can. */
  readonly obstacle?: (system: System) => string | undefined
  /** Causes the fault. Returns a function when its end needs more than `heal`. */
  readonly begin: (context: FaultContext) => Promise<EndFault | undefined>
}
