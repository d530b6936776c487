/**
 * The steps of one round, in which a number of groups become one batch of the stream:
 *
 *  1. `prepare` takes the accounts of all customers from memory, or loads them, and decides the groups in their order;
 *  2. `publish` sends the events of the accepted groups as one batch, until the outcome is known;
 *  3. `conclude` says what follows from that outcome for each group.
 *
 * A step returns what is to happen next as data (`RoundEnd`). It answers no group and starts no other round: the coordinator
 * does.
 */

import type { Logger } from 'pino'
import type { AccountId } from '../../ledger/account-id.js'
import { TimeUnknown } from '../../ledger/decide.js'
import type { StreamError } from '../../stream/errors.js'
import type { Folded } from '../../stream/fold-subject.js'
import type { Accounts } from './accounts.js'
import {
  customersOf,
  customersOfGroup,
  failAll,
  failureOf,
  type Group,
  type GroupAnswer,
  hasSharedIds,
  retry,
} from './group.js'
import { isLoaded, type LoadProblem, needsTime } from './load.js'
import {
  failuresOf,
  groundsOf,
  loadedAfter,
  type Plan,
  type Planned,
  planBatch,
  resultOfPlanned,
} from './plan.js'
import type { Settled } from './settle.js'

type Seen = ReadonlyMap<AccountId, Folded>
type RefusedPlan = Extract<Planned, { tag: 'refused' }>

/** A decided batch, and the accounts that it was decided on. */
export type DecidedBatch = { readonly plan: Plan; readonly seen: Seen }

/** Groups that would hold up others, and the reason: the coordinator goes on with them beside the rounds. */
export type Aside =
  /** The stream refused the batch because another writer has changed a customer since the accounts were `seen`. */
  | { readonly why: 'contended'; readonly groups: readonly Group[]; readonly seen: Seen }
  /**
   * The stream knows an id of one of the groups, or of all of them: what it has under their ids is their answer. None of
   * the `others` is stored.
   */
  | { readonly why: 'duplicate'; readonly groups: readonly Group[]; readonly others: readonly Group[] }
  /** The stream refused the batch because one message of it is too large; it does not say which. */
  | { readonly why: 'too large'; readonly groups: readonly Group[] }
  /** Refusals that no event of the batch confirms: the leader has to say that the accounts are as they were seen. */
  | {
      readonly why: 'unconfirmed'
      readonly groups: readonly Group[]
      readonly refused: readonly RefusedPlan[]
      readonly batch: DecidedBatch
    }
  /** The table does not answer soon, and the customers have too many events to be folded within a round. */
  | { readonly why: 'slow accounts'; readonly groups: readonly Group[] }

/** The id that the stream knows is that of a group whose ids others may have used, where there is such a group. */
const suspected = (groups: readonly Group[]): Aside => {
  const shared = groups.filter(hasSharedIds)
  if (shared.length === 0) return { why: 'duplicate', groups, others: [] }
  return { why: 'duplicate', groups: shared, others: groups.filter(group => !hasSharedIds(group)) }
}

/** A batch is stored, and its answers have to come from the stream. A refusal that has no event is not in it. */
const storedOffTime = ({ plan: { planned } }: DecidedBatch): Aside => {
  const of = (is_stored: boolean): Group[] =>
    planned.filter(({ tag }) => (tag !== 'refused') === is_stored).map(({ group }) => group)
  return { why: 'duplicate', groups: of(true), others: of(false) }
}

export type RoundEnd = {
  readonly answers: readonly GroupAnswer[]
  /** Groups that are to be decided again, before any other group. */
  readonly again: readonly Group[]
  readonly asides: readonly Aside[]
}

/** The end of `prepare`; without a batch nothing of these groups is to be stored in this round. */
export type PreparedRound = RoundEnd & { readonly batch?: DecidedBatch }

type Taken = ReadonlyMap<AccountId, Folded | LoadProblem>

const isOpen = ({ state }: Group): boolean => state !== 'answered'

const isReady = (result: Folded | LoadProblem | undefined): result is Folded =>
  result !== undefined && isLoaded(result) && result.customer.parked === undefined

const areReady = (taken: Taken): taken is Seen => {
  for (const result of taken.values()) if (!isReady(result)) return false
  return true
}

/** The reason why a customer cannot be decided on at the moment; for the log. */
const reasonOf = (id: AccountId, result: Folded | LoadProblem | undefined): Error =>
  result === undefined || isLoaded(result)
    ? new Error(`${id} is parked`)
    : new Error(`${id}: ${result.problem}`, { cause: result.cause })

/** The groups by what their customers' accounts allow: to be decided, to wait for the table, or to be answered now. */
const sortByAccounts = (groups: readonly Group[], taken: Taken) => {
  const sorted = { ready: [] as Group[], slow: [] as Group[], answers: [] as GroupAnswer[] }
  for (const group of groups) {
    const missing = customersOfGroup(group).find(id => !isReady(taken.get(id)))
    if (missing === undefined) sorted.ready.push(group)
    else if (needsTime(taken.get(missing))) sorted.slow.push(group)
    else sorted.answers.push([group, failureOf(group, 'UNAVAILABLE', reasonOf(missing, taken.get(missing)))])
  }
  return sorted
}

const onlyReady = (taken: Taken): Seen => {
  const seen = new Map<AccountId, Folded>()
  for (const [id, result] of taken) if (isReady(result)) seen.set(id, result)
  return seen
}

export type RoundsOptions = {
  readonly accounts: Accounts
  readonly log: Logger
  /** The longest time that a group may wait before a round takes it, in milliseconds. */
  readonly timeout_ms: number
  /** The time by the stream's clock; undefined while it is not known well enough. */
  readonly now: () => Date | undefined
}

export class Rounds {
  readonly #accounts: Accounts
  readonly #log: Logger
  readonly #timeout_ms: number
  readonly #now: () => Date | undefined

  constructor({ accounts, log, timeout_ms, now }: RoundsOptions) {
    this.#now = now
    this.#accounts = accounts
    this.#log = log
    this.#timeout_ms = timeout_ms
  }

  /** Decides `groups`. Rejects when accounts cannot be read at all. */
  async prepare(groups: readonly Group[]): Promise<PreparedRound> {
    const opened_ms_min = performance.now() - this.#timeout_ms
    const overdue = groups.filter(({ opened_ms }) => opened_ms < opened_ms_min)
    const waiting = groups.filter(group => isOpen(group) && group.opened_ms >= opened_ms_min)
    const taken = await this.#accounts.take(customersOf(waiting))
    const all_ready = areReady(taken)
    const { ready, slow, answers } = all_ready
      ? { ready: waiting, slow: [], answers: [] }
      : sortByAccounts(waiting, taken)
    const decided = await this.#decide(ready.filter(isOpen), all_ready ? taken : onlyReady(taken))
    const late = failAll(overdue, 'UNAVAILABLE', `it waited for more than ${this.#timeout_ms} ms for a round`)
    const asides: Aside[] = slow.length === 0 ? [] : [{ why: 'slow accounts', groups: slow }]
    return { ...decided, answers: [...late, ...answers, ...decided.answers], asides }
  }

  async #decide(groups: readonly Group[], seen: Seen): Promise<PreparedRound> {
    const plan = planBatch(groups, seen, this.#now())
    const answers = plan.broken.map(({ group, cause }): GroupAnswer => {
      if (cause instanceof TimeUnknown) return [group, failureOf(group, 'UNAVAILABLE', cause)]
      this.#log.error({ err: cause }, 'a command could not be decided: a fault of this program')
      return [group, failureOf(group, 'INTERNAL_ERROR', cause)]
    })
    const outdated = await this.#findOutdated(plan, seen)
    if (outdated.size > 0) {
      const retried = retry([...outdated])
      const again = groups.filter(group => !outdated.has(group) || retried.again.includes(group))
      return { answers: [...answers, ...retried.answers], again, asides: [] }
    }
    // a group whose caller was told meanwhile that nothing is stored must not be stored
    if (!plan.planned.every(({ group }) => isOpen(group))) return { answers, again: groups, asides: [] }
    return { answers, again: plan.left_over, asides: [], batch: { plan, seen } }
  }

  /** Groups whose refusal the batch would record for ever, though the refused customer is not as it was seen. */
  async #findOutdated({ events, planned }: Plan, seen: Seen): Promise<Set<Group>> {
    const declined = planned.filter(each => each.tag === 'declined')
    if (declined.length === 0) return new Set()
    // the stream checks every customer of the batch itself
    const checked = new Set(events.map(({ id }) => id))
    const unchecked = declined.filter(({ refusal }) => !checked.has(refusal.client_id))
    const ids = unchecked.map(({ refusal }) => refusal.client_id)
    const changed = await this.#accounts.reload(ids, seen)
    return new Set(
      unchecked.filter(({ refusal }) => changed.has(refusal.client_id)).map(({ group }) => group),
    )
  }

  /** What follows when the outcome of `batch` is known, or stays unknown. */
  conclude(batch: DecidedBatch, settled: Settled): RoundEnd {
    const groups = batch.plan.planned.map(({ group }) => group)
    switch (settled.tag) {
      case 'stored':
        return this.#concludeStored(batch, settled.last_seq)
      case 'off time':
        this.#accounts.forget(batch.plan.events.map(({ id }) => id))
        return { answers: [], again: [], asides: [storedOffTime(batch)] }
      case 'unknown':
        this.#accounts.forget(batch.plan.events.map(({ id }) => id))
        return {
          answers: failAll(groups, 'OUTCOME_UNKNOWN', settled.error.cause),
          again: [],
          asides: [],
        }
      case 'refused':
        return this.#concludeRefused(batch, groups, settled.error)
    }
  }

  #concludeStored(batch: DecidedBatch, last_seq: number): RoundEnd {
    const { plan } = batch
    this.#accounts.remember(loadedAfter(plan, last_seq))
    const answers: GroupAnswer[] = []
    const unconfirmed: RefusedPlan[] = []
    // most batches have no refusal, and then nothing has to be looked up
    let confirmed: ReadonlySet<AccountId> | undefined
    for (const planned of plan.planned) {
      if (planned.tag === 'refused') {
        confirmed ??= new Set(plan.events.map(({ id }) => id))
        if (!groundsOf(planned).every(id => confirmed?.has(id))) {
          unconfirmed.push(planned)
          continue
        }
      }
      answers.push([planned.group, resultOfPlanned(plan, planned, last_seq)])
    }
    if (unconfirmed.length === 0) return { answers, again: [], asides: [] }
    const groups = unconfirmed.map(({ group }) => group)
    return { answers, again: [], asides: [{ why: 'unconfirmed', groups, refused: unconfirmed, batch }] }
  }

  #concludeRefused({ plan, seen }: DecidedBatch, groups: readonly Group[], error: StreamError): RoundEnd {
    const fail = (code: 'STREAM_FULL' | 'INTERNAL_ERROR'): RoundEnd => ({
      answers: failAll(groups, code, error.cause ?? new Error(error.message)),
      again: [],
      asides: [],
    })
    switch (error.tag) {
      case 'Conflict':
        return { answers: [], again: [], asides: [{ why: 'contended', groups, seen }] }
      case 'Duplicate':
        return { answers: [], again: [], asides: [suspected(groups)] }
      case 'TooLarge':
        return { answers: [], again: [], asides: [{ why: 'too large', groups }] }
      case 'Unsendable': {
        const failures = failuresOf(plan, error.faults ?? [])
        return { answers: [...failures], again: groups.filter(group => !failures.has(group)), asides: [] }
      }
      case 'StreamFull':
        return fail('STREAM_FULL')
      default:
        this.#log.error({ err: error.cause, reason: error.message }, 'a batch of commands was refused')
        return fail('INTERNAL_ERROR')
    }
  }

  /** Confirms refusals with the stream's leader. Where a customer has changed the group is decided again. */
  async confirm({ refused, batch }: Extract<Aside, { why: 'unconfirmed' }>): Promise<RoundEnd> {
    const changed = await this.#accounts.reload(refused.flatMap(groundsOf), batch.seen)
    const isOutdated = (planned: RefusedPlan): boolean => groundsOf(planned).some(id => changed.has(id))
    const { again, answers } = retry(refused.filter(isOutdated).map(({ group }) => group))
    const confirmed = refused
      .filter(planned => !isOutdated(planned))
      .map((planned): GroupAnswer => [planned.group, resultOfPlanned(batch.plan, planned, 0)])
    return { answers: [...answers, ...confirmed], again, asides: [] }
  }

  /** Waits for the accounts that take long, for as long as the client of the table does. */
  async loadSlowAccounts(groups: readonly Group[]): Promise<RoundEnd> {
    const taken = await this.#accounts.takeInTime(customersOf(groups))
    const failed = groups.flatMap((group): GroupAnswer[] => {
      const problem = customersOfGroup(group).find(id => {
        const result = taken.get(id)
        return result !== undefined && !isLoaded(result)
      })
      return problem === undefined
        ? []
        : [[group, failureOf(group, 'UNAVAILABLE', reasonOf(problem, taken.get(problem)))]]
    })
    const unavailable = new Set(failed.map(([group]) => group))
    return { answers: failed, again: groups.filter(group => !unavailable.has(group)), asides: [] }
  }
}
