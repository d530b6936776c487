/**
 * Marks the differences that come from the table's refusal of an item: the projector has kept an `UNSTORABLE` letter of
 * each.
 */

import { type DeadLetter, listDeadLetters } from '../dead-letters/letters.js'
import type { Run } from './deps.js'
import type { Difference } from './difference.js'
import { customerOf } from './event.js'
import { persist } from './problem.js'
import { PROJECTION } from './target.js'

const LETTERS_MAX = 10_000

/** Whether a letter may explain a difference. A letter does not say whether a row was refused, or the customer's head. */
const isAbout = ({ where, id, seq }: Difference, letter: DeadLetter): boolean =>
  where === 'balances' ? customerOf(letter.subject) === id : where === 'journal' && letter.seq === seq

/**
 * Returns the same differences, with a note in the detail of each one that the table's refusal may explain. They stay
 * differences. Throws `CannotVerify`.
 */
export const withRefusals = async (
  { nc, signal }: Run,
  differences: readonly Difference[],
): Promise<readonly Difference[]> => {
  if (differences.length === 0) return differences
  const letters = await persist(listDeadLetters(nc, { settled: true, limit: LETTERS_MAX }), signal)
  // letters about the tables of an earlier program explain nothing here
  const refused = letters.filter(
    ({ reason, projection }) => reason === 'UNSTORABLE' && projection === PROJECTION,
  )
  return differences.map(difference => {
    const letter = refused.find(one => isAbout(difference, one))
    if (letter === undefined) return difference
    const what = difference.where === 'balances' ? 'an item of this customer' : 'it'
    const why = `UNSTORABLE: the table refused ${what} (dead letter of event ${letter.seq})`
    return { ...difference, detail: difference.detail === undefined ? why : `${difference.detail}; ${why}` }
  })
}
