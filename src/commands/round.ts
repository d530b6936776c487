/**
 * One round of the group commit: a number of commands to their outcomes, through one batch or, after a conflict,
 * through several.
 *
 *  1. commands that waited too long are given up: nothing of them is stored;
 *  2. transactions that the customer's history knows get their original answer;
 *  3. the accounts are taken from memory or loaded;
 *  4. the commands are decided in order and published as one batch, until the outcome is known;
 *  5. a refusal that no event of the batch confirms is checked with the stream's leader.
 */

import { pause } from '../back-off.js'
import type { ClientId } from '../ledger/client-id.js'
import { customersOfCommand } from '../ledger/command.js'
import { inParallel } from '../parallel.js'
import type { StreamError } from '../stream/errors.js'
import { createAccounts } from './accounts.js'
import type { CommandDeps } from './deps.js'
import { createHistoryFinder, findInWindow } from './find.js'
import { answerFor, type Known } from './known.js'
import { isLoaded, type Loaded, type LoadProblem } from './load.js'
import { failed, type Outcome, replayed } from './outcome.js'
import { type Ask, loadedAfter, messagesOf, outcomeOf, type Plan, type Planned, planBatch } from './plan.js'
import { settle } from './settle.js'

export type Waiting = Ask & {
  readonly resolve: (outcome: Outcome) => void
  /** When it is given up, on the clock of `performance.now()`. */
  readonly until_ms: number
  /** Rounds in which others were faster, or in which the history was asked. */
  tries: number
}

export type Round = {
  /** Resolves commands; the ones it gives back have to be handled again, before others. Never rejects. */
  readonly handle: (asks: readonly Waiting[]) => Promise<Waiting[]>
}

const TRIES_MAX = 10
const LOOK_UPS_MAX = 32
const IN_FLIGHT_PAUSE = { first_ms: 5, max_ms: 100 }

const idOf = ({ command }: Ask): string => command.transaction_id
const idsOf = (asks: readonly Ask[]): ClientId[] =>
  asks.flatMap(({ command }) => [...customersOfCommand(command)])
const fail = (
  asks: readonly Waiting[],
  code: 'UNAVAILABLE' | 'OUTCOME_UNKNOWN' | 'STREAM_FULL' | 'CONFLICT' | 'INTERNAL_ERROR',
  cause?: unknown,
): void => {
  for (const ask of asks) ask.resolve(failed(code, { transaction_id: idOf(ask) }, cause))
}

/** Why nothing can be decided on a customer at the moment; for the log. */
const whyNot = (id: ClientId, result: Loaded | LoadProblem | undefined): Error =>
  result !== undefined && !isLoaded(result)
    ? new Error(`${id}: ${result.problem}`, { cause: result.cause })
    : new Error(`${id} is parked`)

export const createRound = (deps: CommandDeps, timeout_ms: number, signal: AbortSignal): Round => {
  const accounts = createAccounts(deps)
  const findInHistory = createHistoryFinder(deps)

  const inTime = (asks: readonly Waiting[]): Waiting[] => {
    const now_ms = performance.now()
    fail(
      asks.filter(({ until_ms }) => until_ms < now_ms),
      'UNAVAILABLE',
    )
    return asks.filter(({ until_ms }) => until_ms >= now_ms)
  }

  const answer = async (ask: Waiting, known: Known): Promise<void> => {
    try {
      ask.resolve(replayed(await answerFor(deps, ask.command, known)))
    } catch (cause) {
      // something is stored under this id, so nobody may say that nothing is
      fail([ask], 'OUTCOME_UNKNOWN', cause)
    }
  }

  /** Answers those whose transaction is known; gives back the others. */
  const answerKnown = async (
    asks: readonly Waiting[],
    find: (ask: Waiting) => Promise<Known | undefined>,
  ): Promise<Waiting[]> => {
    const unknown = await inParallel(LOOK_UPS_MAX, asks, async ask => {
      try {
        const known = await find(ask)
        if (known === undefined) return [ask]
        await answer(ask, known)
      } catch (cause) {
        fail([ask], 'UNAVAILABLE', cause)
      }
      return []
    })
    return unknown.flat()
  }

  const newOnly = async (asks: readonly Waiting[]): Promise<Waiting[]> => {
    const first = asks.filter(({ given, tries }) => given && tries === 0)
    if (first.length === 0) return [...asks]
    const find = (ask: Waiting) => findInHistory(idOf(ask), customersOfCommand(ask.command)[0])
    const unknown = new Set(await answerKnown(first, find))
    return asks.filter(ask => !ask.given || ask.tries > 0 || unknown.has(ask))
  }

  /** Some id of the batch is stored already, and the server does not say which. */
  const afterDuplicate = async (asks: readonly Waiting[]): Promise<Waiting[]> => {
    let found: ReadonlyMap<string, Known>
    try {
      found = await findInWindow(deps, new Set(asks.map(idOf)))
    } catch (cause) {
      fail(asks, 'OUTCOME_UNKNOWN', cause)
      return []
    }
    const rest = retried(await answerKnown(asks, async ask => found.get(idOf(ask))))
    if (rest.length < asks.length || rest.length < 2) return handle(rest)
    // an id of theirs is taken by something that answers for no command: halving keeps it apart from the others
    const half = Math.ceil(rest.length / 2)
    return [...(await handle(rest.slice(0, half))), ...(await handle(rest.slice(half)))]
  }

  /** The accounts of every command; one whose accounts cannot be had, or are parked, is answered here. */
  const withAccounts = async (asks: readonly Waiting[]) => {
    const taken = await accounts.take(idsOf(asks))
    const loaded = new Map<ClientId, Loaded>()
    for (const [id, result] of taken) {
      if (isLoaded(result) && result.customer.parked === undefined) loaded.set(id, result)
    }
    const isReady = ({ command }: Ask): boolean => customersOfCommand(command).every(id => loaded.has(id))
    for (const ask of asks) {
      const missing = customersOfCommand(ask.command).find(id => !loaded.has(id))
      if (missing !== undefined) fail([ask], 'UNAVAILABLE', whyNot(missing, taken.get(missing)))
    }
    return { ready: asks.filter(isReady), loaded }
  }

  /** Refusals that the batch does not confirm: right if the leader has nothing newer, else to be decided again. */
  const confirm = async (
    refused: readonly Extract<Planned<Waiting>, { tag: 'refused' }>[],
    loaded: ReadonlyMap<ClientId, Loaded>,
    outcome: (planned: Planned<Waiting>) => Outcome,
  ): Promise<Waiting[]> => {
    if (refused.length === 0) return []
    const changed = await accounts.reload(
      refused.map(({ refusal }) => refusal.client_id),
      loaded,
    )
    const again: Waiting[] = []
    for (const planned of refused) {
      if (changed.has(planned.refusal.client_id)) again.push(...retried([planned.ask]))
      else planned.ask.resolve(outcome(planned))
    }
    return again
  }

  const retried = (asks: readonly Waiting[]): Waiting[] => {
    for (const ask of asks) ask.tries += 1
    fail(
      asks.filter(({ tries }) => tries > TRIES_MAX),
      'CONFLICT',
    )
    return asks.filter(({ tries }) => tries <= TRIES_MAX)
  }

  /** Refusals that the batch would freeze, for a customer whom it does not check and who is not as it was. */
  const outdated = async (plan: Plan<Waiting>, loaded: ReadonlyMap<ClientId, Loaded>) => {
    const checked = new Set(plan.events.map(({ id }) => id))
    const open = plan.planned.flatMap(planned =>
      planned.tag === 'declined' && !checked.has(planned.refusal.client_id) ? [planned] : [],
    )
    const changed = await accounts.reload(
      open.map(({ refusal }) => refusal.client_id),
      loaded,
    )
    return new Set(open.filter(({ refusal }) => changed.has(refusal.client_id)).map(({ ask }) => ask))
  }

  const stored = async (plan: Plan<Waiting>, loaded: ReadonlyMap<ClientId, Loaded>, last_seq: number) => {
    accounts.remember(loadedAfter(plan, last_seq))
    const confirmed = new Set(plan.events.map(({ id }) => id))
    const open: Extract<Planned<Waiting>, { tag: 'refused' }>[] = []
    for (const planned of plan.planned) {
      if (planned.tag === 'refused' && !confirmed.has(planned.refusal.client_id)) open.push(planned)
      else planned.ask.resolve(outcomeOf(plan, planned, last_seq))
    }
    return confirm(open, loaded, planned => outcomeOf(plan, planned, last_seq))
  }

  /** Others were faster somewhere: the commands on those customers are kept apart from the rest. */
  const afterConflict = async (asks: readonly Waiting[], loaded: ReadonlyMap<ClientId, Loaded>) => {
    const changed = await accounts.reload(idsOf(asks), loaded)
    if (changed.size === 0) {
      // a write that is still in flight: nothing to see yet
      const rest = retried(asks)
      await pause(IN_FLIGHT_PAUSE, rest[0]?.tries ?? 1, signal)
      return handle(rest)
    }
    const groups = new Map<ClientId | undefined, Waiting[]>()
    for (const ask of asks) {
      const contended = customersOfCommand(ask.command).find(id => changed.has(id))
      const group = groups.get(contended)
      if (group === undefined) groups.set(contended, [ask])
      else group.push(ask)
    }
    const again: Waiting[] = []
    // those that nobody disputes first: they must not wait for the tries of the others
    const ordered = [...groups].sort(([a], [b]) => Number(a !== undefined) - Number(b !== undefined))
    for (const [contended, group] of ordered) {
      again.push(...(await handle(contended === undefined ? group : retried(group))))
    }
    return again
  }

  const afterRefusal = async (
    error: StreamError,
    asks: readonly Waiting[],
    loaded: ReadonlyMap<ClientId, Loaded>,
  ) => {
    switch (error.tag) {
      case 'Conflict':
        return afterConflict(asks, loaded)
      case 'Duplicate':
        return afterDuplicate(asks)
      case 'StreamFull':
        fail(asks, 'STREAM_FULL', error.cause ?? new Error(error.message))
        return []
      default:
        deps.log.error({ err: error.cause, reason: error.message }, 'a batch of commands was refused')
        fail(asks, 'INTERNAL_ERROR', error.cause)
        return []
    }
  }

  const decideAndStore = async (asks: readonly Waiting[]): Promise<Waiting[]> => {
    const { ready, loaded } = await withAccounts(await newOnly(inTime(asks)))
    const plan = planBatch(ready, loaded)
    const doubtful = await outdated(plan, loaded)
    if (doubtful.size > 0) {
      const still = new Set(retried([...doubtful]))
      return handle(ready.filter(ask => !doubtful.has(ask) || still.has(ask)))
    }
    if (plan.events.length === 0) return [...(await stored(plan, loaded, 0)), ...plan.left_over]
    const settled = await settle(deps, messagesOf(plan, loaded), timeout_ms, signal)
    if (settled.tag === 'stored')
      return [...(await stored(plan, loaded, settled.last_seq)), ...plan.left_over]
    const planned = plan.planned.map(({ ask }) => ask)
    if (settled.tag === 'refused')
      return [...(await afterRefusal(settled.error, planned, loaded)), ...plan.left_over]
    accounts.forget(plan.events.map(({ id }) => id))
    fail(planned, 'OUTCOME_UNKNOWN', settled.error.cause)
    return [...plan.left_over]
  }

  const handle = async (asks: readonly Waiting[]): Promise<Waiting[]> => {
    if (asks.length === 0) return []
    try {
      return await decideAndStore(asks)
    } catch (cause) {
      // reads failed, before a batch was sent or after it was refused: nothing of what is open is stored
      deps.log.warn({ err: cause }, 'commands could not be decided')
      fail(asks, 'UNAVAILABLE', cause)
      return []
    }
  }

  return { handle }
}
