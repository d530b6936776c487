/**
 * Pulls a range of a stream in pages, as fast as one connection allows but no faster than the reader takes them: for a rebuild,
 * which may make consumers. All other readers read by direct gets (direct-pages.ts), which cost a
 * server more than three times as much for each event.
 *
 * The client's own ordered consumer gives one message at a time, and costs more than all other work of a rebuild.
 * Here a page holds all messages that have arrived, and the messages that are requested ahead are bounded in number
 * and bytes. The consumer's own count proves the order: at a gap, or when the server is silent, the pages end, and
 * the reader goes on with a new consumer.
 */

import { AckPolicy, DeliverPolicy, type JetStreamManager, ReplayPolicy } from '@nats-io/jetstream'
import { createInbox, type Msg, type MsgHdrs, type NatsConnection, nanos } from 'nats'
import { createPlace, type Place } from './place.js'
import type { Recorded } from './recorded.js'

export type Pull = {
  readonly stream: string
  readonly subject: string
  readonly from_seq: number
}

const AHEAD_MESSAGES_MAX = 16_000
const AHEAD_MESSAGES_MIN = 256
const AHEAD_BYTES_MAX = 16 * 1024 * 1024
/** Each request has messages left to deliver, so a server that is silent for this time has lost the consumer. */
const SILENT_MS_MAX = 3_000
/**
 * The server deletes a consumer that gets no request for this time. A reader that is busy for longer goes on with a new
 * consumer. The time is short because a consumer whose deletion failed is kept until then, and many readers may fail
 * together.
 */
const FORGOTTEN_AFTER_MS = 30_000

/** A message as it was pulled. Its headers are decoded only when they are used, which is rare. */
class Pulled implements Recorded {
  readonly seq: number
  readonly subject: string
  readonly body: Uint8Array
  private readonly at_ms: number
  private readonly message: Msg

  constructor(message: Msg, { seq, at_ms }: Place) {
    this.seq = seq
    this.subject = message.subject
    this.body = message.data
    this.at_ms = at_ms
    this.message = message
  }

  get headers(): MsgHdrs | undefined {
    return this.message.headers
  }

  get at(): Date {
    return new Date(this.at_ms)
  }
}

/** The server lost the consumer, or was silent for too long: the reader has to go on with a new consumer. */
export class PullLost extends Error {
  override readonly name = 'PullLost'
}

/**
 * Creates a consumer for one reader, which the server keeps in memory and deletes by itself. Gives its name;
 * undefined when it has no messages.
 */
const openConsumer = async (jsm: JetStreamManager, pull: Pull): Promise<string | undefined> => {
  const { name, num_pending } = await jsm.consumers.add(pull.stream, {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: pull.from_seq,
    filter_subject: pull.subject,
    ack_policy: AckPolicy.None,
    replay_policy: ReplayPolicy.Instant,
    inactive_threshold: nanos(FORGOTTEN_AFTER_MS),
    mem_storage: true,
    num_replicas: 1,
  })
  if (num_pending > 0) return name
  await jsm.consumers.delete(pull.stream, name)
  return undefined
}

/** The messages that have arrived and are not taken yet, and the number of messages that are still to arrive. */
type Ahead = {
  readonly place: Place
  page: Pulled[]
  asked: number
  delivery: number
  ended: 'at the end' | 'lost' | undefined
  wake: (() => void) | undefined
}

const take = (ahead: Ahead, message: Msg): void => {
  if (ahead.ended !== undefined) return
  const { place } = ahead
  const { reply = '' } = message
  // a message that is no delivery is a status: the request has expired or the consumer is gone
  if (!place.read(reply) || place.delivery !== ahead.delivery + 1 || message.subject === '')
    ahead.ended = 'lost'
  else {
    ahead.delivery = place.delivery
    ahead.asked -= 1
    ahead.page.push(new Pulled(message, place))
    if (place.pending === 0) ahead.ended = 'at the end'
  }
  ahead.wake?.()
}

/** Waits for the next page; an empty page means that the pull has ended or the server was silent for too long. */
const nextPage = async (ahead: Ahead): Promise<Pulled[]> => {
  if (ahead.page.length === 0 && ahead.ended === undefined) {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      timer = setTimeout(resolve, SILENT_MS_MAX)
      ahead.wake = resolve
    })
    clearTimeout(timer)
    ahead.wake = undefined
  }
  const { page } = ahead
  ahead.page = []
  return page
}

const sizeOf = (page: readonly Pulled[]): number =>
  page.reduce((bytes, { body }) => bytes + body.length, 0) / Math.max(page.length, 1)

/** The number of messages that may be requested ahead, by their mean size in bytes. */
const aheadMax = (mean_bytes: number): number =>
  Math.max(
    AHEAD_MESSAGES_MIN,
    Math.min(AHEAD_MESSAGES_MAX, Math.floor(AHEAD_BYTES_MAX / Math.max(mean_bytes, 1))),
  )

/**
 * Gives the messages of a new consumer in pages, in stream order and without a gap, to its end. Throws `PullLost`
 * when the server loses the consumer on the way, and the client's error when no consumer can be created.
 */
export async function* pullPages(
  nc: NatsConnection,
  jsm: JetStreamManager,
  pull: Pull,
): AsyncGenerator<readonly Recorded[]> {
  const consumer = await openConsumer(jsm, pull)
  if (consumer === undefined) return
  const ahead: Ahead = {
    place: createPlace(),
    page: [],
    asked: 0,
    delivery: 0,
    ended: undefined,
    wake: undefined,
  }
  // the connection's inbox prefix; the JetStream manager calls it `watcherPrefix`
  const inbox = createInbox(jsm.getOptions().watcherPrefix)
  const subscription = nc.subscribe(inbox, {
    callback: (error, message) => {
      if (error === null) take(ahead, message)
    },
  })
  const ask = (most: number): void => {
    // messages are requested again only when half of them have arrived: a request per page would be too many
    if (ahead.asked > most / 2) return
    const batch = most - ahead.asked
    ahead.asked += batch
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${pull.stream}.${consumer}`
    nc.publish(subject, JSON.stringify({ batch, expires: nanos(2 * SILENT_MS_MAX) }), { reply: inbox })
  }
  try {
    ask(AHEAD_MESSAGES_MIN * 4)
    for (;;) {
      const page = await nextPage(ahead)
      if (page.length === 0 && ahead.ended === 'at the end') return
      if (page.length === 0) throw new PullLost(`the consumer of ${pull.subject} is lost`)
      if (ahead.ended === undefined) ask(aheadMax(sizeOf(page)))
      yield page
    }
  } finally {
    subscription.unsubscribe()
    // a failure is ignored, since the server deletes the consumer by itself
    jsm.consumers.delete(pull.stream, consumer).catch(() => undefined)
  }
}
