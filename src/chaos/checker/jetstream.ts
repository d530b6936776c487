/**
 * The checker's own access to JetStream: sends the documented API requests, and reads each replica's copy of a stream
 * separately.
 *
 * A direct get may be answered by any replica, whichever server a client is connected to. But a consumer with one replica in
 * memory lives on one server, reads that server's copy, and its info names the server. So consumers are created until each
 * server had one.
 */

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type Msg, type NatsConnection } from 'nats'
import type { Entry } from './event.js'
import { countOf, field, type Json, readJson, textOf } from './json.js'

const ASK_MS_MAX = 5_000
const CONNECT_MS_MAX = 10_000
const RETRY_MS = 200
const NS_PER_MS = 1_000_000
/** The server deletes a consumer that nothing has read from for this time. */
const IDLE_MS_MAX = 30_000
const BATCH_MESSAGES = 1_000
const PULL_MS_MAX = 3_000
/** JetStream places consumers at random: with this many tries, one of three servers is missed once in 10^30 runs. */
const PLACEMENTS_MAX = 200

/** The name used when there is only one server: JetStream then names no leader. */
const ONLY_COPY = 'the only server'

/** Connects to one of several servers. */
export const openNats = (urls: readonly string[]): Promise<NatsConnection> =>
  connect({
    servers: [...urls],
    name: 'chaos checker',
    timeout: CONNECT_MS_MAX,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY_MS,
    ignoreClusterUpdates: true,
  })

/** Calls `answer` until it returns a value. Throws after `timeout_ms`, with the last error as the cause. */
const untilFound = async <A>(
  what: string,
  timeout_ms: number,
  answer: () => Promise<A | undefined>,
): Promise<A> => {
  const until_ms = performance.now() + timeout_ms
  let cause: unknown
  for (;;) {
    try {
      const found = await answer()
      if (found !== undefined) return found
    } catch (thrown) {
      cause = thrown
    }
    if (performance.now() >= until_ms)
      throw new Error(`waited ${timeout_ms} ms in vain for ${what}`, { cause })
    await sleep(RETRY_MS)
  }
}

/** Sends one request to JetStream's API. Throws when the answer is not JSON; a server's error is in its field `error`. */
export const askApi = async (nc: NatsConnection, subject: string, request: object = {}): Promise<Json> => {
  const reply = await nc.request(`$JS.API.${subject}`, JSON.stringify(request), { timeout: ASK_MS_MAX })
  const json = readJson(reply.string())
  if (json === undefined) throw new Error(`${subject}: the answer is no JSON`)
  return json
}

const isTrue = (value: Json | undefined): boolean => value === true

/** The last sequence of a stream, once the leader and all replicas agree on it. Throws after `timeout_ms`. */
export const settledEnd = (nc: NatsConnection, stream: string, timeout_ms: number): Promise<number> =>
  untilFound(`all replicas of ${stream} to be current`, timeout_ms, async () => {
    const info = await askApi(nc, `STREAM.INFO.${stream}`)
    const [state, cluster] = [field(info, 'state'), field(info, 'cluster')]
    const last_seq = countOf(field(state, 'last_seq'))
    const replicas = field(cluster, 'replicas')
    const are_current =
      !Array.isArray(replicas) ||
      replicas.every((one: Json) => isTrue(field(one, 'current')) && (countOf(field(one, 'lag')) ?? 0) === 0)
    const is_led = cluster === undefined || textOf(field(cluster, 'leader')) !== undefined
    return are_current && is_led ? last_seq : undefined
  })

const headersOf = ({ headers }: Msg): ReadonlyMap<string, string> =>
  new Map((headers?.keys() ?? []).map(name => [name, headers?.get(name) ?? '']))

/** The sequence and time of a delivered message, from its reply subject, which has a shorter (9 tokens) and a longer form. */
const placeOf = ({ reply = '' }: Msg): { readonly seq: number; readonly time_ns: bigint } => {
  const tokens = reply.split('.')
  const from = tokens.length === 9 ? 5 : 7
  return { seq: Number(tokens[from]), time_ns: BigInt(tokens[from + 2] ?? 0) }
}

const entryOf = (message: Msg): Entry => ({
  ...placeOf(message),
  subject: message.subject,
  headers: headersOf(message),
  body: message.string(),
})

/** Pulls up to `BATCH_MESSAGES` messages in order, and returns their number. Fewer come when the time runs out. */
const pull = async (nc: NatsConnection, next: string, take: (entry: Entry) => void): Promise<number> => {
  let count = 0
  const inbox = nc.subscribe(`_INBOX.${randomUUID()}`, { max: BATCH_MESSAGES + 1 })
  const timer = setTimeout(() => inbox.unsubscribe(), PULL_MS_MAX + ASK_MS_MAX)
  const request = { batch: BATCH_MESSAGES, expires: PULL_MS_MAX * NS_PER_MS }
  nc.publish(next, JSON.stringify(request), { reply: inbox.getSubject() })
  for await (const message of inbox) {
    if (message.headers !== undefined && message.headers.code > 0) break
    take(entryOf(message))
    count += 1
    if (count === BATCH_MESSAGES) break
  }
  clearTimeout(timer)
  return count
}

/** All entries of one replica up to `to_seq`. */
const readAll = async (
  nc: NatsConnection,
  {
    stream,
    consumer,
    to_seq,
  }: { readonly stream: string; readonly consumer: string; readonly to_seq: number },
  timeout_ms: number,
): Promise<readonly Entry[]> => {
  const entries: Entry[] = []
  const until_ms = performance.now() + timeout_ms
  while ((entries.at(-1)?.seq ?? 0) < to_seq) {
    const count = await pull(nc, `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, entry =>
      entries.push(entry),
    )
    if (count === 0 && performance.now() > until_ms) break
  }
  return entries.filter(({ seq }) => seq <= to_seq)
}

/** The copy of a stream that one replica holds. */
export type Copy = { readonly node: string; readonly entries: readonly Entry[] }

/** Creates a consumer and returns the name of the server on which JetStream placed it. */
const placeConsumer = async (nc: NatsConnection, stream: string, consumer: string): Promise<string> => {
  const config = {
    ...{ name: consumer, deliver_policy: 'all', ack_policy: 'none', replay_policy: 'instant' },
    ...{ num_replicas: 1, mem_storage: true, inactive_threshold: IDLE_MS_MAX * NS_PER_MS },
  }
  const request = { stream_name: stream, config }
  const made = await askApi(nc, `CONSUMER.CREATE.${stream}.${consumer}`, request)
  const refused = field(made, 'error')
  if (refused !== undefined)
    throw new Error(`consumer of ${stream}: ${textOf(field(refused, 'description'))}`)
  return textOf(field(field(made, 'cluster'), 'leader')) ?? ONLY_COPY
}

/**
 * Reads the copies of a stream up to `to_seq` from `copies` servers. `onCopy` gets one copy after the other, so that they need
 * not be in memory together.
 */
export const readCopies = async (
  nc: NatsConnection,
  { stream, to_seq, copies }: { readonly stream: string; readonly to_seq: number; readonly copies: number },
  timeout_ms: number,
  onCopy: (copy: Copy) => void,
): Promise<void> => {
  const seen = new Set<string>()
  for (let attempt = 1; seen.size < copies; attempt += 1) {
    if (attempt > PLACEMENTS_MAX)
      throw new Error(`of ${copies} copies of ${stream} only ${[...seen].join(', ')} could be read`)
    const consumer = `chaos-${randomUUID()}`
    const node = await placeConsumer(nc, stream, consumer)
    if (!seen.has(node)) {
      seen.add(node)
      onCopy({ node, entries: await readAll(nc, { stream, consumer, to_seq }, timeout_ms) })
    }
    await askApi(nc, `CONSUMER.DELETE.${stream}.${consumer}`)
  }
}
