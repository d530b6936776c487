/**
 * The projection of the ledger: everything that is read of it is in one table (docs/adr/0061).
 *
 * An event that counts moves its account's head, makes one row of the journal where its table has one for it, and adds to the
 * sums, all in one transaction.
 */

import type { ProjectionName } from '../../tables/definition.js'
import type { Projection } from '../projection.js'
import { rowOf } from './rows.js'
import { additionsOf } from './sums.js'

const LEDGER: Projection = {
  name: 'ledger',
  rowOf,
  additionsOf,
  linger_ms: 100,
}

/** The projections of this program, by name. */
export const PROJECTIONS: Readonly<Record<ProjectionName, Projection>> = { ledger: LEDGER }
