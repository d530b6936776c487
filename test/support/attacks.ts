/**
 * Attacks by a user who may send some requests to the ledger and wants to write: publishing directly on subjects of every
 * kind, reply subjects and traces of allowed requests, headers, and answering in the place of a service.
 */

import { headers, type NatsConnection, PermissionViolationError } from 'nats'

const EVENT = '{"type":"credit","amount":1000000}'

/** Valid requests: with a forbidden reply subject, the request must have no effect either. */
const BODIES: Readonly<Record<string, string>> = {
  'customer.account': '{"client_id":"678"}',
  'customer.balance': '{"client_id":"678"}',
  'customer.explain': '{"transaction_id":"tour-1"}',
  'customer.holds': '{"client_id":"678"}',
  'customer.list': '{}',
  'customer.ranking': '{}',
  'customer.statement': '{"client_id":"678"}',
  'customer.summary': '{}',
  'customer.transaction': '{"transaction_id":"tour-1"}',
  'customer.credit': '{"client_id":"victim","amount":1000000}',
  'customer.debit': '{"client_id":"678","amount":1}',
  'customer.transfer': '{"from":"678","to":"victim","amount":1}',
  'customer.batch':
    '{"mode":"each","commands":[{"type":"credit","client_id":"victim","amount":1,"transaction_id":"b1"}]}',
  '$SRV.PING.customer': '',
}
/** A request that is always refused: for attacks with a permitted reply subject. */
const REFUSED = '{"type":"credit","amount":0,"client_id":""}'

const bodyOf = (subject: string): string => BODIES[subject] ?? EVENT

/** Subjects where a message is stored or obeyed. */
const STORED = [
  'customer.balance.victim',
  'customer.balance.678',
  'customer.balance.a.b',
  'customer.dead-letter.victim.99',
  'customer.dead-letter.x.1.mark',
  '$KV.config.seed',
  '$KV.config.ledger',
  '$KV.config.projection.ledger',
  '$KV.config.parked.ledger.victim',
  '$KV.config.status.ledger',
  '$KV.config.replay.ledger',
  '$KV.config.made-up',
]

const STREAMS = ['customer-balances', 'customer-dead-letters', 'KV_config']

/** A consumer that would deliver stored messages to an endpoint. */
const PUSH = {
  stream_name: 'customer-balances',
  config: {
    deliver_subject: 'customer.credit',
    deliver_group: 'q',
    deliver_policy: 'all',
    ack_policy: 'none',
  },
}

const API: readonly (readonly [string, unknown])[] = [
  ...STREAMS.flatMap(stream =>
    (
      [
        ['UPDATE', { name: stream, subjects: ['x'], max_msgs: 1, discard: 'old' }],
        ['DELETE', ''],
        ['PURGE', {}],
        ['RESTORE', { config: { name: stream } }],
        ['SNAPSHOT', { deliver_subject: 'customer.balance.victim' }],
        ['MSG.DELETE', { seq: 1 }],
        ['LEADER.STEPDOWN', ''],
      ] as const
    ).map(([verb, body]) => [`$JS.API.STREAM.${verb}.${stream}`, body] as const),
  ),
  [
    '$JS.API.STREAM.CREATE.evil',
    { name: 'evil', subjects: ['evil.>'], republish: { src: 'evil.>', dest: 'customer.balance.>' } },
  ],
  ['$JS.API.STREAM.CREATE.evil', { name: 'evil', sources: [{ name: 'customer-balances' }] }],
  ['$JS.API.CONSUMER.CREATE.customer-balances', PUSH],
  ['$JS.API.CONSUMER.CREATE.customer-balances.evil.customer.balance.>', PUSH],
  ['$JS.API.CONSUMER.DURABLE.CREATE.customer-balances.evil', PUSH],
  ['$JS.API.CONSUMER.DELETE.customer-balances.ledger', ''],
  ['$JS.API.CONSUMER.PAUSE.customer-balances.ledger', { pause_until: '2200-01-01T00:00:00Z' }],
  ['$JS.API.CONSUMER.UNPIN.customer-balances.ledger', { group: 'active' }],
  ['$JS.API.CONSUMER.MSG.NEXT.customer-balances.ledger', { batch: 1 }],
  ['$JS.API.DIRECT.GET.customer-balances', { seq: 1 }],
  ['$JS.API.ACCOUNT.PURGE.x', ''],
  ['$JS.API.META.LEADER.STEPDOWN', ''],
  ['$JS.ACK.customer-balances.ledger.1.1.1.1.0', '+ACK'],
  ['$JS.FC.customer-balances.ledger.x', ''],
]

const OTHERS = [
  'evil.4711',
  '$SRV.PING',
  '$SRV.STATS.customer',
  '$SYS.REQ.SERVER.PING',
  '_INBOX.commands.x',
  '_INBOX.reader.x',
  '_R_.x.y',
  'customer.event.victim',
  ...Object.keys(BODIES).filter(subject => subject.startsWith('customer.')),
]

const text = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body))

/** Every message that a user may not publish, with a body that would have an effect. */
const directMessages = (allowed: readonly string[]): readonly (readonly [string, string])[] =>
  [
    ...STORED.map(subject => [subject, EVENT] as const),
    ...API.map(([subject, body]) => [subject, text(body)] as const),
    ...OTHERS.map(subject => [subject, bodyOf(subject)] as const),
  ].filter(([subject]) => !allowed.includes(subject))

/** The reply subjects at which an answer could do harm. */
const replySubjects = (): readonly string[] => [
  ...STORED,
  ...API.map(([subject]) => subject),
  ...OTHERS.filter(subject => !subject.startsWith('_INBOX.')),
  '_INBOX',
  '_INBOX.>',
  '_INBOX.*',
  '_INBOX..x',
  '_INBOXES.x',
  '_inbox.x',
  '_GR_.a.b.customer.balance.victim',
  '_GR_.a.b.$KV.config.seed',
]

/** Headers that have a meaning for nats-server, a bucket, the ledger or an HTTP gateway. */
const HEADERS: readonly (readonly [string, string])[] = [
  ['Nats-Msg-Id', 'x'],
  ['Nats-Rollup', 'all'],
  ['Nats-TTL', '1s'],
  ['Nats-Expected-Last-Msg-Id', 'nope'],
  ['Nats-Expected-Last-Sequence', '1'],
  ['Nats-Batch-Id', 'b'],
  ['Nats-Batch-Commit', '1'],
  ['Nats-Schedule', '@at 2030-01-01T00:00:00Z'],
  ['Nats-Schedule-Target', 'customer.balance.victim'],
  ['Nats-Reply', 'customer.balance.victim'],
  ['KV-Operation', 'PURGE'],
  ['Ledger-Batch', 'x'],
  ['Ledger-Caller', 'admin'],
  ['Nats-Service-Error', 'x'],
  ['Reply-To', 'customer.balance.victim'],
]

const header = (...lines: readonly (readonly [string, string])[]) => {
  const made = headers()
  for (const [name, value] of lines) made.set(name, value)
  return made
}

const HEARD_ELSEWHERE = [
  '>',
  '_INBOX.>',
  '_INBOX.*',
  '_INBOX.*.*',
  'customer.>',
  'customer.balance',
  'customer.credit',
  'customer.event.*',
  '$SRV.>',
  '$SRV.PING.customer',
  '$JS.>',
  '$JS.API.STREAM.INFO.*',
  '$KV.>',
]

export type Refusals = {
  /** `publish <subject>` or `subscription <subject>` for everything that the server refused on this connection. */
  readonly refused: ReadonlySet<string>
}

/** Collects the server's refusals on a connection. */
export const watchRefusals = (nc: NatsConnection): Refusals => {
  const refused = new Set<string>()
  const watch = async (): Promise<void> => {
    for await (const status of nc.status()) {
      if (status.type === 'error' && status.error instanceof PermissionViolationError)
        refused.add(`${status.error.operation} ${status.error.subject}`)
    }
  }
  void watch()
  return { refused }
}

/** Publishes every message that the user may not publish. Returns the refusals that the server must report. */
export const attackDirectly = (nc: NatsConnection, allowed: readonly string[]): readonly string[] =>
  directMessages(allowed).map(([subject, body]) => {
    nc.publish(subject, body)
    return `publish ${subject}`
  })

/** Subscribes to subjects of others, also as a member of their queue. Returns the refusals that the server must report. */
export const attackByListening = (nc: NatsConnection): readonly string[] =>
  HEARD_ELSEWHERE.flatMap(subject => {
    // without a callback, the client throws the server's refusal
    const callback = (): void => undefined
    nc.subscribe(subject, { callback })
    nc.subscribe(subject, { queue: 'q', callback })
    return [`subscription ${subject}`]
  })

/** Sends allowed requests with forbidden reply subjects. */
export const attackByReply = (nc: NatsConnection, allowed: readonly string[]): void => {
  for (const subject of allowed)
    for (const reply of replySubjects()) nc.publish(subject, bodyOf(subject), { reply })
}

/** nats-server 2.15 removes a trace to a wildcard from the request, so that an allowed request is left. */
const isWildcard = (subject: string): boolean =>
  subject.split('.').some(token => token === '*' || token === '>')

/** Sends allowed requests that make nats-server publish a trace to a forbidden subject. */
export const attackByTrace = (nc: NatsConnection, allowed: readonly string[], inbox: string): void => {
  const elsewhere = [...STORED, ...API.map(([subject]) => subject), 'customer.event.victim']
  for (const subject of allowed)
    for (const dest of elsewhere) {
      const trace = ['Nats-Trace-Dest', dest] as const
      const body = isWildcard(dest) ? REFUSED : bodyOf(subject)
      nc.publish(subject, body, { reply: `${inbox}.trace`, headers: header(trace) })
      nc.publish(subject, body, {
        reply: `${inbox}.trace`,
        headers: header(trace, ['Nats-Trace-Only', 'true']),
      })
    }
}

/** Sends allowed requests with headers that have a meaning elsewhere. Commands among them are always refused. */
export const attackByHeaders = (nc: NatsConnection, allowed: readonly string[], inbox: string): void => {
  for (const subject of allowed)
    for (const line of HEADERS)
      for (const body of [REFUSED, ''])
        nc.publish(subject, body, { reply: `${inbox}.headers`, headers: header(line) })
}
