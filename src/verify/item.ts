/**
 * Compares an item, attribute by attribute, with what it should be, and reports missing, surplus and different
 * attributes.
 */

import type { RawItem } from '../tables/batch-get.js'
import type { Differences, Where } from './difference.js'

/** What an item should hold besides its id. A text is DynamoDB's type S, and a whole number is its type N. */
export type Expected = Readonly<Record<string, string | bigint | number | undefined>>

/** Whether two different texts of one attribute mean the same. */
export type Same = (field: string, is: string, should_be: string) => boolean

const VALUE_CHARS_MAX = 200

/** The text as DynamoDB stores it: in UTF-8, which cannot hold half of a surrogate pair. */
const asStored = (text: string): string => Buffer.from(text, 'utf8').toString('utf8')

const textOf = (value: RawItem[string]): string => {
  if (value.S !== undefined) return value.S
  return value.N ?? JSON.stringify(value)
}

const isSame = (
  field: string,
  value: RawItem[string],
  should_be: string | bigint | number,
  same: Same,
): boolean => {
  if (typeof should_be !== 'string') return value.N === String(should_be)
  return value.S !== undefined && (value.S === asStored(should_be) || same(field, value.S, should_be))
}

/** The whole number in an item's attribute; undefined when the attribute is missing or is no whole number. */
export const wholeIn = (item: RawItem, field: string): bigint | undefined => {
  const text = item[field]?.N
  return text !== undefined && /^-?\d+$/.test(text) ? BigInt(text) : undefined
}

/** The item that a difference is about. */
export type About = { readonly where: Where; readonly id: string; readonly seq?: number }

/** Adds a difference for every attribute of `item` that is not as expected. Returns the number of them. */
export const compareItem = (
  differences: Differences,
  about: About,
  item: RawItem,
  expected: Expected,
  same: Same = () => false,
): number => {
  let found = 0
  const add = (field: string, is: string | undefined, should_be: string | undefined): void => {
    found += 1
    differences.add({
      ...about,
      kind: 'differs',
      field,
      ...(is === undefined ? {} : { is: is.slice(0, VALUE_CHARS_MAX) }),
      ...(should_be === undefined ? {} : { should_be: should_be.slice(0, VALUE_CHARS_MAX) }),
    })
  }
  for (const [field, should_be] of Object.entries(expected)) {
    const value = item[field]
    if (should_be === undefined) continue
    if (value === undefined) add(field, undefined, String(should_be))
    else if (!isSame(field, value, should_be, same)) add(field, textOf(value), String(should_be))
  }
  for (const [field, value] of Object.entries(item)) {
    if (field !== 'id' && expected[field] === undefined) add(field, textOf(value), undefined)
  }
  return found
}
