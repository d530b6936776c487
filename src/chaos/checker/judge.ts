/** Lists all pure checks of a run, in the order in which a report shows them. */

import { checkMinVersion, checkPast, checkPlain, checkStates, checkStrong } from './checks/balances.js'
import { checkFates } from './checks/fates.js'
import { checkHolds } from './checks/holds.js'
import { checkLists, checkStatements } from './checks/pages.js'
import { checkRefusals } from './checks/refusals.js'
import { checkReversals } from './checks/reversals.js'
import { checkBatches, checkClaims, checkFloor, checkOrigins, checkTransfers } from './checks/stream.js'
import { checkAcknowledgedWrites, checkNothingStored, checkOneOutcome, checkOwnIds } from './checks/writes.js'
import type { Finding } from './findings.js'
import type { World } from './world.js'

const CHECKS: readonly ((world: World) => Finding)[] = [
  checkAcknowledgedWrites,
  checkNothingStored,
  checkOneOutcome,
  checkRefusals,
  checkOwnIds,
  checkFates,
  checkTransfers,
  checkBatches,
  checkClaims,
  checkHolds,
  checkReversals,
  checkOrigins,
  checkFloor,
  checkStates,
  checkPlain,
  checkStrong,
  checkMinVersion,
  checkPast,
  checkStatements,
  checkLists,
]

/** Runs all checks that need the history and the stream only. */
export const judge = (world: World): readonly Finding[] => CHECKS.map(check => check(world))
