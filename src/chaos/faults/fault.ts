/** What a fault of a chaos run is: how it begins, and what has to be done at its end beside the general healing. */

import type { Random } from '../clients/random.js'
import type { System } from '../system.js'

export type FaultContext = {
  readonly system: System
  /** The same for the same slot of the same seed. */
  readonly random: Random
  /** For how long the fault stays. */
  readonly for_ms: number
}

/** Runs at the end of a fault, before `heal` brings back all that is down, frozen, cut or moody. */
export type End = () => Promise<void>

export type Fault = {
  readonly name: string
  /** One sentence for people. */
  readonly what: string
  /** The shortest and the longest time that it stays. */
  readonly for_ms: readonly [min: number, max: number]
  /** Why this system cannot have it. */
  readonly obstacle?: (system: System) => string | undefined
  /** Does the harm; where there is more to the end than `heal`, gives that. */
  readonly begin: (context: FaultContext) => Promise<End | undefined>
}
