/**
 * One run of the stream into a projection's table.
 *
 * The order is what makes it exact under any crash: first the letters and the parking notes (each can be repeated
 * without harm), then the items under their conditions, and only then may the caller acknowledge (docs/adr/0003).
 */

import { metrics } from '../metrics.js'
import type { Recorded } from '../stream/recorded.js'
import { createFold, customersOf, type Findings } from './fold-run.js'
import type { Heads } from './heads.js'
import { keepLetters } from './letters.js'
import { noteParked } from './parked.js'
import { createPending } from './pending.js'
import type { Target } from './target.js'
import { writeParts } from './write-parts.js'

const mismatched = metrics.counter(
  'jetledger_fold_mismatches_total',
  'Events that claim another result than the fold gives',
)

const noteMismatches = ({ log, projection }: Target, { mismatches }: Findings): void => {
  if (!projection.keeps_letters) return
  for (const { seq, subject } of mismatches) {
    mismatched.inc()
    log.error({ seq, subject, metric: 'fold_mismatch' }, 'an event claims another result than the fold gives')
  }
}

/**
 * Folds `records` (ascending, without a gap) into the table. Throws `ProjectionFailure`: after `ConditionFailed` (a
 * second instance was faster) and `TryAgain` the same records can be given again, and count once.
 */
export const project = async (
  target: Target,
  heads: Heads,
  records: readonly Recorded[],
  signal: AbortSignal,
): Promise<void> => {
  const { projection, decode } = target
  const customers = await heads.load(customersOf(records))
  const pending = createPending()
  const fold = createFold({ projection, decode, whole_transfers: true }, customers, pending)
  fold.run(records)
  const findings = fold.findings()
  await keepLetters(target, findings)
  await noteParked(target, findings.parked)
  await writeParts(target, pending.levels(), signal)
  heads.keep(customers)
  noteMismatches(target, findings)
}
