/**
 * The projections of this program.
 */

import type { ProjectionName } from '../../tables/definition.js'
import type { Projection } from '../projection.js'
import { balances } from './balances.js'
import { journal } from './journal.js'
import { ranking } from './ranking.js'
import { totals } from './totals.js'

export const PROJECTIONS: Readonly<Record<ProjectionName, Projection>> = {
  balances,
  journal,
  totals,
  ranking,
}
