/** Reads the whole content of JetStream as a comparable value, so that any write in between shows as a difference. */

import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'

/** Keys that the ledger itself renews regularly, with their fields: a value of this form is not a difference. */
const RENEWED: readonly (readonly [RegExp, RegExp])[] = [
  [/^\$KV\.config\.status\.\w+$/, /^instance,generation,(last_error,)?at,schema,seq(,is_waiting)?$/],
  [/^\$KV\.config\.ledger$/, /^epoch,stream,/],
]

export type Stores = {
  /** The settings of every stream, by its name. */
  readonly streams: Readonly<Record<string, unknown>>
  /** The settings of every durable consumer, and of every consumer that delivers to a subject other than an inbox. */
  readonly consumers: Readonly<Record<string, unknown>>
  /** Every message except renewed ones: `<stream> <seq> <subject> <headers> <body>`. */
  readonly messages: readonly string[]
}

const fieldsOf = (body: string): string => {
  try {
    return Object.keys(JSON.parse(body) as object).join()
  } catch {
    return ''
  }
}

const isRenewed = (subject: string, body: string): boolean =>
  RENEWED.some(([key, fields]) => key.test(subject) && fields.test(fieldsOf(body)))

const messagesOf = async (jsm: JetStreamManager, { config, state }: StreamInfo): Promise<string[]> => {
  const found: string[] = []
  // an empty stream that never had a message begins at 0
  for (let seq = Math.max(state.first_seq, 1); seq <= state.last_seq; seq += 1) {
    const message = await jsm.streams.getMessage(config.name, { seq })
    if (message === null) continue
    const { subject, header, data } = message
    const body = Buffer.from(data).toString()
    if (isRenewed(subject, body)) continue
    const lines = (header?.keys() ?? []).map(name => `${name}: ${header?.values(name)}`)
    found.push(`${config.name} ${seq} ${subject} ${lines.join()} ${body}`)
  }
  return found
}

/** Reads all streams, consumers and messages. */
export const readStores = async (nc: NatsConnection): Promise<Stores> => {
  const jsm = await jetstreamManager(nc)
  const streams: Record<string, unknown> = {}
  const consumers: Record<string, unknown> = {}
  const messages: string[] = []
  for await (const info of jsm.streams.list()) {
    streams[info.config.name] = info.config
    for await (const { name, config } of jsm.consumers.list(info.config.name)) {
      const { deliver_subject = '_INBOX.' } = config
      if (config.durable_name !== undefined || !deliver_subject.startsWith('_INBOX.'))
        consumers[name] = config
    }
    messages.push(...(await messagesOf(jsm, info)))
  }
  return { streams, consumers, messages: messages.toSorted() }
}
