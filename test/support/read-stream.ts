/** Reads a whole stream with the client alone, without any reading code of the program. */

import { type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { until } from './servers.js'

const READ_MS_MAX = 30_000
/** Half of this time is the heartbeat, so that a reader whose server was killed notices within seconds and starts again. */
const PULL_MS = 2_000

const readOnce = async (nc: NatsConnection, stream: string): Promise<JsMsg[]> => {
  const { state } = await (await jetstreamManager(nc, { checkAPI: false })).streams.info(stream)
  const read: JsMsg[] = []
  if (state.messages === 0) return read
  const messages = await (await jetstream(nc).consumers.get(stream)).consume({ expires: PULL_MS })
  const timer = setTimeout(() => messages.stop(), READ_MS_MAX)
  for await (const message of messages) {
    read.push(message)
    if (message.seq >= state.last_seq) break
  }
  clearTimeout(timer)
  await messages.close()
  if (read.length < state.messages)
    throw new Error(`${stream} has ${state.messages} messages, and only ${read.length} of them could be read`)
  return read
}

/**
 * Reads every message that a stream holds at the time of the call, in order. A cluster that has just lost a node may not answer
 * everything yet ("no responders"): then the stream is read again.
 */
export const readStream = (nc: NatsConnection, stream: string): Promise<JsMsg[]> =>
  until(() => readOnce(nc, stream), { deadline_ms: READ_MS_MAX, what: `all of ${stream}` })
