/**
 * Notices a nats-server that would miss a frozen instance for minutes only: its `ping_interval` is not what a deployment
 * needs (docs/nats-settings.md).
 *
 * A server tells no client this setting, and sends no pings to one that is busy. So a connection of its own is opened that
 * says nothing: the first ping comes after 2 s whatever the setting, the second one `ping_interval` after it.
 */

import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { rest } from '../back-off.js'
import { onPing } from '../connection.js'
import { CLIENT_PING_INTERVAL_MS } from '../embedded/pings.js'
import type { Health } from '../health.js'

const PINGS = 'nats pings'

const PINGS_NEEDED = 2
/** The first one with its jitter, the second, and as much again for a machine that is busy. */
const WATCH_MS = 3 * CLIENT_PING_INTERVAL_MS

type Finding = 'soon' | 'late' | 'lost'

/** Whether a server sends its pings in time, to a connection over which nothing else is sent; `lost` when that ended before. */
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
 * Looks once, over the connection that `open` makes, and says in health and log what it finds. What cannot be looked at is
 * passed over: nothing hangs on it.
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
    // a server that ended meanwhile says nothing of its pings
    if (finding !== 'late') return
    const detail = `${server_name} sends no pings within ${WATCH_MS / 1_000} s: it would go on giving requests to a frozen instance for minutes; set ping_interval and ping_max (docs/nats-settings.md)`
    log.warn({ server: server_name }, detail)
    health.report(PINGS, 'degraded', detail)
  } catch (err) {
    log.debug({ err }, 'whether the server sends pings in time cannot be looked at')
  }
}
