/**
 * Consumes the stream for a projection: pulls messages, puts them in order, folds and writes them, acknowledges them.
 *
 * One call of `consume` lasts until the projector stops or the consumer has to be made anew (`runner.ts` does that).
 */

import type { Consumer, ConsumerMessages } from '@nats-io/jetstream'
import { pause, rest } from '../back-off.js'
import { run } from '../fp.js'
import { ACTIVE_GROUP, ackedSeqOf, PULL_EXPIRES_MS, UNACKED_MESSAGES_MAX, unpin } from '../stream/consumer.js'
import { tryStream } from '../stream/errors.js'
import { nextProved, readAhead } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { createDeliveryReader, type Delivered } from './delivered.js'
import { endsInTransfer } from './fold-run.js'
import { createHeadCache, type HeadCache } from './head-cache.js'
import { createSequencer, LeaderBehind } from './in-order.js'
import { createInbox, type Inbox } from './inbox.js'
import { failedWith } from './persist.js'
import { type FoldedRun, foldAhead, project } from './project.js'
import { nextRunLength } from './run-length.js'
import { createStatus, type Status } from './status.js'
import { healthPart, type Target } from './target.js'

/**
 * The most events that are folded in one run. Each changed customer is written once per run, so a projector that is
 * behind takes all that it may have, unless its table is slow (`run-length.ts`): long runs of busy customers need few
 * writes.
 */
const RUN_EVENTS_MAX = UNACKED_MESSAGES_MAX / 2
const PULL_EVENTS_MAX = 2_000
/** The most bytes that wait in the inbox: about 200,000 usual events, or 500 of the largest. */
const INBOX_BYTES_MAX = 32 * 1024 * 1024
/** `max_ms` is also the longest wait of a projector that cannot reach DynamoDB or NATS. */
export const BACK_OFF = { first_ms: 50, max_ms: 5_000 }
/** Tries without a pause after a lost race: a faster second instance is no error, but this one must not spin. */
const EAGER_TRIES_MAX = 10
/** After this time of failures a standby instance takes over: the cause may lie in this instance alone. */
const TROUBLE_MS_MAX = 5_000

const HEARTBEAT_MS = PULL_EXPIRES_MS / 2
/** A consumer that misses this many heartbeats (10 s) while the connection is up is made anew. */
const HEARTBEATS_MISSED_MAX = 20

type Sequencer = ReturnType<typeof createSequencer>

const sequencerOf = (target: Target, consumer: Consumer): Sequencer =>
  createSequencer({
    firstUnacked: async () => {
      const info = await run(tryStream(`consumer ${target.consumer}`, () => consumer.info()))
      return ackedSeqOf(info) + 1
    },
    next: seq => run(nextProved(target, LEDGER_SUBJECTS, seq)),
    ahead: (from, to) => run(readAhead(target.nc, LEDGER_STREAM, from, to)),
  })

const pull = (consumer: Consumer, inbox: Inbox<Delivered>): Promise<ConsumerMessages> => {
  const read = createDeliveryReader()
  return consumer.consume({
    group: ACTIVE_GROUP,
    max_messages: PULL_EVENTS_MAX,
    expires: PULL_EXPIRES_MS,
    idle_heartbeat: HEARTBEAT_MS,
    abort_on_missing_resource: true,
    callback: message => {
      try {
        inbox.put(read(message))
      } catch (thrown) {
        inbox.close(thrown instanceof Error ? thrown : new Error(String(thrown)))
      }
    },
  })
}

/** Acknowledges the last handled message. With `ack_policy: all` that acknowledges every message before it too. */
const acknowledge = (delivered: readonly Delivered[], position: number): void => {
  let last: Delivered | undefined
  for (const one of delivered) if (one.seq < position && one.seq > (last?.seq ?? 0)) last = one
  last?.ack()
}

const isTransient = (thrown: unknown): boolean =>
  failedWith(thrown, 'TryAgain') || failedWith(thrown, 'ConditionFailed') || thrown instanceof LeaderBehind

/** The state of one call of `consume`. */
type Life = {
  readonly target: Target
  readonly sequencer: Sequencer
  readonly heads: HeadCache
  readonly status: Status
  readonly signal: AbortSignal
}

/** Waits before the next try, and reports the wait in health. Throws `thrown` when another try cannot help. */
const waitBeforeNextTry = async (
  { target, signal }: Life,
  thrown: unknown,
  { attempt, began_ms }: { readonly attempt: number; readonly began_ms: number },
): Promise<void> => {
  if (signal.aborted || !isTransient(thrown) || performance.now() - began_ms > TROUBLE_MS_MAX) throw thrown
  if (failedWith(thrown, 'ConditionFailed') && attempt <= EAGER_TRIES_MAX) return
  target.health.report(healthPart(target), 'down', messageOf(thrown))
  await pause(BACK_OFF, attempt, signal)
  if (signal.aborted) throw thrown
}

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

/** Events in the order of the stream, and the sequence after them: everything before it is handled once they are. */
type Arranged = { readonly records: readonly Recorded[]; readonly next_seq: number }

/**
 * Puts deliveries in order. Adds the second side of a transfer where the first is the last: both sides are written together.
 * Throws `LeaderBehind`.
 */
const arrange = async (
  { target, sequencer }: Life,
  delivered: readonly Delivered[],
): Promise<Arranged & { readonly went_on: boolean }> => {
  const before = sequencer.position()
  const records = await sequencer.arrange(delivered)
  const second = endsInTransfer(records, target.decode) ? await sequencer.takeNext() : undefined
  return {
    records: second === undefined ? records : [...records, second],
    next_seq: sequencer.position(),
    went_on: sequencer.began() !== before,
  }
}

/** Deliveries to handle, and what was made of them while the run before was written. */
type Next = {
  readonly delivered: readonly Delivered[]
  readonly ahead?: (Arranged & { readonly run: FoldedRun }) | undefined
}

const NOTHING: Promise<undefined> = Promise.resolve(undefined)

/**
 * Folds the next deliveries while `unwritten` is being written, as soon as a full run waits and until `written` aborts. Where that
 * fails they are handled like any others, when their turn comes. Never rejects.
 */
const lookAhead = async (
  life: Life,
  inbox: Inbox<Delivered>,
  most: number,
  unwritten: FoldedRun,
  written: AbortSignal,
): Promise<Next | undefined> => {
  const { target, sequencer, heads } = life
  if (!(await inbox.reaches(most, written))) return undefined
  let delivered: readonly Delivered[] | undefined
  try {
    delivered = await inbox.take(most)
    const { records, next_seq, went_on } = await arrange(life, delivered)
    const run = went_on ? undefined : await foldAhead(target, heads, records, unwritten)
    if (run !== undefined) return { delivered, ahead: { records, next_seq, run } }
  } catch (err) {
    target.log.debug({ err }, 'events could not be folded ahead; it is tried again in their turn')
  }
  sequencer.forget()
  return delivered === undefined ? undefined : { delivered }
}

/** What is left when the run that was folded upon is not what was written: the deliveries alone. */
const withoutRun = async (life: Life, looked: Promise<Next | undefined>): Promise<Next | undefined> => {
  const next = await looked
  life.sequencer.forget()
  return next === undefined ? undefined : { delivered: next.delivered }
}

type Handled = { readonly next_seq: number; readonly looked: Promise<Next | undefined> }

/**
 * Folds and writes the delivered events. Tries again while that may help, for 5 s at the most. Calls `look` once, when the events
 * are folded and not yet written, for what is to be handled after them.
 */
const handle = async (
  life: Life,
  { delivered, ahead }: Next,
  look: (run: FoldedRun, written: AbortSignal) => Promise<Next | undefined>,
): Promise<Handled> => {
  const { target, heads, status, signal } = life
  const began_ms = performance.now()
  const writing = new AbortController()
  let looked: Promise<Next | undefined> | undefined
  const onFolded = (run: FoldedRun): void => {
    looked ??= look(run, writing.signal)
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      const first = attempt === 1 ? ahead : undefined
      const arranged = first ?? (await arrange(life, delivered))
      // another instance went on in the meantime: the heads in memory may be older than the items that it wrote
      if ('went_on' in arranged && arranged.went_on) heads.clear()
      const { records, next_seq } = arranged
      const is_as_folded = await project(target, heads, records, signal, { folded: first?.run, onFolded })
      writing.abort()
      target.health.report(healthPart(target), 'ok')
      looked ??= NOTHING
      return { next_seq, looked: is_as_folded ? looked : withoutRun(life, looked) }
    } catch (thrown) {
      writing.abort()
      looked = Promise.resolve(await withoutRun(life, looked ?? NOTHING))
      heads.clear()
      status.noteFailure(messageOf(thrown))
      await waitBeforeNextTry(life, thrown, { attempt, began_ms })
    }
  }
}

/** Handles batches from the inbox until it is closed. Calls `begin` at each batch: this instance is the active one. */
const drain = async (life: Life, inbox: Inbox<Delivered>, begin: () => void): Promise<void> => {
  const { target, status, signal } = life
  const { linger_ms } = target.projection
  let most = RUN_EVENTS_MAX
  let next: Next | undefined
  for (;;) {
    next ??= { delivered: await inbox.take(most) }
    const { delivered } = next
    if (delivered.length === 0 || signal.aborted) return
    begin()
    const began_ms = performance.now()
    const { next_seq, looked } = await handle(life, next, (run, written) =>
      lookAhead(life, inbox, most, run, written),
    )
    const took_ms = performance.now() - began_ms
    most = nextRunLength(most, { events: delivered.length, took_ms }, RUN_EVENTS_MAX)
    acknowledge(delivered, next_seq)
    status.noteHandled(next_seq - 1)
    next = await looked
    // where a full run waits already, in the inbox or on the server for an acknowledgement, waiting gathers no more events
    const waits = Math.max(inbox.size(), delivered.at(-1)?.pending ?? 0)
    if (next === undefined && linger_ms !== undefined && waits < most) await rest(linger_ms, signal)
  }
}

/** Closes the inbox with an error when heartbeats stay away: the client would wait for a lost subscription for ever. */
const watchHeartbeats = async (messages: ConsumerMessages, inbox: Inbox<Delivered>): Promise<void> => {
  for await (const notice of messages.status()) {
    if (notice.type === 'heartbeats_missed' && notice.count >= HEARTBEATS_MISSED_MAX) {
      const silent_ms = notice.count * HEARTBEAT_MS
      inbox.close(new Error(`no heartbeat of the consumer for ${silent_ms} ms: it is made anew`))
    }
  }
}

/** Consumes until `signal` aborts. Returns or throws earlier when the consumer has to be made anew. */
export const consume = async (target: Target, consumer: Consumer, signal: AbortSignal): Promise<void> => {
  const inbox = createInbox<Delivered>({
    items_max: 2 * UNACKED_MESSAGES_MAX,
    bytes_max: INBOX_BYTES_MAX,
    bytesOf: ({ body }) => body.length,
  })
  const status = createStatus(target)
  const sequencer = sequencerOf(target, consumer)
  const life: Life = { target, sequencer, heads: createHeadCache(target), status, signal }
  let is_pinned = false
  const messages = await pull(consumer, inbox)
  void messages.closed().then(ended => inbox.close(ended instanceof Error ? ended : undefined))
  void watchHeartbeats(messages, inbox)
  const onAbort = () => inbox.close()
  signal.addEventListener('abort', onAbort)
  // `signal` may have aborted while the consumer was being made
  if (signal.aborted) inbox.close()
  target.health.report(healthPart(target), 'ok')
  try {
    await drain(life, inbox, () => {
      is_pinned = true
    })
  } finally {
    status.stop()
    signal.removeEventListener('abort', onAbort)
    await messages.close()
    // a standby instance then need not wait until the server notices that this one is silent
    if (is_pinned) await unpin(target.jsm, target.consumer)()
  }
}
