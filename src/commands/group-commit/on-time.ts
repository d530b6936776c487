/**
 * Checks that a stored batch was stamped with about the time at which it was decided.
 *
 * An event states the time of its decision, and a fold believes that within a minute of the stream's timestamp. A leader
 * whose clock is further from that of the leader before it makes the fold judge at another moment: then what is stored may
 * count otherwise than it was decided, and the answer has to come from the stream (docs/adr/0051-accounts.md).
 */

import { E } from '../../fp.js'
import { CLAIMED_TIME_MS_MAX } from '../../ledger/apply-rules.js'
import { nextKnown } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import type { CommandDeps } from '../deps.js'
import type { Plan } from './plan.js'

/** Whether the fold of a stored batch judges when it was decided. False also when its time cannot be read. */
export const isOnTime = async (
  { nc }: Pick<CommandDeps, 'nc'>,
  { events }: Plan,
  last_seq: number,
): Promise<boolean> => {
  const decided_ms = events.find(({ event }) => event.at_ms !== undefined)?.event.at_ms
  if (decided_ms === undefined) return true
  const found = await nextKnown(nc, LEDGER_STREAM, LEDGER_SUBJECTS, last_seq)()
  if (E.isLeft(found) || found.right?.seq !== last_seq) return false
  return Math.abs(found.right.at.getTime() - decided_ms) <= CLAIMED_TIME_MS_MAX
}
