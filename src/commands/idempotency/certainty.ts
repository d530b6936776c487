/**
 * When the set of known ids may say that an id is new: while every event that it lacks is younger than half of the stream's
 * duplicate window, by a proof of the stream's end.
 */

import type { Proof } from '../../stream/leadership.js'
import { certainlyRefused_ms } from './window.js'

/** Says from when to when the set is certain. Pure; all times are of a clock that never goes back. */
export const createCertainty = (position: () => number) => {
  /** The newest proof whose end was reached, and the oldest one whose end was not. */
  let reached_proof: Proof | undefined
  let awaited: Proof | undefined
  return {
    proved: (proof: Proof): void => {
      if (position() < proof.last_seq) awaited ??= proof
      else if (reached_proof === undefined || proof.asked_ms > reached_proof.asked_ms) reached_proof = proof
    },
    /** Is called at every event; nearly always nothing is awaited. */
    reached: (): void => {
      if (awaited === undefined || position() < awaited.last_seq) return
      reached_proof = awaited
      awaited = undefined
    },
    isAt: (now_ms: number): boolean =>
      reached_proof !== undefined && now_ms - reached_proof.asked_ms < certainlyRefused_ms(reached_proof),
    /** The proof whose end was not reached yet. */
    awaited: (): Proof | undefined => awaited,
    restart: (): void => {
      reached_proof = undefined
      awaited = undefined
    },
  }
}
