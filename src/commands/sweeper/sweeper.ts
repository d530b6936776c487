/**
 * Looks for expired holds again and again, in the one instance that decides (docs/adr/0052).
 *
 * That only one instance looks saves work. That each hold gets one event does not depend on it.
 */

import { rest } from '../../back-off.js'
import { pipe, type TaskEither, TE } from '../../fp.js'
import type { DeclaredAssets } from '../../stream/assets.js'
import type { StreamError } from '../../stream/errors.js'
import { timeCertainlyOver } from '../../stream/server-clock.js'
import type { TableError } from '../../tables/errors.js'
import { customersExpiring } from '../../tables/expiring.js'
import { shardsOf } from '../../tables/shard.js'
import type { Admit } from '../admission/admission.js'
import type { CommandDeps } from '../deps.js'
import type { Accounts } from '../group-commit/accounts.js'
import { AccountLoader } from '../group-commit/load.js'
import type { SchemaGate } from '../schema-gate.js'
import { type ExpiryIndex, Interrupted, type SweepPorts, sweep } from './sweep.js'

/** The time between two looks. An expired hold counts no more in any case; this is how late the journal says so. */
const LOOK_EVERY_MS = 10_000
/** Customers that are loaded at once. */
const PAGE_CUSTOMERS = 100

export type SweeperOptions = {
  /** The active table. Fails while it is not believed. */
  readonly table: TaskEither<StreamError | TableError, string>
  /** The accounts in memory of this instance's commands. */
  readonly accounts: Pick<Accounts, 'forget'>
  readonly admit: Admit
  /** Whether this instance decides the commands at the moment. */
  readonly isOnDuty: () => boolean
  /** The assets that are declared: accounts of other ones are not looked at. */
  readonly assets: () => Promise<DeclaredAssets>
}

export type Sweeper = {
  /** Ends looking, after the batch in hand. */
  readonly stop: () => Promise<void>
}

/** What a look needs of the world. */
export const sweepPorts = (
  deps: CommandDeps,
  { table: activeTable, accounts, admit, isOnDuty, assets }: SweeperOptions,
): SweepPorts => {
  const { nc, tables, log } = deps
  const loader = new AccountLoader(deps)
  return {
    nc,
    log,
    index: pipe(
      activeTable,
      TE.map(
        (table): ExpiryIndex =>
          (shard, until_ms, after) =>
            customersExpiring(tables, table, shard, until_ms, after, PAGE_CUSTOMERS),
      ),
    ),
    // with a loader of its own, because customers who do nothing shall not push others out of the memory
    load: ids => loader.load(ids, false),
    forget: accounts.forget,
    admit,
    now: () => timeCertainlyOver(nc),
    isOnDuty,
    shards: async () => {
      const declared = [...(await assets()).keys()].filter(asset => asset !== undefined)
      return [undefined, ...declared].flatMap(shardsOf)
    },
  }
}

/**
 * Begins to look. A ledger that takes no holds is not looked at: `gate` says whether it does. `every_ms` is for tests.
 */
export const startSweeper = (
  ports: SweepPorts,
  gate: Pick<SchemaGate, 'lookUp'>,
  every_ms = LOOK_EVERY_MS,
): Sweeper => {
  const ending = new AbortController()
  /** The reason for which the last look ended early: it is told once. */
  let told: string | undefined
  const look = async (): Promise<void> => {
    // a time that is not known yet is asked for, and known at the next look
    if (!ports.isOnDuty() || ports.now() === undefined || !(await gate.lookUp())) return
    try {
      const { holds, skipped } = await sweep(ports, ending.signal)
      told = undefined
      if (holds + skipped > 0) ports.log.info({ holds, skipped }, 'wrote that holds have expired')
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown)
      const is_known = thrown instanceof Interrupted || message === told || ending.signal.aborted
      const level = is_known ? 'debug' : 'warn'
      ports.log[level]({ err: thrown }, 'expired holds could not all be written; it is tried again')
      told = message
    }
  }
  const looking = (async () => {
    while (!ending.signal.aborted) {
      await rest(every_ms, ending.signal)
      if (!ending.signal.aborted) await look()
    }
  })()
  return {
    stop: async () => {
      ending.abort()
      await looking
    },
  }
}
