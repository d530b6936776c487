/**
 * `jetledger replay [projection]`: rebuilds projections from the stream, also while a service is running.
 */

import { Argument, type Command, Option } from 'commander'
import { createHealth } from '../health.js'
import { Failure, orFail } from '../process/failure.js'
import { createLog, logHealth } from '../process/log.js'
import { print, printJson } from '../process/output.js'
import { stopRequested } from '../process/signals.js'
import { PROJECTIONS } from '../projections/definitions/ledger.js'
import type { ProjectionDeps } from '../projections/deps.js'
import type { Projection } from '../projections/projection.js'
import {
  CHECKPOINT_MS,
  cancelReplay,
  type Replayed,
  type ReplayOptions,
  replay,
  replayBack,
} from '../projections/rebuild/rebuild.js'
import { manager, openBucket } from '../stream/provision.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { PROJECTION_NAMES, type ProjectionName } from '../tables/definition.js'
import { refuseAnother } from './checked-ledger.js'
import { type Connected, tablesOf, withNats } from './command.js'
import { count } from './options.js'
import { type ProgressBar, startProgressBar } from './progress-bar.js'
import { asFailure } from './replay-failure.js'
import { operatorOf } from './user.js'

type Options = {
  readonly back?: true
  readonly keep?: true
  readonly cancel?: true
  readonly checkpointMs: number
  readonly json?: true
}

const openDeps = async (connected: Connected): Promise<ProjectionDeps> => {
  const { nc, config } = connected
  const log = createLog(config.LOG_LEVEL)
  const tables = tablesOf(connected)
  // the stream has to exist: a replay makes no stream and checks no settings
  const jsm = await orFail(manager(nc))
  const look = await refuseAnother(connected, jsm, tables)
  if (look.tag === 'fresh') throw new Failure(`there is no stream ${LEDGER_STREAM} to replay`)
  const kv = await orFail(openBucket(nc))
  return {
    nc,
    jsm,
    kv,
    tables,
    base_table: config.DDB_TABLE,
    journal: config.JETLEDGER_JOURNAL,
    log,
    health: createHealth(logHealth(log)),
  }
}

/** Shows one progress bar per stage of a replay. */
const progressOf = (projection: string): ReplayOptions['onProgress'] => {
  const bars = new Map<string, ProgressBar>()
  return (stage, done, total) => {
    const unit = stage === 'folding' ? 'events' : 'tables'
    const bar = bars.get(stage) ?? startProgressBar(`${projection}: ${stage}`, unit)
    bars.set(stage, bar)
    bar.update(done, total)
    if (done === total) bar.end()
  }
}

const describeReplay = ({
  projection,
  generation,
  events,
  customers,
  rows,
  resumed_at,
  previous,
}: Replayed): string =>
  [
    `replayed ${events} events of ${customers} customers into generation ${generation} of ${projection}`,
    ...(rows === 0 ? [] : [`${rows} rows`]),
    ...(resumed_at === undefined ? [] : [`taken up at event ${resumed_at}`]),
    ...(previous === undefined ? [] : [`generation ${previous} is kept`]),
  ].join(', ')

const replayOne = async (
  deps: ProjectionDeps,
  projection: Projection,
  { back, keep, checkpointMs, json }: Options,
  by: string | undefined,
  signal: AbortSignal,
): Promise<void> => {
  const options = { by, checkpoint_ms: checkpointMs, onProgress: progressOf(projection.name), signal }
  const result = back
    ? await replayBack(deps, projection, options)
    : await replay(deps, projection, { ...options, keep: keep ?? false })
  if (json) printJson(result)
  else print(describeReplay(result))
}

const cancelOne = async (deps: ProjectionDeps, projection: Projection): Promise<void> => {
  const dropped = await cancelReplay(deps, projection)
  print(`${projection.name}: ${dropped ? 'the half-built generation is dropped' : 'nothing to cancel'}`)
}

const run = (name: ProjectionName | undefined, options: Options): Promise<void> =>
  withNats(async connected => {
    const deps = await openDeps(connected)
    const { signal } = stopRequested()
    const by = await operatorOf(connected.nc)
    const names = name === undefined ? PROJECTION_NAMES : [name]
    for (const projection of names.map(one => PROJECTIONS[one])) {
      try {
        if (options.cancel) await cancelOne(deps, projection)
        else await replayOne(deps, projection, options, by, signal)
      } catch (thrown) {
        throw asFailure(thrown, signal)
      }
    }
  })

export const replayCommand = (program: Command): void => {
  program
    .command('replay')
    .description('rebuild the projection from the first event; a service may be at work meanwhile')
    .addArgument(new Argument('[projection]').choices(PROJECTION_NAMES))
    .option('--keep', 'keep the generation before, so that --back can return to it')
    .addOption(new Option('--back', 'return to the generation that was kept').conflicts(['keep', 'cancel']))
    .addOption(new Option('--cancel', 'drop what a replay that did not end has built').conflicts(['keep']))
    .option('--checkpoint-ms <n>', 'how much work a kill may cost', count, CHECKPOINT_MS)
    .option('--json', 'print what was done as JSON')
    .action(run)
}
