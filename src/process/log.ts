/**
 * The log: JSON lines on standard error, or pretty ones where that is a terminal.
 */

import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { HealthEntry } from '../health.js'
import { printableText } from './output.js'

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

/** The escapes of JSON for what a terminal obeys; an escaped backslash is taken whole, so that what follows is none. */
const ESCAPE = /\\(?:u[0-9a-f]{4}|[\\bfr])/g

/**
 * A line of the log that a terminal can be shown. The pretty printer decodes the JSON of a line: there the escapes are
 * escaped once more, so that it shows them.
 */
export const harmless = (line: string, is_pretty: boolean): string => {
  const json = printableText(line)
  return is_pretty ? json.replace(ESCAPE, found => (found === '\\\\' ? found : `\\${found}`)) : json
}

export const createLog = (level: string): Logger => {
  const is_pretty = process.stderr.isTTY
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

/** Tells the log about every change of health, once. */
export const logHealth =
  (log: Logger) =>
  (part: string, { state, detail }: HealthEntry): void => {
    log[state === 'ok' ? 'info' : 'warn']({ part, state, detail }, `health: ${part} is ${state}`)
  }
