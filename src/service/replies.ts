/**
 * Who is answered: the one place that decides whether a reply subject may be used, and the one that publishes to it.
 *
 * A requester names the subject of the reply, and what is published there is published with the service's rights: into
 * the ledger, a bucket, or another request. So a reply goes to inboxes only (docs/adr/0020). A request that names
 * anything else is not carried out either: nobody could be told what became of it.
 */

import type { Msg, NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { metrics } from '../metrics.js'
import { wireOf } from '../wire.js'

/**
 * The prefix of the inboxes of every NATS client, unless it is told another one, and the server's own for requests from
 * another account, which no client can name (the server refuses it).
 */
const PREFIXES = ['_INBOX', '_R_']
const REPLY_CHARS_MAX = 255
const PREFIX_CHARS_MAX = 100
const LOG_EVERY_MS = 60_000

/** Letters, digits and signs of ASCII, without the wildcards and the dot. */
const TOKEN = '[!-)+\\-/-=?-~]+'
const SUBJECT = new RegExp(`^${TOKEN}(?:\\.${TOKEN})*$`)
/** Before the reply subject that was asked for, in a request from another cluster of a supercluster. */
const ROUTED = `(?:_GR_\\.${TOKEN}\\.${TOKEN}\\.)?`
/** First tokens of subjects where a message means something: ours, and those of the server. */
const MEANINGFUL = /^(?:customer$|customer\.|_GR_$|_GR_\.|\$)/

/** What is wrong with a prefix of inboxes, as the end of a sentence; undefined when it can be used. */
export const replyPrefixProblem = (prefix: string): string | undefined => {
  if (!SUBJECT.test(prefix)) return 'must be tokens with dots between them, without wildcards and blanks'
  if (prefix.length > PREFIX_CHARS_MAX) return `must not be longer than ${PREFIX_CHARS_MAX} characters`
  if (MEANINGFUL.test(prefix)) return 'must not cover subjects of the ledger (customer.) or of NATS ($)'
  return undefined
}

const literally = (text: string): string => text.replace(/[^\w]/g, '\\$&')

/**
 * Tells inboxes from other subjects: they begin with `_INBOX.`, `_R_.` or one of `prefixes`, and are well formed. One
 * expression, because every request is looked at.
 */
export const createInboxRule = (prefixes: readonly string[]): ((reply: string) => boolean) => {
  const begins = [...PREFIXES, ...prefixes].map(literally).join('|')
  const inbox = new RegExp(`^${ROUTED}(?:${begins})(?:\\.${TOKEN})+$`)
  return reply => reply.length <= REPLY_CHARS_MAX && inbox.test(reply)
}

export type Replies = {
  /** Whether a request may be carried out: it wants no reply, or wants it in an inbox. Others are counted here. */
  readonly accept: (request: Msg, endpoint: string) => boolean
  /** Publishes the reply to a request that was accepted. Throws as the wire does. */
  readonly send: (request: Msg, body: string, lines?: string) => void
}

const refused = metrics.counter(
  'jetledger_refused_replies_total',
  'Requests that were not carried out because their reply subject is no inbox, by endpoint',
)

/** The replies of a service; `prefixes` are those of inboxes beside `_INBOX`. */
export const createReplies = (nc: NatsConnection, prefixes: readonly string[], log: Logger): Replies => {
  const wire = wireOf(nc)
  const isInbox = createInboxRule(prefixes)
  let unlogged = 0
  let logged_ms = Number.NEGATIVE_INFINITY

  const note = ({ subject }: Msg, reply: string, endpoint: string): void => {
    refused.inc({ endpoint })
    unlogged += 1
    if (performance.now() - logged_ms < LOG_EVERY_MS) return
    log.warn(
      { subject, reply: reply.slice(0, REPLY_CHARS_MAX), requests: unlogged },
      'requests name a reply subject that is no inbox: they are neither carried out nor answered',
    )
    logged_ms = performance.now()
    unlogged = 0
  }

  return {
    accept: (request, endpoint) => {
      const { reply = '' } = request
      if (reply === '' || isInbox(reply)) return true
      note(request, reply, endpoint)
      return false
    },
    send: ({ reply = '', subject }, body, lines) => {
      if (reply === '') log.debug({ subject }, 'a request without a reply subject: handled, not answered')
      else wire.publish(reply, body, lines)
    },
  }
}
