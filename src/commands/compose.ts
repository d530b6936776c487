/**
 * Puts the command side together: the coordinator over the real stream, tables and clock.
 */

import { customersOfCommand } from '../ledger/command.js'
import { NO_SEALER } from '../sealing/seal-command.js'
import { serverNow } from '../stream/server-clock.js'
import { type Admit, WITHOUT_BOUND } from './admission/admission.js'
import type { CommandDeps } from './deps.js'
import { createDryRun } from './dry-run/dry-run.js'
import { createFindHoldEnd, type FindHoldEnd } from './ended-hold.js'
import { type Accounts, createAccounts } from './group-commit/accounts.js'
import { Coordinator } from './group-commit/coordinator.js'
import { replayedOutcome } from './group-commit/group.js'
import { AccountLoader } from './group-commit/load.js'
import { isOnTime } from './group-commit/on-time.js'
import { messagesOf } from './group-commit/plan.js'
import type { CommandDecider, CommandTaker, CoordinatorOptions } from './group-commit/ports.js'
import { Rounds } from './group-commit/round.js'
import { settle } from './group-commit/settle.js'
import { createHistoryFinder } from './idempotency/history.js'
import type { JournalLookup, JournalSource } from './idempotency/journal-lookup.js'
import { answerFor } from './idempotency/stored-transaction.js'
import { createTransactions, type MayHave } from './idempotency/transactions.js'
import type { FindTransaction } from './idempotency/window.js'
import { createOriginalFinder } from './reversal/find-original.js'
import { Reversals } from './reversal/reversals.js'
import { sealedDecider } from './sealed-decider.js'

export type CommandSideOptions = CoordinatorOptions & {
  /** Finds stored transactions; reads the customers' histories when absent. */
  readonly find?: FindTransaction
  /** Whether commands may be taken while projections are behind; all are when absent. */
  readonly admit?: Admit
  /** The accounts in memory, for a caller who has more to do with them; made here when absent. */
  readonly accounts?: Accounts
  /** Says of which transaction ids it is certain that no event has them; of none when absent. */
  readonly mayHave?: MayHave
}

/** A coordinator that takes commands at once. `stop` ends it. */
export const createCoordinator = (
  deps: CommandDeps,
  {
    find = createHistoryFinder(deps),
    mayHave,
    accounts = createAccounts(deps),
    admit = WITHOUT_BOUND.admit,
    queue_max,
    timeout_ms,
  }: CommandSideOptions,
): Coordinator => {
  const { log } = deps
  return new Coordinator(
    {
      rounds: new Rounds({ accounts, log, timeout_ms, now: () => serverNow(deps.nc) }),
      publish: async ({ plan, seen }, signal) => {
        const settled = await settle(
          deps,
          { length: plan.events.length, messages: () => messagesOf(plan, seen) },
          timeout_ms,
          signal,
        )
        const is_on_time = settled.tag !== 'stored' || (await isOnTime(deps, plan, settled.last_seq))
        return is_on_time ? settled : { tag: 'off time' }
      },
      findChanged: accounts.reload,
      transactions: createTransactions(deps, find, mayHave),
      admit,
      log,
      now_ms: () => performance.now(),
    },
    { queue_max, timeout_ms },
  )
}

/**
 * Takes everything that callers ask for, and has `decider` decide it. `journal` finds what is to be reversed, and `sealer`
 * seals texts before they are stored.
 */
export const createTaker = (
  deps: CommandDeps,
  decider: CommandDecider,
  journal: JournalLookup | undefined,
  { timeout_ms }: Pick<CoordinatorOptions, 'timeout_ms'>,
  sealer = NO_SEALER,
): CommandTaker => {
  const find = createOriginalFinder(deps, journal)
  const findTransaction = journal?.find ?? createHistoryFinder(deps)
  const loader = new AccountLoader(deps)
  const dry_run = createDryRun({
    findStored: async command => {
      const known = await findTransaction(command.transaction_id, customersOfCommand(command)[0], true)
      if (known === undefined) return undefined
      return replayedOutcome(await answerFor(deps, await sealer.sealAsBefore(command), known))
    },
    findOriginal: find,
    load: ids => loader.loadFully(ids),
    now: () => serverNow(deps.nc),
    log: deps.log,
  })
  return new Reversals({
    ...{ find, dry_run, log: deps.log, timeout_ms },
    decider: sealedDecider(decider, sealer),
  })
}

/** Finds how holds ended that commands need and do not find open. */
export const createHoldEnds = (
  deps: CommandDeps,
  journal: JournalLookup,
  { table }: Pick<JournalSource, 'table'>,
): FindHoldEnd => {
  const loader = new AccountLoader(deps)
  return createFindHoldEnd({
    ...{ nc: deps.nc, jsm: deps.jsm, tables: deps.tables, log: deps.log, journal, table },
    load: ids => loader.loadFully(ids),
    now: () => serverNow(deps.nc),
  })
}
