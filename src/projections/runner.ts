/**
 * Runs the balances projection: consume, put in order, fold and write, acknowledge; for ever, whatever happens.
 *
 * Any number of instances may run. The consumer's pinned client is active and the others stand by; correctness does
 * not hang on it (docs/adr/0003).
 */

import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream'
import { pause } from '../back-off.js'
import { NEWEST_SCHEMA } from '../ledger/event.js'
import {
  ACTIVE_GROUP,
  dropConsumer,
  ensureConsumer,
  UNACKED_MESSAGES_MAX,
  unpin,
} from '../stream/consumer.js'
import { tryStream } from '../stream/errors.js'
import { nextRecorded } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { createBalancesTable, tableExists } from '../tables/provision.js'
import { projectBalances } from './balances.js'
import type { ProjectionDeps } from './deps.js'
import { createSequencer, type Delivery, LeaderBehind } from './in-order.js'
import { createInbox, type Inbox } from './inbox.js'
import { BALANCES } from './names.js'
import { failedWith, run } from './outcome.js'
import { resumeParked } from './resume.js'

const BATCH_EVENTS_MAX = 1_000
const PULL_EVENTS_MAX = 2_000
const PULL_EXPIRES_MS = 5_000
const BACK_OFF = { first_ms: 50, max_ms: 5_000 }
/** A second instance that is always faster is no error, but it must not keep this one spinning. */
const EAGER_TRIES_MAX = 10

export type Projector = {
  /** Ends consuming after the batch in hand; resolves when nothing is under way any more. */
  readonly stop: () => Promise<void>
}

const deliveryOf = (message: JsMsg): Delivery => ({
  seq: message.seq,
  subject: message.subject,
  body: message.data,
  headers: message.headers,
  at: message.time,
  redelivered: message.redelivered,
})

/** The table and the consumer that belong together: a new table is filled from sequence 1. */
const prepare = async (deps: ProjectionDeps): Promise<Consumer> => {
  if (!(await run(tableExists(deps.tables, deps.table)))) {
    // the consumer first: a crash in between must not leave a new table that nobody fills from the start
    await run(dropConsumer(deps.nc, BALANCES))
    await run(createBalancesTable(deps.tables, deps.table))
    deps.log.info({ table: deps.table }, 'created the balances table; it is filled from sequence 1')
  }
  const consumer = await run(ensureConsumer(deps.nc, BALANCES))
  await resumeParked(deps, deps.newest_schema ?? NEWEST_SCHEMA)
  return consumer
}

const sequencerOf = ({ jsm }: ProjectionDeps, consumer: Consumer) =>
  createSequencer({
    firstUnacked: async () => {
      const { ack_floor } = await run(tryStream(`consumer ${BALANCES}`, () => consumer.info()))
      return ack_floor.stream_seq + 1
    },
    next: seq => run(nextRecorded(jsm, LEDGER_STREAM, LEDGER_SUBJECTS, seq)),
  })

const isTransient = (thrown: unknown): boolean =>
  failedWith(thrown, 'TryAgain') || failedWith(thrown, 'ConditionFailed') || thrown instanceof LeaderBehind

const pull = (consumer: Consumer, inbox: Inbox<JsMsg>): Promise<ConsumerMessages> =>
  consumer.consume({
    group: ACTIVE_GROUP,
    max_messages: PULL_EVENTS_MAX,
    expires: PULL_EXPIRES_MS,
    abort_on_missing_resource: true,
    callback: message => inbox.put(message),
  })

/** One life of the consumer: until `signal` aborts, or something happens that wants a new start. */
const consume = async (deps: ProjectionDeps, signal: AbortSignal): Promise<void> => {
  const consumer = await prepare(deps)
  const sequencer = sequencerOf(deps, consumer)
  const inbox = createInbox<JsMsg>(2 * UNACKED_MESSAGES_MAX)
  let pinned = false
  const messages = await pull(consumer, inbox)
  void messages.closed().then(ended => inbox.close(ended instanceof Error ? ended : undefined))
  const onAbort = () => inbox.close()
  signal.addEventListener('abort', onAbort)
  // the stop may have come while the consumer was being made
  if (signal.aborted) inbox.close()
  try {
    deps.health.report(`projection ${BALANCES}`, 'ok')
    for (;;) {
      const delivered = await inbox.take(BATCH_EVENTS_MAX)
      if (delivered.length === 0) return
      pinned = true
      await project(deps, sequencer, delivered.map(deliveryOf), signal)
      acknowledge(delivered, sequencer.position())
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    await messages.close()
    // whoever stands by need not wait until our silence is noticed
    if (pinned) await unpin(deps.jsm, BALANCES)()
  }
}

/** With `ack_policy: all` the last message that is handled speaks for every one before it. */
const acknowledge = (delivered: readonly JsMsg[], position: number): void => {
  const handled = delivered.filter(({ seq }) => seq < position)
  handled
    .sort((a, b) => a.seq - b.seq)
    .at(-1)
    ?.ack()
}

/** Folds what was delivered, as often as it takes; gives up only when `signal` aborts or a new start is wanted. */
const project = async (
  deps: ProjectionDeps,
  sequencer: ReturnType<typeof createSequencer>,
  delivered: readonly Delivery[],
  signal: AbortSignal,
): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const records = await sequencer.arrange(delivered)
      if (records.length > 0) await projectBalances(deps, records)
      deps.health.report(`projection ${BALANCES}`, 'ok')
      return
    } catch (thrown) {
      sequencer.forget()
      if (signal.aborted || !isTransient(thrown)) throw thrown
      const eager = failedWith(thrown, 'ConditionFailed') && attempt <= EAGER_TRIES_MAX
      if (eager) continue
      deps.health.report(`projection ${BALANCES}`, 'down', String((thrown as Error).message))
      await pause(BACK_OFF, attempt, signal)
      if (signal.aborted) throw thrown
    }
  }
}

const superviseUntil = async (deps: ProjectionDeps, signal: AbortSignal): Promise<void> => {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const began_ms = performance.now()
    try {
      await consume(deps, signal)
    } catch (thrown) {
      if (signal.aborted) return
      const message = thrown instanceof Error ? thrown.message : String(thrown)
      deps.health.report(`projection ${BALANCES}`, 'down', message)
      deps.log.error({ err: thrown }, 'the projector starts again')
    }
    if (performance.now() - began_ms > BACK_OFF.max_ms) attempt = 1
    await pause(BACK_OFF, attempt, signal)
  }
}

/** Starts the projector in the background; it ends with `stop` only. */
export const startProjector = (deps: ProjectionDeps): Projector => {
  const ending = new AbortController()
  const ended = superviseUntil(deps, ending.signal)
  deps.log.info({ projection: BALANCES, table: deps.table }, 'projections: folding into the balances table')
  return {
    stop: async () => {
      ending.abort()
      await ended
    },
  }
}
