/**
 * Says in the refusal of a capture or a release what became of the hold, if it is not open any more: `HOLD_NOT_OPEN` alone does
 * not tell a caller whether the money was taken before.
 *
 * It is told as far as the account's events tell it in a moment. A refusal never waits longer, and is never another one for it.
 */

import type { Logger } from 'pino'
import { unwrap } from '../fp.js'
import type { AccountId } from '../ledger/account-id.js'
import type { AskedCommand } from '../ledger/command.js'
import { expiredAt, type HoldEnd } from '../ledger/hold-end.js'
import { within } from '../parallel.js'
import { readHoldEnd } from '../stream/hold-end.js'
import { lastSavepoint } from '../tables/savepoints.js'
import type { CommandDeps } from './deps.js'
import type { GroupResult } from './group-commit/group.js'
import { isLoaded, type LoadResult } from './group-commit/load.js'
import type { CommandTaker } from './group-commit/ports.js'
import type { JournalLookup, JournalSource } from './idempotency/journal-lookup.js'
import type { Outcome } from './outcome.js'

/** The longest time that a refusal waits, in milliseconds. */
const WAIT_MS_MAX = 250
/** The most refusals for which something is read at once. */
const OPEN_MAX = 32

/** What became of a hold that an account does not have any more; undefined when that cannot be told in a moment. */
export type FindHoldEnd = (id: AccountId, hold: string) => Promise<HoldEnd | undefined>

export type HoldEndDeps = Pick<CommandDeps, 'nc' | 'jsm' | 'tables'> & {
  readonly log: Logger
  readonly journal: Pick<JournalLookup, 'find'>
  readonly table: JournalSource['table']
  /** The accounts as of a proved end of the stream. */
  readonly load: (ids: readonly AccountId[]) => Promise<LoadResult>
  readonly now: () => Date | undefined
}

/** Finds the ends of holds. It never rejects. */
export const createFindHoldEnd = (deps: HoldEndDeps): FindHoldEnd => {
  const { log, journal, table, load, now } = deps
  let open = 0

  /** The hold as its account still has it: over, but no event has said so yet. */
  const stillThere = async (id: AccountId, hold: string) => {
    const loaded = (await load([id])).get(id)
    if (loaded === undefined || !isLoaded(loaded)) return undefined
    return loaded.customer.account.rules?.holds.find(each => each.id === hold)
  }

  const find = async (id: AccountId, hold: string): Promise<HoldEnd | undefined> => {
    const there = await stillThere(id, hold)
    if (there !== undefined) {
      const is_over = there.expires_ms <= (now()?.getTime() ?? 0)
      return is_over ? expiredAt(there.expires_ms) : undefined
    }
    const stored = await journal.find(hold, id, true)
    const active = unwrap(await table())
    const accountAt = (seq: number) => lastSavepoint(deps.tables, active.table, id, seq)
    return unwrap(await readHoldEnd(deps, { id, hold }, stored, { accountAt })())
  }

  return async (id, hold) => {
    if (open >= OPEN_MAX) return undefined
    open += 1
    const finding = find(id, hold)
      .catch((cause: unknown) => {
        log.debug({ err: cause, hold }, 'how a hold ended cannot be told')
        return undefined
      })
      .finally(() => {
        open -= 1
      })
    return within(WAIT_MS_MAX, finding)
  }
}

/** The hold that a command needed and did not find open; undefined for any other outcome. */
const holdMissedBy = (command: AskedCommand | undefined, outcome: Outcome | GroupResult) => {
  if (outcome.tag !== 'failed' || outcome.code !== 'HOLD_NOT_OPEN') return undefined
  if (command?.type !== 'capture' && command?.type !== 'release') return undefined
  return { failure: outcome, id: command.client_id, hold: command.hold }
}

/** Gives on every command, and adds to the refusals of `taker` what became of the holds. */
export const withHoldEnds = (taker: CommandTaker, find: FindHoldEnd): CommandTaker => {
  const told = async ({ failure, id, hold }: NonNullable<ReturnType<typeof holdMissedBy>>) => {
    const end = await find(id, hold)
    return end === undefined ? failure : { ...failure, details: { ...failure.details, ...end } }
  }

  const tell = (command: AskedCommand | undefined, outcome: Outcome): Outcome | Promise<Outcome> => {
    const missed = holdMissedBy(command, outcome)
    return missed === undefined ? outcome : told(missed)
  }

  const each = (commands: readonly { readonly command: AskedCommand }[], outcomes: Outcome[]) =>
    // nearly every batch has no such refusal, and needs no promise for each of its commands
    outcomes.every(({ tag }) => tag === 'done')
      ? outcomes
      : Promise.all(outcomes.map((outcome, i) => tell(commands[i]?.command, outcome)))

  const all = async (commands: readonly AskedCommand[], result: GroupResult): Promise<GroupResult> => {
    const index = result.tag === 'failed' ? result.details.index : undefined
    const missed = holdMissedBy(typeof index === 'number' ? commands[index] : undefined, result)
    return missed === undefined ? result : told(missed)
  }

  return {
    take: (submitted, done, origin) => {
      const { command } = submitted
      if (command.type !== 'capture' && command.type !== 'release') return taker.take(submitted, done, origin)
      taker.take(submitted, outcome => void Promise.resolve(tell(command, outcome)).then(done), origin)
    },
    submitEach: async (commands, origin) => each(commands, await taker.submitEach(commands, origin)),
    submitAll: async (commands, has_given_ids, origin) =>
      all(commands, await taker.submitAll(commands, has_given_ids, origin)),
    dryRunEach: async commands => each(commands, await taker.dryRunEach(commands)),
    dryRunAll: async commands =>
      all(
        commands.map(({ command }) => command),
        await taker.dryRunAll(commands),
      ),
  }
}
