/**
 * Prints text for a person or a script: results on standard output, everything else on standard error.
 *
 * Subjects, bodies, headers and names come from any client that may publish, and a terminal obeys control characters
 * in them. So every line passes through `printable` before it is printed: it cannot move the cursor, change the
 * terminal or pretend to be another line of this program.
 */

import { hideStatusLine } from './status-line.js'

/** Control characters, line separators, characters that change the reading direction, tags, and lone surrogates. */
const UNPRINTABLE =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/gu

/** The character as JSON escapes it, so that printed JSON stays the same JSON. */
const escaped = (char: string): string =>
  Array.from(
    { length: char.length },
    (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('')

/** A foreign text on one line, harmless to a terminal: characters that cannot be printed are escaped as in JSON. */
export const printable = (text: string): string => text.replace(UNPRINTABLE, escaped)

/** The same for a text of several lines: line feeds and tabs stay. */
export const printableText = (text: string): string =>
  text.replace(UNPRINTABLE, char => (char === '\n' || char === '\t' ? char : escaped(char)))

const closed = new AbortController()

/** Aborts when nobody reads the result any more, as in `jetledger events --follow | head`. */
export const outputClosed: AbortSignal = closed.signal

/**
 * Makes a process whose reader has gone keep quiet and go on: what it does must not depend on how much of its output is
 * read. Work that consists of output alone ends by `outputClosed`.
 */
export const keepQuietWhenClosed = (): void => {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      if (stream === process.stdout) closed.abort()
    })
}

/** Prints a line of the result. */
export const print = (line: string): void => {
  hideStatusLine()
  process.stdout.write(`${printable(line)}\n`)
}

/** Prints a result that has lines of its own. */
export const printText = (text: string): void => {
  hideStatusLine()
  process.stdout.write(`${printableText(text)}\n`)
}

/** Prints a line that is not part of the result, on standard error. */
export const tell = (line: string): void => {
  hideStatusLine()
  process.stderr.write(`${printable(line)}\n`)
}

/** Prints an unexpected error with its stack trace, on standard error. */
export const tellStack = (thrown: unknown): void => {
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  process.stderr.write(`${printableText(text)}\n`)
}

/** Prints a value as JSON that a script can read (amounts beyond 2^53-1 as strings). */
export const printJson = (value: unknown): void => {
  printText(JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner), 2))
}
