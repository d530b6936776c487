/**
 * Watches, while a projector is at work, that its generation is still the active one, and that the table, the
 * consumer and the stream still belong together.
 */

import { pause } from '../back-off.js'
import { E } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import type { Identity } from '../tables/identity.js'
import { judge, look } from './belonging.js'
import type { Target } from './target.js'

const EVERY = { first_ms: 1_000, max_ms: 1_000 }
/** The number of checks of the pointer for each check of the table and the stream. */
const LOOKS_BETWEEN = 3

/** The part of health that reports a projection's table. */
const tablePart = ({ projection }: Pick<Target, 'projection'>): string => `table of ${projection.name}`

/** Reports in health that a table which was begun again does not yet hold what the stream held at that time. */
const reportFilling = (target: Target, { newest, whole_from_seq, reason }: Identity): void => {
  const is_whole = reason === undefined || newest.seq >= whole_from_seq
  target.health.report(
    tablePart(target),
    is_whole ? 'ok' : 'degraded',
    is_whole ? '' : `folded again from sequence 1, at ${newest.seq} of ${whole_from_seq}: ${reason}`,
  )
}

/** Whether the table is still the one that this projector was prepared with. */
const isStillOurs = async (target: Target): Promise<boolean> => {
  const belonging = judge(target.table, await look(target))
  if (belonging.tag !== 'ours' || belonging.identity.epoch !== target.epoch) return false
  reportFilling(target, belonging.identity)
  return true
}

const isSuperseded = async ({ jsm, projection, generation }: Target): Promise<boolean> => {
  const found = await readPointer(jsm, projection.name)()
  return E.isRight(found) && found.right.generation !== generation
}

/** Resolves once another generation is active, the table is no longer ours, or `signal` aborts. */
export const watch = async (target: Target, signal: AbortSignal): Promise<void> => {
  for (let looks = 0; !signal.aborted; looks += 1) {
    try {
      if (looks % LOOKS_BETWEEN === 0 && !(await isStillOurs(target))) return
    } catch (err) {
      target.log.debug({ err }, 'a table cannot be looked at just now')
    }
    await pause(EVERY, 1, signal)
    if (await isSuperseded(target)) return
  }
}
