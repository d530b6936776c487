/**
 * Watches the connection of a service to NATS: reports its state in health, says why it is lost, and ends the process when
 * it cannot come back.
 *
 * The client reconnects for ever, also to a server that refuses the login, because a login from a file may have been
 * renewed. A login from the environment stays as it is while the process lives: when the server refuses it for some time,
 * only a new process can have another one, so this one ends.
 */

import { errors, type NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { rest } from '../back-off.js'
import type { Health } from '../health.js'
import { type Attempt, connectionFailure, isRefusal } from './connection-failure.js'
import type { Login } from './nats-login.js'
import { createViolations } from './violations.js'

export type WatchedConnection = {
  readonly nc: NatsConnection
  readonly attempt: Attempt & { readonly login: Login }
  /** Tries to connect once more beside the client; resolves with what prevents it, with undefined when nothing does. */
  readonly findCause: () => Promise<unknown>
  readonly log: Logger
  readonly health: Health
}

const LOST = 'the connection to NATS is lost; reconnecting'
/** A refusal that lasts is believed after this time: while servers are configured anew, some refuse for a moment. */
const REFUSED_MS_MAX = 3_000
/** The client does not say why it cannot reconnect, so the cause is looked for after this time, and then again. */
const LOOK_AFTER_MS = 2_000
const LOOK_AGAIN_MS = 10_000

/** What a server said when it refused a login, and which one. */
type Refusal = { readonly error: Error; readonly fingerprint: string }

/** The time from the loss of a connection, or the first word of it, to the next connection. */
type Episode = { readonly over: AbortController; refusal: Refusal | undefined }

const sentenceOf = ({ attempt }: WatchedConnection, cause: unknown): string =>
  connectionFailure(attempt, cause, Date.now())

/** Looks for the cause of a connection that does not come back, and reports it, until the episode is over. */
const lookForCause = async (watched: WatchedConnection, episode: Episode): Promise<void> => {
  const { signal } = episode.over
  await rest(LOOK_AFTER_MS, signal)
  while (!signal.aborted) {
    // the client itself learns of every refusal
    const cause = episode.refusal === undefined ? await watched.findCause() : undefined
    if (cause !== undefined && !signal.aborted && episode.refusal === undefined)
      watched.health.report('nats', 'down', sentenceOf(watched, cause))
    await rest(LOOK_AGAIN_MS, signal)
  }
}

/** Writes the line from which an alarm is made; the sentence about it stands in the line about health. */
export const countRefusal = (log: Pick<Logger, 'error'>): void =>
  log.error({ metric: 'login_refused' }, 'NATS refuses the login of this process')

/** Ends the process when the same login has been refused for some time. */
const endIfRefused = async (
  watched: WatchedConnection,
  { over }: Episode,
  refusal: Refusal,
): Promise<void> => {
  await rest(REFUSED_MS_MAX, over.signal)
  if (over.signal.aborted) return
  const reason = sentenceOf(watched, refusal.error)
  watched.health.giveUp('nats', `the connection to NATS is closed for good: ${reason}`)
}

/**
 * Notes a refusal. The server's first words are the best ones: a running connection is told that its user was revoked, and
 * later attempts only that they are refused. They count for as long as the login is the same.
 */
const noteRefusal = (watched: WatchedConnection, episode: Episode, error: Error): void => {
  const { login } = watched.attempt
  const fingerprint = login.fingerprint()
  const is_first = episode.refusal === undefined
  if (episode.refusal?.fingerprint !== fingerprint) episode.refusal = { error, fingerprint }
  if (is_first) countRefusal(watched.log)
  watched.health.report('nats', 'down', sentenceOf(watched, episode.refusal.error))
  if (is_first && !login.may_change) void endIfRefused(watched, episode, episode.refusal)
}

const sayKept = ({ attempt, log }: WatchedConnection): void => {
  for (const reason of [attempt.login.problem(), ...attempt.tlsProblems()])
    if (reason !== undefined)
      log.warn({ reason }, 'a file could not be read again; its content from before is used')
}

const watchStatus = async (watched: WatchedConnection): Promise<void> => {
  const { nc, health, log } = watched
  const noteViolation = createViolations(log, () => performance.now())
  let episode: Episode | undefined
  const begin = (): Episode => {
    if (episode !== undefined) return episode
    episode = { over: new AbortController(), refusal: undefined }
    void lookForCause(watched, episode)
    return episode
  }
  const end = (): void => {
    episode?.over.abort()
    episode = undefined
  }
  health.report('nats', 'ok')
  for await (const status of nc.status()) {
    switch (status.type) {
      case 'disconnect':
        if (begin().refusal === undefined) health.report('nats', 'down', LOST)
        break
      case 'reconnect':
        end()
        health.report('nats', 'ok')
        sayKept(watched)
        break
      case 'error':
        if (isRefusal(status.error)) noteRefusal(watched, begin(), status.error)
        else if (status.error instanceof errors.PermissionViolationError) noteViolation(status.error)
        else log.warn({ reason: status.error.message }, 'NATS reported an error')
        break
      default:
    }
  }
  end()
}

/** Ends the process when the connection ends by itself: the client gave up, or received no NATS protocol. */
const watchEnd = async ({ nc, health }: WatchedConnection): Promise<void> => {
  const error = await nc.closed()
  if (nc.isDraining()) return
  const reason = error instanceof Error ? error.message : 'the client gave no reason'
  health.giveUp('nats', `the connection to NATS is closed for good: ${reason}`)
}

/** Begins to watch; ends with the connection. */
export const watchConnection = (watched: WatchedConnection): void => {
  void watchStatus(watched)
  void watchEnd(watched)
}
