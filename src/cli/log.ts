/**
 * The log: JSON lines on standard error, or pretty ones where that is a terminal.
 */

import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { HealthEntry } from '../health.js'

/** Whatever is logged under these names is a secret. */
const SECRETS = [
  'NATS_CREDENTIALS',
  '*.NATS_CREDENTIALS',
  'password',
  '*.password',
  'authorization',
  '*.authorization',
]

const STDERR = 2

export const createLog = (level: string): Logger => {
  const options = { level, base: null, redact: SECRETS, timestamp: pino.stdTimeFunctions.isoTime }
  return process.stderr.isTTY
    ? pino(
        options,
        pretty({
          destination: STDERR,
          sync: true,
          singleLine: true,
          ignore: 'pid,hostname',
          translateTime: 'HH:MM:ss.l',
        }),
      )
    : pino(options, pino.destination({ dest: STDERR, sync: true }))
}

/** Tells the log about every change of health, once. */
export const logHealth =
  (log: Logger) =>
  (part: string, { state, detail }: HealthEntry): void => {
    log[state === 'ok' ? 'info' : 'warn']({ part, state, detail }, `health: ${part} is ${state}`)
  }
