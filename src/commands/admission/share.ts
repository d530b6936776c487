/**
 * The share of this instance in what is stored: the commands that it admits for each event of the stream, whoever stored
 * it. A command may be two events, a repetition is none, and other instances and publishers store events too.
 */

export type Share = {
  /** Notes what was admitted and what was stored since the last call. */
  readonly note: (admitted: number, stored: number, passed_ms: number) => void
  readonly read: () => number
}

/**
 * The older part of the sums fades with this time. It is much longer than a command takes from being admitted to being
 * stored; with a short one, a share would be taken for nothing while much is on its way.
 */
const FADE_MS = 30_000
/** Before anything is known a command is an event. So many of each weigh as much as what was seen. */
const PRIOR = 50
const SHARE_MAX = 20

export const createShare = (): Share => {
  let [admitted, stored] = [0, 0]
  return {
    note: (more_admitted, more_stored, passed_ms) => {
      const kept = Math.exp(-Math.max(0, passed_ms) / FADE_MS)
      admitted = admitted * kept + more_admitted
      stored = stored * kept + Math.max(0, more_stored)
    },
    read: () => Math.min(SHARE_MAX, (admitted + PRIOR) / (stored + PRIOR)),
  }
}
