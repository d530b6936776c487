/**
 * Judges the state of a ledger for `jetledger status --check`: what a person who is on call has to look at.
 */

import type { ProjectionStatus } from '../../generations/status.js'
import type { LedgerStatus } from './read.js'

/** An active instance reports every 5 s; after this time without a report it counts as silent. */
const SILENT_AFTER_MS = 20_000

/** Whether the instance of a report has said nothing for so long that it may be gone. */
export const isSilent = ({ at }: NonNullable<ProjectionStatus['said']>, now_ms: number): boolean =>
  now_ms - Date.parse(at) > SILENT_AFTER_MS

export type CheckLimits = {
  /** A projection may be behind the stream for this time. */
  readonly lag_ms_max: number
  /** So many dead letters may be open; undefined: any number, because refused events are a part of business. */
  readonly dead_letters_max: number | undefined
}

type Judged = Pick<
  LedgerStatus,
  'instances' | 'projections' | 'parked' | 'dead_letters' | 'trouble' | 'warnings' | 'stream'
>

/** The sentence about a ledger that nobody serves; undefined for one that is served. */
export const unserved = ({ instances }: Pick<Judged, 'instances'>): string | undefined =>
  instances.length === 0 ? 'nobody serves: no instance of the ledger answers' : undefined

const projectionProblem = (
  { projection, lag, said }: ProjectionStatus,
  { lag_ms_max }: CheckLimits,
  now_ms: number,
): string | undefined => {
  if (lag === undefined || said === undefined) return `projection ${projection}: nobody has run it yet`
  if (lag.lag_ms > lag_ms_max)
    return `projection ${projection}: ${lag.lag_events} events behind, for ${lag.lag_ms} ms`
  return isSilent(said, now_ms)
    ? `projection ${projection}: ${said.instance} is silent since ${said.at}, and no other instance has its place`
    : undefined
}

/** One sentence for everything that is not as it should be; none when all is well. */
export const problemsOf = (status: Judged, limits: CheckLimits, now_ms: number): readonly string[] => {
  const { projections, parked, dead_letters, trouble, warnings, stream } = status
  const open_max = limits.dead_letters_max ?? Number.POSITIVE_INFINITY
  return [
    unserved(status),
    ...trouble,
    ...warnings,
    ...projections.map(projection => projectionProblem(projection, limits, now_ms)),
    ...stream.followers.map(({ name, state }) =>
      state === 'current' ? undefined : `the replica of the stream on ${name} is ${state}`,
    ),
    parked.length === 0 ? undefined : `${parked.length} customers are parked ("jetledger parked list")`,
    dead_letters.open > open_max ? `${dead_letters.open} dead letters are open` : undefined,
  ].filter(problem => problem !== undefined)
}
