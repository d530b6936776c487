/**
 * One life of a projection's consumer: pull, put in order, fold and write, acknowledge.
 */

import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream'
import { pause } from '../back-off.js'
import { ACTIVE_GROUP, UNACKED_MESSAGES_MAX, unpin } from '../stream/consumer.js'
import { tryStream } from '../stream/errors.js'
import { nextRecorded } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { projectBalances } from './balances.js'
import type { ProjectionDeps } from './deps.js'
import { createSequencer, type Delivery, LeaderBehind } from './in-order.js'
import { createInbox, type Inbox } from './inbox.js'
import { BALANCES } from './names.js'
import { failedWith, run } from './outcome.js'

const BATCH_EVENTS_MAX = 1_000
const PULL_EVENTS_MAX = 2_000
const PULL_EXPIRES_MS = 5_000
/** Also the longest wait of a projector whose DynamoDB or NATS is away. */
export const BACK_OFF = { first_ms: 50, max_ms: 5_000 }
/** A second instance that is always faster is no error, but it must not keep this one spinning. */
const EAGER_TRIES_MAX = 10

type Sequencer = ReturnType<typeof createSequencer>

const sequencerOf = ({ jsm }: ProjectionDeps, consumer: Consumer): Sequencer =>
  createSequencer({
    firstUnacked: async () => {
      const { ack_floor } = await run(tryStream(`consumer ${BALANCES}`, () => consumer.info()))
      return ack_floor.stream_seq + 1
    },
    next: seq => run(nextRecorded(jsm, LEDGER_STREAM, LEDGER_SUBJECTS, seq)),
  })

const deliveryOf = (message: JsMsg): Delivery => ({
  seq: message.seq,
  subject: message.subject,
  body: message.data,
  headers: message.headers,
  at: message.time,
  redelivered: message.redelivered,
})

const pull = (consumer: Consumer, inbox: Inbox<JsMsg>): Promise<ConsumerMessages> =>
  consumer.consume({
    group: ACTIVE_GROUP,
    max_messages: PULL_EVENTS_MAX,
    expires: PULL_EXPIRES_MS,
    abort_on_missing_resource: true,
    callback: message => inbox.put(message),
  })

/** With `ack_policy: all` the last message that is handled speaks for every one before it. */
const acknowledge = (delivered: readonly JsMsg[], position: number): void => {
  const handled = delivered.filter(({ seq }) => seq < position)
  handled
    .sort((a, b) => a.seq - b.seq)
    .at(-1)
    ?.ack()
}

const isTransient = (thrown: unknown): boolean =>
  failedWith(thrown, 'TryAgain') || failedWith(thrown, 'ConditionFailed') || thrown instanceof LeaderBehind

/** Waits before the next try, and says in health that it waits; throws what is not mended by trying again. */
const beforeNextTry = async (
  { health }: ProjectionDeps,
  thrown: unknown,
  attempt: number,
  signal: AbortSignal,
): Promise<void> => {
  if (signal.aborted || !isTransient(thrown)) throw thrown
  if (failedWith(thrown, 'ConditionFailed') && attempt <= EAGER_TRIES_MAX) return
  health.report(`projection ${BALANCES}`, 'down', thrown instanceof Error ? thrown.message : String(thrown))
  await pause(BACK_OFF, attempt, signal)
  if (signal.aborted) throw thrown
}

/** Folds what was delivered, as often as it takes. */
const project = async (
  deps: ProjectionDeps,
  sequencer: Sequencer,
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
      await beforeNextTry(deps, thrown, attempt, signal)
    }
  }
}

/** Consumes until `signal` aborts; returns or throws earlier when the consumer has to be made anew. */
export const consume = async (
  deps: ProjectionDeps,
  consumer: Consumer,
  signal: AbortSignal,
): Promise<void> => {
  const sequencer = sequencerOf(deps, consumer)
  const inbox = createInbox<JsMsg>(2 * UNACKED_MESSAGES_MAX)
  let pinned = false
  const messages = await pull(consumer, inbox)
  void messages.closed().then(ended => inbox.close(ended instanceof Error ? ended : undefined))
  const onAbort = () => inbox.close()
  signal.addEventListener('abort', onAbort)
  // the stop may have come while the consumer was being made
  if (signal.aborted) inbox.close()
  deps.health.report(`projection ${BALANCES}`, 'ok')
  try {
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
