/**
 * Asks a person before something that cannot be taken back.
 */

import { createInterface } from 'node:readline/promises'
import { Failure } from '../process/failure.js'
import { printable } from '../process/output.js'

/** Resolves when a person types `yes`. Throws `Failure` on any other answer, and where there is no terminal to ask at. */
export const confirm = async (question: string): Promise<void> => {
  if (!process.stdin.isTTY)
    throw new Failure(`${question} There is no terminal to ask at: say --yes`, { exit_code: 2 })
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await asking.question(`${printable(question)} Type "yes" to go on: `)
    if (answer.trim() !== 'yes') throw new Failure('nothing was changed')
  } finally {
    asking.close()
  }
}
