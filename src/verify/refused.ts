/**
 * Marks the differences that come from a table's refusal of an item: the projector has kept an `UNSTORABLE` letter of
 * each.
 */

import { type DeadLetter, listDeadLetters } from '../dead-letters/letters.js'
import type { Run } from './deps.js'
import type { Difference } from './difference.js'
import { customerOf } from './event.js'
import { persist } from './problem.js'

const LETTERS_MAX = 10_000

const isAbout = ({ where, id, seq }: Difference, letter: DeadLetter): boolean =>
  letter.projection === where && (letter.seq === seq || customerOf(letter.subject) === id)

/**
 * Returns the same differences, with a note in the detail of each one that a table's refusal explains. They stay
 * differences. Throws `CannotVerify`.
 */
export const withRefusals = async (
  { nc, signal }: Run,
  differences: readonly Difference[],
): Promise<readonly Difference[]> => {
  if (differences.length === 0) return differences
  const letters = await persist(listDeadLetters(nc, { settled: true, limit: LETTERS_MAX }), signal)
  const refused = letters.filter(({ reason }) => reason === 'UNSTORABLE')
  return differences.map(difference => {
    const letter = refused.find(one => isAbout(difference, one))
    if (letter === undefined) return difference
    const why = `UNSTORABLE: the table refused it (dead letter of event ${letter.seq})`
    return { ...difference, detail: difference.detail === undefined ? why : `${difference.detail}; ${why}` }
  })
}
