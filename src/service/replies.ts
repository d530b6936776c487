/**
 * Sends replies, and decides whether the reply subject of a request may be used. No other file publishes replies.
 *
 * A requester chooses the subject of the reply, but the reply is published with the service's rights: it could go into the
 * ledger or a bucket, or become another request. So replies go to inboxes only (docs/adr/0020). A request that names any
 * other subject is not carried out either, because its caller could not learn the outcome.
 */

import type { Msg, NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { metrics } from '../metrics.js'
import { wireOf } from '../wire.js'

/**
 * `_INBOX` is the prefix of every NATS client's inboxes unless another is configured. `_R_` is the server's own, for
 * requests from another account; no client can use it (the server refuses it).
 */
const PREFIXES = ['_INBOX', '_R_']
const REPLY_CHARS_MAX = 255
const PREFIX_CHARS_MAX = 100
const LOG_EVERY_MS = 60_000

/** Letters, digits and signs of ASCII, without the wildcards and the dot. */
const TOKEN = '[!-)+\\-/-=?-~]+'
const SUBJECT = new RegExp(`^${TOKEN}(?:\\.${TOKEN})*$`)
/** The prefix that the server puts before the reply subject when a request comes from another cluster of a supercluster. */
const ROUTED = `(?:_GR_\\.${TOKEN}\\.${TOKEN}\\.)?`
/** Beginnings of subjects on which a message has an effect: subjects of the ledger and of the server. */
const MEANINGFUL = /^(?:customer$|customer\.|_GR_$|_GR_\.|\$)/

/** The problem of a prefix of inboxes, as the end of a sentence; undefined when the prefix can be used. */
export const replyPrefixProblem = (prefix: string): string | undefined => {
  if (!SUBJECT.test(prefix)) return 'must be tokens with dots between them, without wildcards and blanks'
  if (prefix.length > PREFIX_CHARS_MAX) return `must not be longer than ${PREFIX_CHARS_MAX} characters`
  if (MEANINGFUL.test(prefix)) return 'must not cover subjects of the ledger (customer.) or of NATS ($)'
  return undefined
}

const literally = (text: string): string => text.replace(/[^\w]/g, '\\$&')

/**
 * Makes the test that tells inboxes from other subjects: an inbox begins with `_INBOX.`, `_R_.` or one of `prefixes`, and
 * is well formed. The test is one regular expression, for speed: it runs for every request.
 */
export const createInboxRule = (prefixes: readonly string[]): ((reply: string) => boolean) => {
  const begins = [...PREFIXES, ...prefixes].map(literally).join('|')
  const inbox = new RegExp(`^${ROUTED}(?:${begins})(?:\\.${TOKEN})+$`)
  return reply => reply.length <= REPLY_CHARS_MAX && inbox.test(reply)
}

export type Replies = {
  /** Whether a request may be carried out: it has no reply subject, or an inbox. Counts and logs the others. */
  readonly accept: (request: Msg, endpoint: string) => boolean
  /** Publishes the reply to an accepted request. Throws the errors of `Wire.publish`. */
  readonly send: (
    request: Pick<Msg, 'subject'> & { readonly reply?: string | undefined },
    body: string,
    lines?: string,
  ) => void
}

const refused_replies = metrics.counter(
  'jetledger_refused_replies_total',
  'Requests that were not carried out because their reply subject is no inbox, by endpoint',
)

/** Makes the replies of a service; `prefixes` are further prefixes of inboxes, besides `_INBOX`. */
export const createReplies = (nc: NatsConnection, prefixes: readonly string[], log: Logger): Replies => {
  const wire = wireOf(nc)
  const isInbox = createInboxRule(prefixes)
  let unlogged = 0
  let logged_ms = Number.NEGATIVE_INFINITY

  const note = ({ subject }: Msg, reply: string, endpoint: string): void => {
    refused_replies.inc({ endpoint })
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
