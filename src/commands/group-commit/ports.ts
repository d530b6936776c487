/**
 * What the coordinator takes in, and what it needs of the world, as interfaces: the real parts are put together in `commands/compose.ts`, and a
 * test plays them without a server.
 */

import type { Logger } from 'pino'
import type { AccountId } from '../../ledger/account-id.js'
import type { AskedCommand, Command } from '../../ledger/command.js'
import type { Folded } from '../../stream/fold-subject.js'
import type { Outcome } from '../outcome.js'
import type { Group, GroupAnswer, GroupOrigin, GroupResult } from './group.js'
import type { Aside, DecidedBatch, PreparedRound, RoundEnd } from './round.js'
import type { Settled } from './settle.js'

export type CoordinatorPorts = {
  /** The steps of a round (round.ts). */
  readonly rounds: {
    readonly prepare: (groups: readonly Group[]) => Promise<PreparedRound>
    readonly conclude: (batch: DecidedBatch, settled: Settled) => RoundEnd
    readonly confirm: (aside: Extract<Aside, { why: 'unconfirmed' }>) => Promise<RoundEnd>
    readonly loadSlowAccounts: (groups: readonly Group[]) => Promise<RoundEnd>
  }
  /** Sends a batch until its outcome is known, or `signal` ends it (settle.ts). */
  readonly publish: (batch: DecidedBatch, signal: AbortSignal) => Promise<Settled>
  /** The customers of `ids` that have changed since they were `seen`, as the stream's leader proves. */
  readonly findChanged: (
    ids: Iterable<AccountId>,
    seen: ReadonlyMap<AccountId, Folded>,
  ) => Promise<ReadonlySet<AccountId>>
  /** The transactions that are stored already or under way here (idempotency/). */
  readonly transactions: Transactions
  /** Whether that many commands may be taken now; they are refused as `BUSY` otherwise (admission/). */
  readonly admit: (commands: number) => boolean
  readonly log: Logger
  /** The clock of lanes and bounds, in milliseconds. */
  readonly now_ms: () => number
}

/** What is known of a group by its transaction ids. */
export type Earlier =
  | { readonly tag: 'new' }
  | { readonly tag: 'answer'; readonly result: GroupResult }
  /** Something has to be read or waited for. Never rejects. */
  | { readonly tag: 'later'; readonly later: Promise<Exclude<Earlier, { tag: 'later' }>> }

/** What becomes of groups that the stream refuses for a known id. */
export type DuplicatesEnd = { readonly answers: readonly GroupAnswer[]; readonly rounds: readonly Group[][] }

export type Transactions = {
  /** What is known of a group with given ids. From now on it is under way: `end` has to be called with its result. */
  readonly begin: (group: Group) => Earlier
  /** Looks commands up beforehand. What it gives is `begin` for their groups, which then wait for nothing and stay in order. */
  readonly lookUp: (commands: readonly Command[]) => Promise<(group: Group) => Earlier>
  readonly end: (group: Group, result: GroupResult) => void
  /** Finds out which of `groups` are stored already. Rejects when that cannot be told. */
  readonly findDuplicates: (groups: readonly Group[]) => Promise<DuplicatesEnd>
}

export type CoordinatorOptions = {
  /** The number of commands that may be open; the next one is answered `BUSY` at once. */
  readonly queue_max: number
  /** The longest time that a command waits for a round, and a batch for its outcome, in milliseconds. */
  readonly timeout_ms: number
}

/** A command, and whether its caller brought the transaction id. */
type SubmittedOf<C> = { readonly command: C; readonly has_given_id: boolean }

/** What takes commands; `origin` is `caller` unless stated. */
type TakerOf<C> = {
  /** Decides and stores one command; `done` is called once with the outcome. Without a promise, for speed. */
  readonly take: (submitted: SubmittedOf<C>, done: (outcome: Outcome) => void, origin?: GroupOrigin) => void
  /** Decides and stores each command by itself, in the given order; the outcomes are in that order. Never rejects. */
  readonly submitEach: (commands: readonly SubmittedOf<C>[], origin?: GroupOrigin) => Promise<Outcome[]>
  /** Decides all commands as one group: all are stored in one atomic batch, or none. Never rejects. */
  readonly submitAll: (
    commands: readonly C[],
    has_given_ids: boolean,
    origin?: GroupOrigin,
  ) => Promise<GroupResult>
}

export type Submitted = SubmittedOf<AskedCommand>

/** Says what would become of commands, and stores nothing. Never rejects. */
export type DryRun = {
  readonly dryRunEach: (commands: readonly Submitted[]) => Promise<Outcome[]>
  readonly dryRunAll: (commands: readonly Submitted[]) => Promise<GroupResult>
}

/** What takes everything that callers ask for: the router, or what finds the transactions of reversals (reversal/). */
export type CommandTaker = TakerOf<AskedCommand> & DryRun

export type Decidable = SubmittedOf<Command>
/** What takes everything that can be decided: the coordinator. */
export type CommandDecider = TakerOf<Command>
