/**
 * The words that call this program, for lines that a user pastes into a shell.
 *
 * `npx jetledger` is this program only inside the checkout: in another folder npx would fetch the package of that name
 * from the registry, and run a stranger's program.
 */

import { isAbsolute, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAM = fileURLToPath(new URL('../../bin/jetledger.js', import.meta.url))

const HARMLESS = /^[\w./:@%+=,-]+$/

/** A text as one word of a shell. */
export const shellWord = (text: string): string =>
  HARMLESS.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** The words that call the program from a folder. */
export const calledFrom = (folder: string): string => {
  const path = relative(CHECKOUT, folder)
  const is_inside = !isAbsolute(path) && path.split(/[/\\]/)[0] !== '..'
  return is_inside ? 'npx jetledger' : shellWord(PROGRAM)
}
