/**
 * Reads the copy of the stream that each replica has.
 *
 * A plain request may be answered by any replica, so it cannot choose one. But a consumer with one replica reads the
 * store of the server on which it lives. So this code makes consumers until it has read one on every server, and
 * removes each after use.
 */

import { createInbox, type Msg, type NatsConnection } from 'nats'
import { isJsonObject } from '../json.js'
import type { Copy, Stored } from './judge.js'
import { objectIn, refusalIn, STREAM } from './stream.js'

const API_TIMEOUT_MS = 10_000
/**
 * The server of a consumer is random: that 30 consumers all miss one of three servers happens once in 100,000 times.
 */
const CONSUMERS_MAX = 30
/** The largest number of messages that one request asks for. */
const PULL_MAX = 5_000
const SILENT_MS_MAX = 15_000
/** The status when no server knows a consumer: the others learn of a new one a moment after its own server. */
const NO_RESPONDERS = 503
const ASK_AGAIN_MS = 50

type Consumer = { readonly name: string; readonly server: string }

const api = async (nc: NatsConnection, subject: string, body = '') =>
  objectIn(await nc.request(`$JS.API.${subject}`, body, { timeout: API_TIMEOUT_MS }))

const createConsumer = async (nc: NatsConnection, name: string): Promise<Consumer> => {
  const config = {
    name,
    ack_policy: 'none',
    deliver_policy: 'all',
    replay_policy: 'instant',
    mem_storage: true,
    num_replicas: 1,
  }
  const body = JSON.stringify({ stream_name: STREAM, config })
  const answer = await api(nc, `CONSUMER.CREATE.${STREAM}.${name}`, body)
  const server = isJsonObject(answer.cluster) ? answer.cluster.leader : undefined
  if (typeof server === 'string') return { name, server }
  throw new Error(`A consumer could not be made: ${refusalIn(answer) ?? 'it has no server'}`)
}

const removeConsumer = async (nc: NatsConnection, name: string): Promise<void> => {
  await api(nc, `CONSUMER.DELETE.${STREAM}.${name}`)
}

/**
 * The stored message in a delivery. The reply subject is `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer
 * seq>.<time>.<pending>`, or longer, with a domain and an account before the stream.
 */
const storedIn = ({ data, reply = '' }: Msg): Stored => {
  const tokens = reply.split('.')
  const first = tokens.length > 9 ? 4 : 2
  return {
    seq: Number(tokens[first + 3]),
    at: tokens[first + 5] ?? '',
    body: Buffer.from(data).toString(),
  }
}

/**
 * The next messages of a consumer, empty when there are no more; undefined when no answer comes for `SILENT_MS_MAX`.
 */
const pull = (nc: NatsConnection, { name }: Consumer): Promise<Stored[] | undefined> =>
  new Promise((resolve, reject) => {
    const inbox = createInbox()
    const found: Stored[] = []
    const end = (result: Stored[] | undefined): void => {
      clearTimeout(timer)
      subscription.unsubscribe()
      resolve(result)
    }
    const ask = (): void => {
      const body = JSON.stringify({ batch: PULL_MAX, no_wait: true })
      if (!subscription.isClosed())
        nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${name}`, body, { reply: inbox })
    }
    const timer = setTimeout(() => end(undefined), SILENT_MS_MAX)
    const subscription = nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return reject(error)
        const code = message.headers?.code ?? 0
        if (code === NO_RESPONDERS) {
          setTimeout(ask, ASK_AGAIN_MS)
          return
        }
        timer.refresh()
        // a message with another status code says that there are no more messages at the moment
        if (code !== 0) return end(found)
        found.push(storedIn(message))
        if (found.length === PULL_MAX) end(found)
      },
    })
    ask()
  })

const readAll = async (nc: NatsConnection, consumer: Consumer): Promise<Copy | string> => {
  const messages: Stored[] = []
  for (;;) {
    const some = await pull(nc, consumer)
    if (some === undefined)
      return `${consumer.server}: its copy cannot be read beyond sequence ${messages.at(-1)?.seq ?? 0}`
    if (some.length === 0) return { server: consumer.server, messages }
    messages.push(...some)
  }
}

/** Reads the copy of every server in `names`. A sentence in place of a copy says why it cannot be read. */
export const readCopies = async (
  nc: NatsConnection,
  names: readonly string[],
): Promise<readonly (Copy | string)[]> => {
  const copies = new Map<string, Copy | string>()
  for (let tries = 1; tries <= CONSUMERS_MAX && copies.size < names.length; tries += 1) {
    const consumer = await createConsumer(nc, `copy-${tries}`)
    if (!copies.has(consumer.server)) copies.set(consumer.server, await readAll(nc, consumer))
    await removeConsumer(nc, consumer.name)
  }
  return names.map(
    name => copies.get(name) ?? `${name}: it is given no consumer, so that its copy cannot be read`,
  )
}
