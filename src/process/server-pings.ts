/**
 * Notices a nats-server that would find a frozen instance only after minutes, because its `ping_interval` is longer
 * than a deployment needs (docs/nats-settings.md).
 *
 * A server does not send this setting to clients, and sends no pings to a busy client. So this code opens a separate
 * connection that sends nothing: the first ping comes after 2 s whatever the setting, the second one `ping_interval`
 * later.
 */

import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { rest } from '../back-off.js'
import { onPing } from '../connection.js'
import { CLIENT_PING_INTERVAL_MS } from '../embedded/pings.js'
import type { Health } from '../health.js'

const PINGS = 'nats pings'

const PINGS_NEEDED = 2
/** Time for the first ping with its jitter, for the second, and as much again for a busy machine. */
const WATCH_MS = 3 * CLIENT_PING_INTERVAL_MS

type Finding = 'soon' | 'late' | 'lost'

/**
 * Whether a server sends its pings in time over a connection that is otherwise idle; `lost` when that connection
 * ended.
 */
const lookAtPings = async (idle: NatsConnection): Promise<Finding> => {
  const over = new AbortController()
  let pings = 0
  onPing(idle, () => {
    pings += 1
    if (pings === PINGS_NEEDED) over.abort()
  })
  void idle.closed().then(() => over.abort())
  await rest(WATCH_MS, over.signal)
  if (pings >= PINGS_NEEDED) return 'soon'
  return idle.isClosed() ? 'lost' : 'late'
}

/**
 * Looks once, over the connection that `open` makes, and reports the result in health and log. A failed look is only a
 * debug line in the log, because nothing depends on it.
 */
export const watchPings = async (
  open: () => Promise<NatsConnection>,
  log: Pick<Logger, 'debug' | 'warn'>,
  health: Pick<Health, 'report'>,
): Promise<void> => {
  try {
    const idle = await open()
    const { server_name = 'the server' } = idle.info ?? {}
    const finding = await lookAtPings(idle)
    await idle.close()
    if (finding === 'soon') health.report(PINGS, 'ok')
    // a connection that was lost shows nothing about the pings
    if (finding !== 'late') return
    const detail = `${server_name} sends no pings within ${WATCH_MS / 1_000} s: it would go on giving requests to a frozen instance for minutes; set ping_interval and ping_max (docs/nats-settings.md)`
    log.warn({ server: server_name }, detail)
    health.report(PINGS, 'degraded', detail)
  } catch (err) {
    log.debug({ err }, 'whether the server sends pings in time cannot be looked at')
  }
}
