/**
 * Whether the ledger may be used: the stream is the one that was noted, and its settings are ours.
 *
 * A process looks when it starts and every two seconds, and at once when it has connected again. What it finds is
 * believed at the word of a leader with a majority, or after several looks. While the ledger stands still nothing is
 * written and nothing is answered; it goes on by itself once a person has said which stream is right
 * (docs/adr/0025, docs/recovery.md).
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
/** Until the ledger is open, and while an answer is to be confirmed. */
const LOOK_SOON = { first_ms: 500, max_ms: 500 }
/** Answers that have to agree where none comes from a leader with a majority. */
const LOOKS_MIN = 6
const RECORD_EVERY_MS = 5_000
const CHECK_EVERY_MS = 5_000
/** Somebody may start another program on a node; before 2.15 a server with TLS logs an error each time that it is asked. */
const MEMBERS_EVERY_MS = 600_000
const NONE_SEEN: Members = { seen: [], unseen: [] }

export const RECOVER_ADVICE = '"jetledger recover" says what can be done'

export type Standing = {
  /** Why the ledger must not be used at the moment; undefined while it may. */
  readonly reason: () => string | undefined
  /** Resolves with the bucket once the ledger may be used; with undefined when something else is found, or at the stop. */
  readonly untilChangedOrGood: () => Promise<KV | undefined>
  /** Resolves with what keeps the ledger from being used, or undefined once it may be, or at the stop. */
  readonly untilSettled: () => Promise<string | undefined>
  /** Resolves once it must not be used any more, or at the stop. */
  readonly untilStopped: () => Promise<void>
  /** Notes the newest event once more, and ends the looks. */
  readonly stop: () => Promise<void>
}

export type StandingDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly settings: SettingsOptions
  readonly tables: TaskEither<StreamError, readonly Witness[]>
  /** Tells the servers of the cluster and their versions, within a second or so. */
  readonly askMembers: () => Promise<Members>
  /** Whether this process may change the projections' consumers. */
  readonly has_projections: boolean
  readonly log: Logger
  readonly health: Health
}

type State =
  | { readonly tag: 'unknown'; readonly why: string }
  | { readonly tag: 'good'; readonly kv: KV }
  /** Another stream than the one that was noted. */
  | { readonly tag: 'stopped'; readonly reason: string }
  /** The stream could not be made or is not as it has to be. */
  | { readonly tag: 'refused'; readonly error: StreamError }

/** What the looks of a process remember from one to the next. */
type Memory = {
  state: State
  /** The stream as the last good look saw it. */
  seen: Origin | undefined
  known: { readonly record: LedgerRecord; readonly revision: number } | undefined
  recorded_ms: number
  checked_ms: number
  /** How often the connection was made again. */
  reconnections: number
  /** At which of them the newest batches were looked at and whole; undefined: not since a look failed. */
  batches_checked_at: number | undefined
  members: Members
  /** When the members were asked for last; undefined: never, or before the connection that there is. */
  members_ms: number | undefined
  /** Looks in a row that contradict the notes. */
  doubts: number
  /** What the last of them said. */
  doubted: string | undefined
  /** Who waits for another state. */
  waiting: (() => void)[]
}

type Watch = StandingDeps & { readonly memory: Memory }

const sayState = ({ log, health, memory }: Watch, before: State): void => {
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

const become = (watch: Watch, next: State): void => {
  const { memory } = watch
  const before = memory.state
  memory.state = next
  sayState(watch, before)
  const told = memory.waiting
  memory.waiting = []
  for (const resolve of told) resolve()
}

type Usable = Exclude<Look, { tag: 'stopped' }>

/** Asks who the servers are, where that was not done for a while. Nobody has to wait for the answer but who starts. */
const refreshMembers = async ({ memory, askMembers }: Watch): Promise<void> => {
  const now_ms = performance.now()
  if (memory.members_ms !== undefined && now_ms - memory.members_ms < MEMBERS_EVERY_MS) return
  memory.members_ms = now_ms
  memory.members = await askMembers()
}

/** Makes what is missing, compares the settings, and notes the stream in the bucket where no record is. */
const open = async (watch: Watch, look: Usable): Promise<void> => {
  const { nc, jsm, settings, log, memory } = watch
  const refused = refusalOf(watch, memory.members, look.tag === 'fresh' ? undefined : look.info)
  if (refused !== undefined) return become(watch, { tag: 'refused', error: refused })
  const provisioned = await (look.tag === 'fresh' ? provision : provisionBeside)(nc, settings)()
  if (E.isLeft(provisioned)) {
    const error = provisioned.left
    const isLater = error.tag === 'TryAgain' || error.tag === 'NotFound'
    if (!isLater) return become(watch, { tag: 'refused', error })
    log.warn({ reason: error.message }, 'JetStream is not ready yet')
    return become(watch, { tag: 'unknown', why: `waiting for JetStream: ${error.message}` })
  }
  if (look.tag !== 'good') {
    const adopted = await adoptLedger(
      { jsm, kv: provisioned.right },
      PROJECTION_NAMES,
      memory.known?.record,
    )()
    if (E.isLeft(adopted))
      return become(watch, { tag: 'unknown', why: `waiting for JetStream: ${adopted.left.message}` })
    if (look.tag === 'unrecorded') log.warn('the bucket held no record of this ledger: it is written anew')
  }
  become(watch, { tag: 'good', kv: provisioned.right })
}

/** Renews the record with the newest event, where this process knows one that is newer. */
const noteNewest = async ({ memory }: Watch): Promise<void> => {
  const { state, known, seen } = memory
  if (state.tag !== 'good' || known === undefined || seen === undefined) return
  const { stream } = known.record
  if (stream.created === seen.created && (stream.newest?.seq ?? 0) >= (seen.newest?.seq ?? 0)) return
  memory.recorded_ms = performance.now()
  // another process may have noted one meanwhile: the next look reads it
  await writeRecord(state.kv, { ...known.record, stream: seen }, known.revision)()
}

const remember = async (
  { jsm, memory }: Watch,
  { info, entry }: Extract<Look, { tag: 'good' }>,
): Promise<void> => {
  const { record, revision } = entry
  if (record === undefined) return
  memory.known = { record, revision }
  const isSeen = memory.seen?.created === info.created && memory.seen.newest?.seq === info.state.last_seq
  if (isSeen) return
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
  // what stands beside the ledger is made anew where somebody deleted it
  await provisionBeside(nc, settings)()
}

const onStopped = (watch: Watch, look: Extract<Look, { tag: 'stopped' }>): void => {
  const { memory } = watch
  const { record } = look.entry
  if (record !== undefined && memory.known !== undefined && record.epoch !== memory.known.record.epoch) {
    // a person accepted another stream: what this process saw before says nothing of it
    memory.seen = undefined
    memory.known = undefined
    return
  }
  // a part of a batch that grows is one that is on its way
  const isAnother = look.finding.tag === 'part of a batch' && look.reason !== memory.doubted
  memory.doubts = isAnother ? 1 : memory.doubts + 1
  memory.doubted = look.reason
  const isSettled = memory.state.tag === 'stopped' || look.is_certain || memory.doubts >= LOOKS_MIN
  if (isSettled) become(watch, { tag: 'stopped', reason: look.reason })
}

const lookOnce = async (watch: Watch): Promise<void> => {
  const { nc, jsm, tables, memory } = watch
  const { seen, reconnections } = memory
  const has_batches_checked = memory.batches_checked_at === reconnections
  const asked = refreshMembers(watch)
  const found = await lookAtLedger({ nc, jsm, seen, tables, has_batches_checked })()
  if (memory.state.tag !== 'good') await asked
  if (E.isLeft(found)) {
    // the server of the stream may have died beside the one of this connection
    memory.batches_checked_at = undefined
    const why = `waiting for JetStream: ${found.left.message}`
    if (memory.state.tag === 'unknown') become(watch, { tag: 'unknown', why })
    return
  }
  if (found.right.tag === 'stopped') return onStopped(watch, found.right)
  memory.doubts = 0
  memory.batches_checked_at = reconnections
  if (memory.state.tag !== 'good' || found.right.tag !== 'good') await open(watch, found.right)
  if (found.right.tag === 'good' && memory.state.tag === 'good') await onGood(watch, found.right)
}

const isAtRest = ({ doubts, state }: Memory): boolean =>
  doubts === 0 ? state.tag === 'good' : state.tag === 'stopped'

/** Starts to look, and goes on until it is stopped. */
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
  /** The server that is there after a reconnection may be another one, with another stream. */
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
      become(watch, memory.state)
    },
  }
}
