/**
 * Tells what an item of the table is by the first character of its id (docs/adr/0061): an account id begins with a letter
 * or a digit, and the id of everything else with a character of its own.
 */

type Kind = 'head' | 'row' | 'sum'

/** The kind of the item with this id; undefined for an id that begins like none of them. */
export const kindOf = (id: string): Kind | undefined => {
  if (/^[A-Za-z0-9]/.test(id)) return 'head'
  if (/^[#@]/.test(id)) return 'row'
  return id.startsWith('=') ? 'sum' : undefined
}
