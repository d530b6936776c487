/**
 * One round of the group commit: a number of asks to their results, through one batch.
 *
 *  1. asks that waited too long are given up: nothing of them is stored;
 *  2. the accounts are taken from memory or loaded;
 *  3. the asks are decided in order and published as one batch, until the outcome is known;
 *  4. a refusal that no event of the batch confirms is checked with the stream's leader;
 *  5. whatever could hold up the others goes on beside the main loop: refusals to be checked, ids that are known
 *     already, customers that others keep writing to.
 */

import type { ClientId } from '../ledger/client-id.js'
import type { StreamError } from '../stream/errors.js'
import { createAccounts } from './accounts.js'
import { type Ask, answer, customersOf, customersOfAsk, failAll } from './ask.js'
import { createBeside } from './beside.js'
import { createConflicts } from './conflicts.js'
import type { CommandDeps } from './deps.js'
import { createDuplicates } from './duplicates.js'
import type { FindTransaction } from './find.js'
import { isLoaded, type Loaded, type LoadProblem } from './load.js'
import {
  failuresOf,
  groundsOf,
  loadedAfter,
  messagesOf,
  type Plan,
  type Planned,
  planBatch,
  resultOfPlanned,
} from './plan.js'
import { settle } from './settle.js'
import { failThrown } from './thrown.js'
import { retried } from './tries.js'

export type Round = {
  /** Handles asks of the main loop; the ones it gives back have to be handled again, before others. Never rejects. */
  readonly handle: (asks: readonly Ask[]) => Promise<Ask[]>
}

type Accounts = ReadonlyMap<ClientId, Loaded>
type RefusedPlan = Extract<Planned, { tag: 'refused' }>

/** Why nothing can be decided on a customer at the moment; for the log. */
const whyNot = (id: ClientId, result: Loaded | LoadProblem | undefined): Error =>
  isProblem(result)
    ? new Error(`${id}: ${result.problem}`, { cause: result.cause })
    : new Error(`${id} is parked`)

const isProblem = (result: Loaded | LoadProblem | undefined): result is LoadProblem =>
  result !== undefined && !isLoaded(result)

const isReady = (result: Loaded | LoadProblem): result is Loaded =>
  isLoaded(result) && result.customer.parked === undefined

const areReady = (results: ReadonlyMap<ClientId, Loaded | LoadProblem>): results is Accounts => {
  for (const result of results.values()) if (!isReady(result)) return false
  return true
}

/** Those that are still to be decided; the ones that waited too long are answered. */
const inTime = (asks: readonly Ask[], timeout_ms: number): Ask[] => {
  const opened_ms_min = performance.now() - timeout_ms
  return asks.filter(ask => {
    if (ask.opened_ms < opened_ms_min) failAll([ask], 'UNAVAILABLE')
    return !ask.answered
  })
}

export const createRound = (
  deps: CommandDeps,
  find: FindTransaction,
  timeout_ms: number,
  signal: AbortSignal,
): Round => {
  const accounts = createAccounts(deps)
  const beside = createBeside(deps.log, asks => handle(asks))

  /** Goes on, beside the main loop, with asks on long subjects while the table does not answer soon. */
  const takeTime = async (asks: readonly Ask[]): Promise<void> => {
    if (asks.length === 0) return
    if (beside.isFull()) return failAll(asks, 'UNAVAILABLE', new Error('too many wait for DynamoDB'))
    await beside.run(asks, async () => {
      const taken = await accounts.takeInTime(customersOf(asks))
      return asks.filter(ask => {
        const missing = customersOfAsk(ask).find(id => isProblem(taken.get(id)))
        if (missing !== undefined) failAll([ask], 'UNAVAILABLE', whyNot(missing, taken.get(missing)))
        return !ask.answered
      })
    })
  }

  /** Answers an ask whose accounts cannot be had or are parked; whether it needs time instead. */
  const needsTime = (
    ask: Ask,
    loaded: Accounts,
    taken: ReadonlyMap<ClientId, Loaded | LoadProblem>,
  ): boolean => {
    const missing = customersOfAsk(ask).find(id => !loaded.has(id))
    if (missing === undefined) return false
    const result = taken.get(missing)
    if (isProblem(result) && result.needs_time) return true
    failAll([ask], 'UNAVAILABLE', whyNot(missing, result))
    return false
  }

  /** The accounts of every ask that is given back. */
  const withAccounts = async (asks: readonly Ask[]): Promise<{ ready: readonly Ask[]; loaded: Accounts }> => {
    const taken = await accounts.take(customersOf(asks))
    if (areReady(taken)) return { ready: asks, loaded: taken }
    const loaded = new Map<ClientId, Loaded>()
    for (const [id, result] of taken) if (isReady(result)) loaded.set(id, result)
    const waiting = new Set(asks.filter(ask => needsTime(ask, loaded, taken)))
    await takeTime([...waiting])
    return { ready: asks.filter(ask => !waiting.has(ask)), loaded }
  }

  /** Refusals that the batch does not confirm: right if the leader has nothing newer, else to be decided again. */
  const confirm = async (refused: readonly RefusedPlan[], loaded: Accounts, plan: Plan): Promise<Ask[]> => {
    const changed = await accounts.reload(refused.flatMap(groundsOf), loaded)
    const outdated: Ask[] = []
    for (const planned of refused) {
      if (groundsOf(planned).some(id => changed.has(id))) outdated.push(planned.ask)
      else answer(planned.ask, resultOfPlanned(plan, planned, 0))
    }
    return retried(outdated)
  }

  /** Refusals that the batch would freeze, for a customer whom it does not check and who is not as it was. */
  const outdated = async ({ events, planned }: Plan, loaded: Accounts): Promise<Set<Ask>> => {
    const frozen = planned.filter(each => each.tag === 'declined')
    if (frozen.length === 0) return new Set()
    const checked = new Set(events.map(({ id }) => id))
    const open = frozen.filter(({ refusal }) => !checked.has(refusal.client_id))
    const changed = await accounts.reload(
      open.map(({ refusal }) => refusal.client_id),
      loaded,
    )
    return new Set(open.filter(({ refusal }) => changed.has(refusal.client_id)).map(({ ask }) => ask))
  }

  const stored = async (plan: Plan, loaded: Accounts, last_seq: number): Promise<void> => {
    accounts.remember(loadedAfter(plan, last_seq))
    const refused: RefusedPlan[] = []
    for (const planned of plan.planned) {
      if (planned.tag === 'refused') refused.push(planned)
      else answer(planned.ask, resultOfPlanned(plan, planned, last_seq))
    }
    if (refused.length === 0) return
    const confirmed = new Set(plan.events.map(({ id }) => id))
    const open = refused.filter(planned => !groundsOf(planned).every(id => confirmed.has(id)))
    for (const planned of refused) {
      if (!open.includes(planned)) answer(planned.ask, resultOfPlanned(plan, planned, last_seq))
    }
    if (open.length > 0)
      await beside.run(
        open.map(({ ask }) => ask),
        () => confirm(open, loaded, plan),
      )
  }

  const afterRefusal = async (error: StreamError, asks: readonly Ask[], loaded: Accounts): Promise<Ask[]> => {
    switch (error.tag) {
      case 'Conflict':
        return conflicts.resolve(asks, loaded)
      case 'Duplicate':
        return duplicates.resolve(asks)
      case 'StreamFull':
        failAll(asks, 'STREAM_FULL', error.cause ?? new Error(error.message))
        return []
      case 'TooLarge':
        return apart(asks)
      default:
        deps.log.error({ err: error.cause, reason: error.message }, 'a batch of commands was refused')
        failAll(asks, 'INTERNAL_ERROR', error.cause)
        return []
    }
  }

  /** One of `asks` is too large, and the server does not say which: halving keeps it apart, beside the main loop. */
  const apart = async (asks: readonly Ask[]): Promise<Ask[]> => {
    const [first] = asks
    if (first !== undefined && asks.length === 1) {
      failAll([first], 'PAYLOAD_TOO_LARGE')
      return []
    }
    await beside.run(asks, async () => {
      const half = Math.ceil(asks.length / 2)
      return [...(await handle(asks.slice(0, half))), ...(await handle(asks.slice(half)))]
    })
    return []
  }

  /** Answers the asks whose events cannot be sent, and gives back the others: nothing was sent yet. */
  const withoutUnsendable = (plan: Plan, { faults = [] }: StreamError): Ask[] => {
    const failures = failuresOf(plan, faults)
    for (const [ask, failure] of failures) answer(ask, failure)
    return plan.planned.flatMap(({ ask }) => (failures.has(ask) ? [] : [ask]))
  }

  const publish = async (plan: Plan, loaded: Accounts): Promise<Ask[]> => {
    const asks = plan.planned.map(({ ask }) => ask)
    for (const ask of asks) ask.may_be_stored = true
    const settled = await settle(
      deps,
      { length: plan.events.length, messages: () => messagesOf(plan, loaded) },
      timeout_ms,
      signal,
    )
    if (settled.tag === 'stored') {
      await stored(plan, loaded, settled.last_seq)
      return []
    }
    if (settled.tag === 'unknown') {
      accounts.forget(plan.events.map(({ id }) => id))
      failAll(asks, 'OUTCOME_UNKNOWN', settled.error.cause)
      return []
    }
    for (const ask of asks) ask.may_be_stored = false
    return settled.error.tag === 'Unsendable'
      ? handle(withoutUnsendable(plan, settled.error))
      : afterRefusal(settled.error, asks, loaded)
  }

  const decideAndStore = async (asks: readonly Ask[]): Promise<Ask[]> => {
    const { ready, loaded } = await withAccounts(inTime(asks, timeout_ms))
    const open = ready.filter(({ answered }) => !answered)
    const plan = planBatch(open, loaded)
    for (const { ask, cause } of plan.broken) {
      deps.log.error({ err: cause }, 'a command could not be decided: a fault of this program')
      failAll([ask], 'INTERNAL_ERROR', cause)
    }
    const doubtful = await outdated(plan, loaded)
    if (doubtful.size > 0) {
      const still = new Set(retried([...doubtful]))
      return handle(open.filter(ask => !doubtful.has(ask) || still.has(ask)))
    }
    // whoever was told meanwhile that nothing is stored must be right
    if (plan.planned.some(({ ask }) => ask.answered)) return handle(open)
    if (plan.events.length > 0) return [...(await publish(plan, loaded)), ...plan.left_over]
    await stored(plan, loaded, 0)
    return [...plan.left_over]
  }

  const handle = async (asks: readonly Ask[]): Promise<Ask[]> => {
    if (asks.length === 0) return []
    try {
      return await decideAndStore(asks)
    } catch (cause) {
      // before a batch was sent or after it was refused: nothing of what is open is stored
      failThrown(deps.log, asks, cause)
      return []
    }
  }

  const conflicts = createConflicts({ accounts, beside, handle, signal })
  const duplicates = createDuplicates({ deps, find, beside, handle, signal })

  return { handle: asks => handle(conflicts.withoutContended(asks)) }
}
