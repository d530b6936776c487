/**
 * The life of a command, from its arrival to its answer. This is the only place that changes the state of a group and the
 * only place that answers one; all that it calls returns what is to happen next.
 *
 *                          ┌── again ──────────────────────────────┐
 *                          ▼                                       │
 *     arrive ─ look-up ─ queue ─ round ─ sent ─ answered           │
 *                          ▲       │       │                       │
 *                          │       └───────┴──► aside, lane ───────┘
 *                     (no ids given)
 *
 *  1. A group whose caller brought transaction ids is looked up first: what is stored under them is its answer.
 *  2. It waits in the queue until a round takes it, together with all others that came meanwhile (the group commit).
 *  3. The round decides it on the accounts as they are known here, and sends one batch for all its groups (round.ts).
 *     The stream checks the sequence of every customer, so any number of instances may decide at once (docs/adr/0009).
 *  4. It is answered when the outcome of the batch is known.
 *  5. What would hold up other groups is done aside: refusals that the leader has to confirm, ids that the stream knows
 *     already, a message that is too large, customers that other writers keep changing. Then a round decides the group again.
 *
 * Every wait has a bound (`answerBound_ms`): a group that is open for longer is answered with what is certain about it.
 */

import { pause } from '../../back-off.js'
import type { AccountId } from '../../ledger/account-id.js'
import type { Command } from '../../ledger/command.js'
import { metrics } from '../../metrics.js'
import { isOwnFault } from '../../own-fault.js'
import { failed, type Outcome } from '../outcome.js'
import { type Lane, Lanes, sortByLosses } from './contention.js'
import {
  answerBound_ms,
  countCommands,
  createOpenGroups,
  customersOf,
  failAll,
  failureOf,
  type Group,
  type GroupAnswer,
  type GroupOrigin,
  type GroupResult,
  type GroupState,
  halvesOf,
  newGroup,
  type OpenGroups,
  outcomeOfOne,
  retry,
  TRY_PAUSE,
} from './group.js'
import type { CommandDecider, CoordinatorOptions, CoordinatorPorts, Decidable, Earlier } from './ports.js'
import { Queue, type QueueRound } from './queue.js'
import type { Aside, DecidedBatch, RoundEnd } from './round.js'
import type { Settled } from './settle.js'

/** Works aside at once; nats-server allows 50 batches in flight for a stream, and other instances have theirs. */
const ASIDES_MAX = 16

const queue_length = metrics.gauge('jetledger_command_queue_length', 'Commands that wait for their answers')
const batch_size = metrics.histogram(
  'jetledger_command_batch_size',
  'Commands that were taken into one round',
  [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
)

export class Coordinator implements CommandDecider {
  readonly #ports: CoordinatorPorts
  readonly #queue_max: number
  readonly #open: OpenGroups
  readonly #queue = new Queue(() => this.#beginRounds())
  readonly #lanes: Lanes
  #is_scheduled = false
  readonly #asides = new Set<Promise<void>>()
  readonly #ending = new AbortController()
  #is_ending = false
  readonly #untrack: () => void

  constructor(ports: CoordinatorPorts, { queue_max, timeout_ms }: CoordinatorOptions) {
    this.#ports = ports
    this.#queue_max = queue_max
    this.#lanes = new Lanes(ports.now_ms)
    const bound_ms = answerBound_ms(timeout_ms)
    this.#open = createOpenGroups(bound_ms, group =>
      this.#answer(group, failureOf(group, 'UNAVAILABLE', `it was open for more than ${bound_ms} ms`)),
    )
    this.#untrack = queue_length.track(this.#open.commands)
  }

  // 1. arrival; `CommandDecider` says what the three ways in do

  take(submitted: Decidable, done: (outcome: Outcome) => void, origin: GroupOrigin = 'caller'): void {
    const { command, has_given_id } = submitted
    const code = this.#refusal(1, origin)
    if (code !== undefined) {
      done(failed(code, { transaction_id: command.transaction_id }))
      return
    }
    const group = newGroup([command], has_given_id, origin, result => done(outcomeOfOne(result)))
    this.#admit(this.#open.add(group))
  }

  /** Decides and stores one command. Never rejects. */
  submit(command: Command, has_given_id: boolean): Promise<Outcome> {
    return new Promise(resolve => this.take({ command, has_given_id }, resolve))
  }

  async submitEach(commands: readonly Decidable[], origin: GroupOrigin = 'caller'): Promise<Outcome[]> {
    const code = this.#refusal(commands.length, origin)
    if (code !== undefined)
      return commands.map(({ command }) => failed(code, { transaction_id: command.transaction_id }))
    const outcomes: Outcome[] = []
    let left = commands.length
    let finish: () => void = () => undefined
    const finished = new Promise<void>(resolve => {
      finish = resolve
      if (left === 0) resolve()
    })
    const groups = commands.map(({ command, has_given_id }, index) =>
      this.#open.add(
        newGroup([command], has_given_id, origin, result => {
          outcomes[index] = outcomeOfOne(result)
          left -= 1
          if (left === 0) finish()
        }),
      ),
    )
    const given = commands.filter(({ has_given_id }) => has_given_id).map(({ command }) => command)
    const begin = given.length === 0 ? undefined : await this.#ports.transactions.lookUp(given)
    for (const group of groups) this.#admit(group, begin)
    await finished
    return outcomes
  }

  submitAll(
    commands: readonly Command[],
    has_given_ids: boolean,
    origin: GroupOrigin = 'caller',
  ): Promise<GroupResult> {
    return new Promise(resolve => {
      const code = this.#refusal(commands.length, origin)
      if (code !== undefined) resolve(failed(code))
      else this.#admit(this.#open.add(newGroup(commands, has_given_ids, origin, resolve)))
    })
  }

  /** Takes no more commands, answers those that are open, and resolves. */
  async stop(): Promise<void> {
    this.#is_ending = true
    await this.#open.none()
    this.#untrack()
    this.#ending.abort()
  }

  /** The reason why no command can be taken at the moment. */
  #refusal(commands: number, origin: GroupOrigin): 'UNAVAILABLE' | 'BUSY' | 'OUTCOME_UNKNOWN' | undefined {
    const is_full = this.#open.commands() + commands > this.#queue_max
    if (origin === 'taken back') {
      // another instance has admitted these commands, and may have stored them
      this.#ports.admit(commands)
      return is_full || this.#is_ending ? 'OUTCOME_UNKNOWN' : undefined
    }
    if (this.#is_ending) return 'UNAVAILABLE'
    return !is_full && this.#ports.admit(commands) ? undefined : 'BUSY'
  }

  #admit(group: Group, begin = this.#ports.transactions.begin): void {
    // it was looked up for longer than it may be open: what begins now would never end, and lock its ids
    if (group.state === 'answered') return
    if (!group.has_given_ids) {
      this.#enqueue(group)
      return
    }
    const admitKnown = (earlier: Exclude<Earlier, { tag: 'later' }>): void => {
      if (earlier.tag === 'answer') this.#answer(group, earlier.result)
      else this.#enqueue(group)
    }
    const earlier = begin(group)
    if (earlier.tag === 'later') void earlier.later.then(admitKnown)
    else admitKnown(earlier)
  }

  // 2. the queue

  #enqueue(group: Group): void {
    if (!this.#move([group], 'queue')) return
    this.#queue.add(group)
    if (this.#is_scheduled) return
    this.#is_scheduled = true
    // commands that came in one network read go into one round
    setImmediate(() => {
      this.#is_scheduled = false
      this.#beginRounds()
    })
  }

  #beginRounds(): void {
    for (let round = this.#queue.beginRound(); round !== undefined; round = this.#queue.beginRound())
      void this.#runFromQueue(round)
  }

  async #runFromQueue({ groups, end }: QueueRound): Promise<void> {
    batch_size.observe(countCommands(groups))
    const again = await this.#runRound(this.#divert(groups))
    this.#move(again, 'queue')
    end(again)
    this.#beginRounds()
  }

  /** Moves the groups of contended customers into their lanes, and gives back the others. */
  #divert(groups: readonly Group[]): readonly Group[] {
    const { others, idle_lanes } = this.#lanes.divert(groups)
    if (others.length < groups.length) this.#move(groups, 'lane')
    for (const lane of idle_lanes) this.#runLane(lane)
    return others
  }

  // 3. a round

  /** Runs one round and acts on its end. Gives back the groups that are to be decided again first. Never rejects. */
  async #runRound(groups: readonly Group[]): Promise<readonly Group[]> {
    if (groups.length === 0) return []
    this.#move(groups, 'round')
    try {
      const { batch, ...prepared } = await this.#ports.rounds.prepare(groups)
      const again = await this.#follow(prepared)
      if (batch === undefined) return again
      const decided = await this.#follow(this.#ports.rounds.conclude(batch, await this.#send(batch)))
      return [...decided, ...again]
    } catch (thrown) {
      this.#failThrown(groups, thrown)
      return []
    }
  }

  async #send(batch: DecidedBatch): Promise<Settled> {
    const groups = batch.plan.planned.map(({ group }) => group)
    if (batch.plan.events.length === 0) return { tag: 'stored', last_seq: 0 }
    this.#move(groups, 'sent')
    const settled = await this.#ports.publish(batch, this.#ending.signal)
    // groups that are stored, or may be, stay where they are: nothing that fails from here on can say that they are not
    if (settled.tag === 'refused' || settled.tag === 'off time') this.#move(groups, 'round')
    return settled
  }

  /** Answers what is decided and begins what is done aside. Gives back the groups that are to be decided again first. */
  async #follow({ answers, again, asides }: RoundEnd): Promise<readonly Group[]> {
    this.#answerAll(answers)
    const rest = [...again]
    for (const aside of asides) rest.push(...(await this.#begin(aside)))
    return rest
  }

  // 4. answers

  #answer(group: Group, result: GroupResult): void {
    // the bound has answered it already: its caller is gone
    if (group.state === 'answered') return
    group.state = 'answered'
    this.#open.remove(group)
    if (group.has_given_ids) this.#ports.transactions.end(group, result)
    try {
      group.done(result)
    } catch (err) {
      // a fault on the way to one caller must not cost the answers of the others
      this.#ports.log.error({ err }, 'an answer to a command could not be handed over')
    }
  }

  #answerAll(answers: readonly GroupAnswer[]): readonly [] {
    for (const [group, result] of answers) this.#answer(group, result)
    return []
  }

  /** Fails `groups` because of an exception: those that were not sent for certain, and the others as far as that can be told. */
  #failThrown(groups: readonly Group[], thrown: unknown): void {
    const is_own_fault = isOwnFault(thrown)
    if (is_own_fault) this.#ports.log.error({ err: thrown }, 'commands met a fault of this program')
    else this.#ports.log.warn({ err: thrown }, 'commands could not be decided')
    const code = is_own_fault ? 'INTERNAL_ERROR' : 'UNAVAILABLE'
    this.#answerAll(failAll(groups, code, thrown))
  }

  /** Moves the groups that are open; false when none is. */
  #move(groups: readonly Group[], state: Exclude<GroupState, 'answered'>): boolean {
    let has_moved = false
    for (const group of groups) {
      if (group.state === 'answered') continue
      group.state = state
      has_moved = true
    }
    return has_moved
  }

  // 5. aside

  /** Begins the work that `aside` asks for. Gives back the groups that need not wait for it. */
  async #begin(aside: Aside): Promise<readonly Group[]> {
    const { groups } = aside
    switch (aside.why) {
      case 'contended':
        return this.#beginContended(groups, await this.#ports.findChanged(customersOf(groups), aside.seen))
      case 'duplicate':
        return this.#beginDuplicate(groups, aside.others)
      case 'too large':
        if (groups.length > 1) return this.#goAside(groups, async () => halvesOf(groups))
        return this.#answerAll(failAll(groups, 'PAYLOAD_TOO_LARGE'))
      case 'unconfirmed':
        return this.#goAside(groups, async () => [
          await this.#follow(await this.#ports.rounds.confirm(aside)),
        ])
      case 'slow accounts':
        if (this.#asides.size >= ASIDES_MAX)
          return this.#answerAll(failAll(groups, 'UNAVAILABLE', new Error('too many wait for DynamoDB')))
        return this.#goAside(groups, async () => [
          await this.#follow(await this.#ports.rounds.loadSlowAccounts(groups)),
        ])
    }
  }

  /**
   * Another writer was faster on the customers of `moved`. A group that lost once is decided again with the others that
   * lost; one that lost again goes into the lane of its customer. The rest of the batch is decided again at once.
   */
  async #beginContended(groups: readonly Group[], moved: ReadonlySet<AccountId>): Promise<readonly Group[]> {
    if (moved.size === 0) return this.#beginUnseen(groups)
    const { calm, lost_once, lost_again, answers } = sortByLosses(groups, moved)
    this.#answerAll(answers)
    this.#move(lost_again, 'lane')
    const { others, idle_lanes } = this.#lanes.enter(lost_again, moved, this.#asides.size < ASIDES_MAX)
    for (const lane of idle_lanes) this.#runLane(lane)
    const together = [...lost_once, ...others]
    if (together.length > 0) await this.#goAside(together, async () => [together])
    return calm
  }

  /** The write that was faster is still in flight, and nothing tells whose it is. Halving keeps its customer apart. */
  async #beginUnseen(groups: readonly Group[]): Promise<readonly Group[]> {
    const { again, answers } = retry(groups)
    this.#answerAll(answers)
    const tries = Math.max(0, ...again.map(group => group.tries))
    if (tries <= 1) return again
    return this.#goAside(again, async () => {
      await pause(TRY_PAUSE, tries - 1, this.#ending.signal)
      return halvesOf(again)
    })
  }

  /** Until the stream has said what it has of `groups`, each of them may be stored. */
  async #beginDuplicate(groups: readonly Group[], others: readonly Group[]): Promise<readonly Group[]> {
    for (const group of groups) group.may_have_known_id = true
    await this.#goAside(groups, async () => {
      const { answers, rounds } = await this.#ports.transactions.findDuplicates(groups)
      this.#answerAll(answers)
      return rounds
    })
    return others
  }

  /**
   * Does `work` beside the rounds of the queue, then runs the rounds that it returns, one after the other. While too many
   * works are under way the caller waits for this one, and the queue with it.
   */
  async #goAside(
    groups: readonly Group[],
    work: () => Promise<readonly (readonly Group[])[]>,
  ): Promise<readonly Group[]> {
    this.#move(groups, 'aside')
    const job = this.#runAside(groups, work)
    if (this.#asides.size >= ASIDES_MAX) await job
    else this.#track(job)
    return []
  }

  async #runAside(
    groups: readonly Group[],
    work: () => Promise<readonly (readonly Group[])[]>,
  ): Promise<void> {
    try {
      for (const round of await work())
        for (let rest = round; rest.length > 0; ) rest = await this.#runRound(rest)
    } catch (thrown) {
      this.#failThrown(groups, thrown)
    }
  }

  #track(job: Promise<void>): void {
    const tracked = job.finally(() => this.#asides.delete(tracked))
    this.#asides.add(tracked)
  }

  /** Runs the rounds of a contended customer, one after the other, until none of its groups waits. */
  #runLane(lane: Lane): void {
    const run = async (): Promise<void> => {
      for (let groups = this.#lanes.take(lane); groups.length > 0; groups = this.#lanes.take(lane)) {
        const again = await this.#runRound(groups)
        this.#move(again, 'lane')
        lane.waiting.unshift(...again)
      }
    }
    this.#track(run())
  }
}
