/**
 * The share of this instance in what is stored: the commands that it admits for each event of the stream, whoever stored
 * it. A command may be two events, a repetition is none, and other instances and publishers store events too.
 *
 * Each time counts by how long it was, not by how much was stored in it. Else a flood by publishers that nobody can slow
 * would outweigh for minutes all that comes after it, and an instance that is alone again would refuse most commands.
 */

export type Share = {
  /** Notes what was admitted and what was stored since the last call. */
  readonly note: (admitted: number, stored: number, passed_ms: number) => void
  readonly read: () => number
}

/** The older parts fade with this time. */
const FADE_MS = 30_000
/**
 * What is admitted and stored within this time is compared. It is longer than a command takes from being admitted to being
 * stored; with a short one, a share would be taken for nothing while much is on its way.
 */
const SLOT_MS = 5_000
/** Before anything is known a command is an event. That counts as much as so long a time. */
const PRIOR_MS = 500
/** A slot with fewer commands and events counts for less: a single command may be admitted in one and stored in the next. */
const FULL_SLOT = 50
const SHARE_MAX = 20

type Part = { readonly admitted: number; readonly stored: number; readonly passed_ms: number }

const NOTHING: Part = { admitted: 0, stored: 0, passed_ms: 0 }

/** Both numbers as parts of the larger one, times how long it took. */
const weighed = ({ admitted, stored, passed_ms }: Part) => {
  const most = Math.max(admitted, stored, FULL_SLOT)
  return { admitted: (admitted / most) * passed_ms, stored: (stored / most) * passed_ms }
}

export const createShare = (): Share => {
  let older = { admitted: 0, stored: 0 }
  let slot = NOTHING

  const closeSlot = (): void => {
    const kept = Math.exp(-slot.passed_ms / FADE_MS)
    const newest = weighed(slot)
    older = {
      admitted: older.admitted * kept + newest.admitted,
      stored: older.stored * kept + newest.stored,
    }
    slot = NOTHING
  }

  return {
    note: (admitted, stored, passed_ms) => {
      slot = {
        admitted: slot.admitted + admitted,
        stored: slot.stored + Math.max(0, stored),
        passed_ms: slot.passed_ms + Math.max(0, passed_ms),
      }
      if (slot.passed_ms >= SLOT_MS) closeSlot()
    },
    read: () => {
      const newest = weighed(slot)
      const [admitted, stored] = [older.admitted + newest.admitted, older.stored + newest.stored]
      return Math.min(SHARE_MAX, (admitted + PRIOR_MS) / (stored + PRIOR_MS))
    },
  }
}
