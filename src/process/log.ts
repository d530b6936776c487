/**
 * The log of a process: JSON lines on standard error, or readable lines when standard error is a terminal and the
 * printer of such lines is installed.
 *
 * Levels are words, which every collector of logs reads. An error is shown with its stack only where the stack helps: where
 * it is a bug of this program, and not trouble outside or a caller's mistake.
 */

import { createRequire } from 'node:module'
import pino, { type DestinationStream, type Logger } from 'pino'
import type { HealthEntry } from '../health.js'
import { isOwnFault } from '../own-fault.js'
import { printableText } from './output.js'
import { CLEAR_LINE } from './status-line.js'

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

/** Figures that alarms watch, once a minute whatever happens. A person at a terminal would see nothing else of an idle ledger. */
const FIGURE = /"metric":"(?:projection_lag|in_flight|chain_lag)"/

const hasUsefulStack = (err: Error): boolean =>
  isOwnFault(err) || (Object.getPrototypeOf(err) === Error.prototype && !('code' in err))

/** An error as a field of a line. The message holds those of the causes. */
export const errorField = (err: Error): object => {
  if (!(err instanceof Error)) return { message: String(err) }
  const { type, message, stack } = pino.stdSerializers.err(err)
  const code = 'code' in err && typeof err.code === 'string' ? { code: err.code } : {}
  return { type, message, ...code, ...(hasUsefulStack(err) ? { stack } : {}) }
}

/** The line as it is shown; empty for a line that is left out. */
export const shownLine = (line: string, is_pretty: boolean): string => {
  if (!is_pretty) return harmless(line, false)
  return FIGURE.test(line) ? '' : harmless(line, true)
}

type PrettyPrinter = (options: Readonly<Record<string, unknown>>) => DestinationStream

const PRETTY_OPTIONS = {
  destination: STDERR,
  sync: true,
  singleLine: true,
  ignore: 'pid,hostname',
  translateTime: 'HH:MM:ss.l',
  customPrettifiers: { time: (at: string) => `${CLEAR_LINE}[${at}]` },
}

const require = createRequire(import.meta.url)

/**
 * The stream that prints readable lines. Undefined in an installation for production, which has no printer: only a
 * developer reads a log on a terminal, so it is a development dependency.
 */
const prettyStream = (): DestinationStream | undefined => {
  try {
    const print: PrettyPrinter = require('pino-pretty')
    return print(PRETTY_OPTIONS)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/**
 * Creates the log of a thread. `is_pretty` asks for readable lines; unless stated it follows standard error, which a
 * thread beside the main one cannot ask.
 */
export const createLog = (level: string, is_pretty = process.stderr.isTTY): Logger => {
  const stream = is_pretty ? prettyStream() : undefined
  const hooks = { streamWrite: (line: string) => shownLine(line, stream !== undefined) }
  const options = {
    level,
    base: null,
    redact: SECRETS,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: errorField },
    hooks,
  }
  return pino(options, stream ?? pino.destination({ dest: STDERR, sync: true }))
}

/** A listener that logs every change of health once. */
export const logHealth =
  (log: Logger) =>
  (part: string, { state, detail }: HealthEntry): void => {
    log[state === 'ok' ? 'info' : 'warn']({ part, state, detail }, `health: ${part} is ${state}`)
  }
