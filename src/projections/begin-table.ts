/**
 * Starts a projection's table over from the stream's first event.
 *
 * The table gets a new epoch, by which its writers and readers learn that it starts over. The projector that prepares
 * the table next empties and fills it (`prepare.ts`).
 */

import { run } from '../fp.js'
import { readOrigin } from '../stream/identity.js'
import { beginEpoch, type Identity } from '../tables/identity.js'
import { journalNote } from '../tables/savepoints.js'
import { streamText } from './belonging.js'
import type { Target } from './target.js'

/**
 * Gives the table, whose identity was `before`, a new epoch. `reason` says why it is folded again; it is undefined
 * for a new table. Throws `Failed`: `ConditionFailed` when another process has changed the identity since `before`.
 */
export const beginTable = async (
  { jsm, tables, table, projection, journal, log }: Target,
  before: Identity | undefined,
  table_id: string,
  reason: string | undefined,
): Promise<void> => {
  const origin = await run(readOrigin(jsm))
  await run(
    beginEpoch(tables, table, before, {
      table_id,
      stream: streamText(origin),
      whole_from_seq: origin.newest?.seq ?? 0,
      reason,
      journal: journalNote(journal),
    }),
  )
  if (reason === undefined)
    log.info({ projection: projection.name, table }, 'a table is filled from sequence 1')
  else log.error({ projection: projection.name, table, reason }, 'a table is folded again from sequence 1')
}
