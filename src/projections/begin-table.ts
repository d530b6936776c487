/**
 * Begins a projection's table again from the stream's first event: whoever works on it or reads it learns that by its
 * next epoch. It is emptied and filled by the projector that prepares it next (`prepare.ts`).
 */

import { run } from '../fp.js'
import { readOrigin } from '../stream/identity.js'
import { beginEpoch, type Identity } from '../tables/identity.js'
import { streamText } from './belonging.js'
import type { Target } from './target.js'

/** Begins the table whose identity was `before`; `ConditionFailed` when somebody else was faster. No reason: it is new. */
export const beginTable = async (
  { jsm, tables, table, projection, log }: Target,
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
    }),
  )
  if (reason === undefined)
    log.info({ projection: projection.name, table }, 'a table is filled from sequence 1')
  else log.error({ projection: projection.name, table, reason }, 'a table is folded again from sequence 1')
}
