/**
 * Reads the text files that a person names: roles, tokens, credentials, certificates, lists of commands.
 */

import { readFileSync } from 'node:fs'
import { Failure } from './failure.js'

/** The file descriptor of standard input, to be used in place of a path. */
export const STANDARD_INPUT = 0

/** Some editors write this mark before the first character of a file; no format that is read here allows it. */
const BYTE_ORDER_MARK = /^\ufeff/

/** A text without the byte order mark. */
export const withoutMark = (text: string): string => text.replace(BYTE_ORDER_MARK, '')

/** The text of a file. When it cannot be read, throws a `Failure` whose message begins with `what`, the file's role. */
export const readTextFile = (what: string, path: string | typeof STANDARD_INPUT): string => {
  try {
    return withoutMark(readFileSync(path, 'utf8'))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Failure(`${what}: it cannot be read: ${why}`, { cause, exit_code: 2 })
  }
}
