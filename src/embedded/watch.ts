/**
 * Keeps one server running: starts it again, with the same ports and data, when it ends without being stopped from
 * here.
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Child } from './child.js'

export type WatchedServer = {
  /** The pid of the process that runs now, or ran last. */
  readonly pid: number
  /** Ends the watch, then the server. Can be called again. */
  stop(): Promise<void>
}

export type WatchOptions = {
  name: string
  start: (signal: AbortSignal) => Promise<Child>
  log: Logger
  /** Called at most once, when the server ended too often; then it stays down. */
  on_gave_up: (name: string, cause: Error) => void
  restarts_max?: number
  /** The time in which at most `restarts_max` restarts may happen. */
  window_ms?: number
}

const RESTARTS_MAX = 10
const WINDOW_MS = 60_000
const PAUSE_MS_FIRST = 50
const PAUSE_MS_MAX = 2_000

/**
 * The pause before a restart. The first one is immediate, so that a server that was killed once is away for a short
 * time.
 */
const pauseBefore = (restart: number): number =>
  restart === 1 ? 0 : Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** (restart - 2))

/**
 * Starts a server and watches it from then on. Rejects when the first start fails; later starts count as restarts.
 * After `restarts_max` restarts within `window_ms` it gives up and calls `on_gave_up`.
 */
export const watch = async (options: WatchOptions): Promise<WatchedServer> => {
  const { name, start, log, on_gave_up, restarts_max = RESTARTS_MAX, window_ms = WINDOW_MS } = options
  const stopping = new AbortController()
  const { signal } = stopping
  let child = await start(signal)

  let restarts: number[] = []
  const restart = async (): Promise<void> => {
    let cause: unknown
    for (;;) {
      const now = performance.now()
      restarts = restarts.filter(at => now - at < window_ms)
      if (restarts.length >= restarts_max) {
        throw new Error(`${name} ended ${restarts_max} times within ${window_ms / 1000} s.`, { cause })
      }
      restarts.push(now)
      await pause(pauseBefore(restarts.length), undefined, { signal })
      try {
        child = await start(signal)
        log.warn(
          { server: name, pid: child.pid, ms: Math.round(performance.now() - now) },
          'server restarted',
        )
        return
      } catch (error) {
        signal.throwIfAborted()
        log.error({ server: name, err: error }, 'server does not start again')
        cause = error
      }
    }
  }

  const run = async (): Promise<void> => {
    try {
      while (!signal.aborted) {
        const { code, signal: killed_by } = await child.exited
        if (signal.aborted) return
        log.warn({ server: name, pid: child.pid, code, signal: killed_by }, 'server ended unexpectedly')
        await restart()
      }
    } catch (error) {
      if (signal.aborted) return
      log.error({ server: name, err: error }, 'server given up')
      on_gave_up(name, error instanceof Error ? error : new Error(String(error)))
    }
  }
  const running = run()

  return {
    get pid() {
      return child.pid
    },
    stop: async () => {
      stopping.abort()
      await child.stop()
      await running
      // a restart may have succeeded at the very moment of the abort
      await child.stop()
    },
  }
}
