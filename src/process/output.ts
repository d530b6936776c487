/**
 * What a person or a script reads: results on standard output, everything else on standard error.
 *
 * Subjects, bodies, headers and names come from whoever may publish, and a terminal obeys what it is sent. So every line
 * passes `printable` on its way out: nothing of it can move the cursor, change the terminal or pretend to be a line of
 * ours.
 */

/** Control characters, line separators, what changes the direction of reading, tags, and halves of pairs. */
const UNPRINTABLE =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/gu

/** As JSON writes it: JSON that is printed stays the same JSON. */
const escaped = (char: string): string =>
  Array.from(
    { length: char.length },
    (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('')

/** A text of others on one line, harmless to a terminal: what cannot be printed is escaped as in JSON. */
export const printable = (text: string): string => text.replace(UNPRINTABLE, escaped)

/** The same for a text of several lines: line feeds and tabs stay. */
export const printableText = (text: string): string =>
  text.replace(UNPRINTABLE, char => (char === '\n' || char === '\t' ? char : escaped(char)))

/** Prints a line of the result. */
export const print = (line: string): void => {
  process.stdout.write(`${printable(line)}\n`)
}

/** Prints a result that has lines of its own. */
export const printText = (text: string): void => {
  process.stdout.write(`${printableText(text)}\n`)
}

/** Prints a line that is not part of the result. */
export const tell = (line: string): void => {
  process.stderr.write(`${printable(line)}\n`)
}

/** Prints the lines of an error that nobody foresaw. */
export const tellStack = (thrown: unknown): void => {
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  process.stderr.write(`${printableText(text)}\n`)
}

/** Prints a value as JSON that a script can read (amounts beyond 2^53-1 as strings). */
export const printJson = (value: unknown): void => {
  printText(JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner), 2))
}
