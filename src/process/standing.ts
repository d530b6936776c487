/**
 * Decides whether the ledger may be used: its stream must be the one that was noted in the bucket, with the right
 * settings.
 *
 * A process looks at the stream when it starts, every two seconds, and at once after a reconnection. It believes a
 * contradiction when a leader with a majority confirms it, or after several looks that agree. While the ledger stands
 * still nothing is written and no request is answered with data. The ledger goes on by itself once a person has decided
 * which stream is right (docs/adr/0025, docs/recovery.md).
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { pause } from '../back-off.js'
import { adoptLedger } from '../belonging/adopt.js'
import { type LedgerRecord, writeRecord } from '../belonging/ledger-record.js'
import { type Look, lookAtLedger, type Witness } from '../belonging/look.js'
import { E, type TaskEither } from '../fp.js'
import type { Health } from '../health.js'
import type { StreamError } from '../stream/errors.js'
import { type Origin, originOf } from '../stream/identity.js'
import { provision, provisionBeside } from '../stream/provision.js'
import type { SettingsOptions } from '../stream/settings.js'
import { PROJECTION_NAMES } from '../tables/definition.js'
import { checkBeside, checkConsumers, checkLedgerSettings } from './by-hand.js'
import type { Members } from './members.js'
import { refusalOf, reportServers, SERVERS } from './server-health.js'

/** The part of health that tells whether the ledger may be used. */
export const LEDGER = 'ledger'

const LOOK_EVERY = { first_ms: 2_000, max_ms: 2_000 }
/** The pause between looks until the ledger is open, and while a contradiction has to be confirmed. */
const LOOK_SOON = { first_ms: 500, max_ms: 500 }
/** The number of looks that have to agree when no leader with a majority confirms the answer. */
const LOOKS_MIN = 6
const RECORD_EVERY_MS = 5_000
const CHECK_EVERY_MS = 5_000
/**
 * A node may be restarted with another version of nats-server, so the members are asked again. This is done seldom,
 * because before 2.15 a server with TLS logs an error each time that it is asked.
 */
const MEMBERS_EVERY_MS = 600_000
const NONE_SEEN: Members = { seen: [], unseen: [] }

export const RECOVER_ADVICE = '"jetledger recover" says what can be done'

export type Standing = {
  /** The reason why the ledger must not be used at the moment; undefined while it may be used. */
  readonly reason: () => string | undefined
  /**
   * Resolves with the bucket once the ledger may be used; with undefined when its state changes otherwise, or at the
   * stop.
   */
  readonly untilChangedOrGood: () => Promise<KV | undefined>
  /** Resolves with the reason why the ledger cannot be used, or with undefined once it may be used, or at the stop. */
  readonly untilSettled: () => Promise<string | undefined>
  /** Resolves once the ledger must not be used any more, or at the stop. */
  readonly untilStopped: () => Promise<void>
  /** Ends the looks, and notes the newest event once more. */
  readonly stop: () => Promise<void>
}

export type StandingDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly settings: SettingsOptions
  readonly tables: TaskEither<StreamError, readonly Witness[]>
  /** Reads the servers of the cluster and their versions, in about a second. */
  readonly askMembers: () => Promise<Members>
  /** Whether this process may change the projections' consumers. */
  readonly has_projections: boolean
  /**
   * Whether this process writes the record of the ledger, and renews it. A process of queries alone does not: its NATS user
   * can write nothing into the bucket.
   */
  readonly renews_record: boolean
  readonly log: Logger
  readonly health: Health
}

type State =
  | { readonly tag: 'unknown'; readonly why: string }
  | { readonly tag: 'good'; readonly kv: KV }
  /** The stream is another one than the one that was noted. */
  | { readonly tag: 'stopped'; readonly reason: string }
  /** The stream could not be made, or its settings or servers are not acceptable. */
  | { readonly tag: 'refused'; readonly error: StreamError }

/** The memory of a process from one look to the next. */
type Memory = {
  state: State
  /** The identity of the stream at the last good look. */
  seen: Origin | undefined
  known: { readonly record: LedgerRecord; readonly revision: number } | undefined
  recorded_ms: number
  checked_ms: number
  /** The number of reconnections so far. */
  reconnections: number
  /** The value of `reconnections` when the newest batches were found whole; undefined: not since a look failed. */
  batches_checked_at: number | undefined
  members: Members
  /** The time of the last question for the members; undefined: none over the present connection. */
  members_ms: number | undefined
  /** The number of looks in a row that contradict the record. */
  doubts: number
  /** The reason that the last of these looks gave. */
  doubted: string | undefined
  /** The callbacks that wait for another state. */
  waiting: (() => void)[]
}

type Watch = StandingDeps & { readonly memory: Memory }

const reportState = ({ log, health, memory }: Watch, before: State): void => {
  const { state } = memory
  switch (state.tag) {
    case 'good':
      health.report(LEDGER, 'ok')
      break
    case 'unknown':
      health.report(LEDGER, 'down', state.why)
      break
    case 'refused':
      health.report(LEDGER, 'down', state.error.message)
      break
    case 'stopped':
      health.report(LEDGER, 'down', `${state.reason}; ${RECOVER_ADVICE}`)
      if (before.tag !== 'stopped')
        log.error({ reason: state.reason }, `the ledger stands still; ${RECOVER_ADVICE}`)
  }
}

const changeState = (watch: Watch, next: State): void => {
  const { memory } = watch
  const before = memory.state
  memory.state = next
  reportState(watch, before)
  const { waiting } = memory
  memory.waiting = []
  for (const resolve of waiting) resolve()
}

/** What a process waits for that may not write the record itself. */
const UNNOTED =
  'waiting for a process with the role commands or projections, which notes that this stream is the ledger'

/** The error for a right that this process needs and its NATS user does not have. */
const forbidden = (error: StreamError): StreamError => ({
  ...error,
  message: `${error.message} ("jetledger permissions" prints what each user needs)`,
})

type Usable = Exclude<Look, { tag: 'stopped' }>

/** Asks for the members when the last answer is old. Only the start of the ledger waits for the answer. */
const refreshMembers = async ({ memory, askMembers }: Watch): Promise<void> => {
  const now_ms = performance.now()
  if (memory.members_ms !== undefined && now_ms - memory.members_ms < MEMBERS_EVERY_MS) return
  memory.members_ms = now_ms
  memory.members = await askMembers()
}

/**
 * Makes missing streams and the bucket, compares the settings, and notes the stream in the bucket if there is no
 * record.
 */
const open = async (watch: Watch, look: Usable): Promise<void> => {
  const { nc, jsm, settings, log, memory } = watch
  const refusal = refusalOf(watch, memory.members, look.tag === 'fresh' ? undefined : look.info)
  if (refusal !== undefined) return changeState(watch, { tag: 'refused', error: refusal })
  const provisioned = await (look.tag === 'fresh' ? provision : provisionBeside)(nc, settings)()
  if (E.isLeft(provisioned)) {
    const error = provisioned.left
    const is_later = error.tag === 'TryAgain' || error.tag === 'NotFound'
    if (!is_later) return changeState(watch, { tag: 'refused', error })
    log.warn({ reason: error.message }, 'JetStream is not ready yet')
    return changeState(watch, { tag: 'unknown', why: `waiting for JetStream: ${error.message}` })
  }
  if (look.tag !== 'good' && !watch.renews_record) return changeState(watch, { tag: 'unknown', why: UNNOTED })
  if (look.tag !== 'good') {
    const adopted = await adoptLedger(
      { jsm, kv: provisioned.right },
      PROJECTION_NAMES,
      memory.known?.record,
    )()
    if (E.isLeft(adopted))
      return changeState(watch, { tag: 'unknown', why: `waiting for JetStream: ${adopted.left.message}` })
    if (look.tag === 'unrecorded') log.warn('the bucket held no record of this ledger: it is written anew')
  }
  changeState(watch, { tag: 'good', kv: provisioned.right })
}

/** Writes the newest event into the record, if this process knows a newer one than the record. */
const noteNewest = async ({ memory, renews_record }: Watch): Promise<void> => {
  const { state, known, seen } = memory
  if (!renews_record || state.tag !== 'good' || known === undefined || seen === undefined) return
  const { stream } = known.record
  const is_noted = stream.created === seen.created && stream.raft_group === seen.raft_group
  if (is_noted && (stream.newest?.seq ?? 0) >= (seen.newest?.seq ?? 0)) return
  memory.recorded_ms = performance.now()
  // a failure is ignored: another process may have renewed the record meanwhile, and the next look reads it
  await writeRecord(state.kv, { ...known.record, stream: seen }, known.revision)()
}

const remember = async (
  { jsm, memory }: Watch,
  { info, entry }: Extract<Look, { tag: 'good' }>,
): Promise<void> => {
  const { record, revision } = entry
  if (record === undefined) return
  memory.known = { record, revision }
  const is_seen = memory.seen?.created === info.created && memory.seen.newest?.seq === info.state.last_seq
  if (is_seen) return
  const origin = await originOf(jsm, info)()
  if (E.isRight(origin)) memory.seen = { ...origin.right, first: record.stream.first ?? origin.right.first }
}

const onGood = async (watch: Watch, look: Extract<Look, { tag: 'good' }>): Promise<void> => {
  const { nc, settings, memory } = watch
  await remember(watch, look)
  checkLedgerSettings(watch, look.info)
  reportServers(watch, memory.members, look.info)
  const now_ms = performance.now()
  if (now_ms - memory.recorded_ms > RECORD_EVERY_MS) await noteNewest(watch)
  if (now_ms - memory.checked_ms < CHECK_EVERY_MS) return
  memory.checked_ms = now_ms
  await checkBeside(watch, memory.known?.record)
  if (watch.has_projections) await checkConsumers(watch)
  // makes the stream of dead letters and the bucket anew if they were deleted
  await provisionBeside(nc, settings)()
}

const onStopped = (watch: Watch, look: Extract<Look, { tag: 'stopped' }>): void => {
  const { memory } = watch
  const { record } = look.entry
  if (record !== undefined && memory.known !== undefined && record.epoch !== memory.known.record.epoch) {
    // a person accepted another stream, so what this process saw of the old one does not count any more
    memory.seen = undefined
    memory.known = undefined
    return
  }
  // an incomplete batch that grows between two looks is still being stored
  const is_growing = look.finding.tag === 'part of a batch' && look.reason !== memory.doubted
  memory.doubts = is_growing ? 1 : memory.doubts + 1
  memory.doubted = look.reason
  const is_settled = memory.state.tag === 'stopped' || look.is_certain || memory.doubts >= LOOKS_MIN
  if (is_settled) changeState(watch, { tag: 'stopped', reason: look.reason })
}

const lookOnce = async (watch: Watch): Promise<void> => {
  const { nc, jsm, tables, memory } = watch
  const { seen, reconnections } = memory
  const has_batches_checked = memory.batches_checked_at === reconnections
  const refreshing = refreshMembers(watch)
  const look = await lookAtLedger({ nc, jsm, seen, tables, has_batches_checked })()
  if (memory.state.tag !== 'good') await refreshing
  if (E.isLeft(look)) {
    // the server of the stream may have died while the one of this connection lives
    memory.batches_checked_at = undefined
    const why = `waiting for JetStream: ${look.left.message}`
    if (memory.state.tag !== 'unknown') return
    // the lists of rights say what is missing; a process that waited for it would wait for a person
    if (look.left.tag === 'Forbidden') changeState(watch, { tag: 'refused', error: forbidden(look.left) })
    else changeState(watch, { tag: 'unknown', why })
    return
  }
  if (look.right.tag === 'stopped') return onStopped(watch, look.right)
  memory.doubts = 0
  memory.batches_checked_at = reconnections
  if (memory.state.tag !== 'good' || look.right.tag !== 'good') await open(watch, look.right)
  if (look.right.tag === 'good' && memory.state.tag === 'good') await onGood(watch, look.right)
}

const isAtRest = ({ doubts, state }: Memory): boolean =>
  doubts === 0 ? state.tag === 'good' : state.tag === 'stopped'

/** Starts to look at the ledger, and goes on until `stop` is called. */
export const startStanding = (deps: StandingDeps): Standing => {
  const ending = new AbortController()
  let nudge = new AbortController()
  const memory: Memory = {
    state: { tag: 'unknown', why: 'waiting for JetStream' },
    seen: undefined,
    known: undefined,
    recorded_ms: 0,
    checked_ms: 0,
    reconnections: 0,
    batches_checked_at: undefined,
    members: NONE_SEEN,
    members_ms: undefined,
    doubts: 0,
    doubted: undefined,
    waiting: [],
  }
  const watch: Watch = { ...deps, memory }
  const change = (): Promise<void> => new Promise(resolve => memory.waiting.push(resolve))

  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      nudge = new AbortController()
      await lookOnce(watch)
      const signal = AbortSignal.any([ending.signal, nudge.signal])
      await pause(isAtRest(memory) ? LOOK_EVERY : LOOK_SOON, 1, signal)
    }
  }
  /** Looks at once after a reconnection: it may have led to another server, with another stream. */
  const watchConnection = async (): Promise<void> => {
    for await (const { type } of deps.nc.status()) {
      if (type !== 'reconnect') continue
      memory.members_ms = undefined
      memory.reconnections += 1
      nudge.abort()
    }
  }
  deps.health.report(SERVERS, 'ok')
  const running = run()
  void watchConnection()

  const untilSettled = async (): Promise<string | undefined> => {
    while (memory.state.tag === 'unknown' && !ending.signal.aborted) await change()
    const { state } = memory
    if (state.tag === 'stopped') return `${state.reason}; ${RECOVER_ADVICE}`
    return state.tag === 'refused' ? state.error.message : undefined
  }

  return {
    reason: () => (memory.state.tag === 'stopped' ? `${memory.state.reason}; ${RECOVER_ADVICE}` : undefined),
    untilSettled,
    untilChangedOrGood: async () => {
      const before = memory.state.tag
      while (memory.state.tag === before && before !== 'good' && !ending.signal.aborted) await change()
      return memory.state.tag === 'good' ? memory.state.kv : undefined
    },
    untilStopped: async () => {
      while (memory.state.tag === 'good' && !ending.signal.aborted) await change()
    },
    stop: async () => {
      ending.abort()
      await running
      await noteNewest(watch)
      changeState(watch, memory.state)
    },
  }
}
