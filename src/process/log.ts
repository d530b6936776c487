/**
 * The log of a process: JSON lines on standard error, or readable lines when standard error is a terminal.
 */

import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { HealthEntry } from '../health.js'
import { printableText } from './output.js'

/** The names of log fields that hold secrets; pino replaces their values. */
const SECRETS = [
  'NATS_CREDENTIALS',
  '*.NATS_CREDENTIALS',
  'password',
  '*.password',
  'authorization',
  '*.authorization',
]

const STDERR = 2

/**
 * Matches the JSON escapes of characters that a terminal obeys. It also matches an escaped backslash, so that the
 * character after that backslash is not taken for an escape.
 */
const ESCAPE = /\\(?:u[0-9a-f]{4}|[\\bfr])/g

/**
 * Makes a line of the log safe to show on a terminal. The pretty printer decodes the JSON of a line, so the escapes are
 * escaped once more for it.
 */
export const harmless = (line: string, is_pretty: boolean): string => {
  const json = printableText(line)
  return is_pretty ? json.replace(ESCAPE, found => (found === '\\\\' ? found : `\\${found}`)) : json
}

/**
 * Creates the log of a thread. `is_pretty` makes readable lines; unless stated it follows standard error, which a
 * thread beside the main one cannot ask.
 */
export const createLog = (level: string, is_pretty = process.stderr.isTTY): Logger => {
  const hooks = { streamWrite: (line: string) => harmless(line, is_pretty) }
  const options = { level, base: null, redact: SECRETS, timestamp: pino.stdTimeFunctions.isoTime, hooks }
  return is_pretty
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

/** A listener that logs every change of health once. */
export const logHealth =
  (log: Logger) =>
  (part: string, { state, detail }: HealthEntry): void => {
    log[state === 'ok' ? 'info' : 'warn']({ part, state, detail }, `health: ${part} is ${state}`)
  }
