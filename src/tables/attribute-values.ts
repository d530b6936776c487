/**
 * Translates between plain items and DynamoDB's form of them, in which each value names its type. The tables of this
 * program hold strings (`S`) and whole numbers (`N`) only.
 */

import type { AttributeValue } from '@aws-sdk/client-dynamodb'

type PlainValue = string | number | bigint
/** Plain values by attribute name. */
export type PlainItem = Readonly<Record<string, PlainValue>>

const TEXTS_MAX = 1_000
const texts = new Map<string, string>()

/**
 * The JSON of a text that this program writes again and again, such as the name of an attribute: it is kept, up to a number of such
 * texts.
 */
export const constantText = (text: string): string => {
  const known = texts.get(text)
  if (known !== undefined) return known
  const json = JSON.stringify(text)
  if (texts.size < TEXTS_MAX) texts.set(text, json)
  return json
}

/** Encodes an item as the JSON that DynamoDB reads. Its numbers have to be whole. */
export const itemText = (item: PlainItem): string => {
  let text = ''
  for (const name in item) {
    const value = item[name]
    if (value === undefined) continue
    const typed = typeof value === 'string' ? `{"S":${JSON.stringify(value)}}` : `{"N":"${value}"}`
    text += `${text === '' ? '' : ','}${constantText(name)}:${typed}`
  }
  return `{${text}}`
}

const fromAttribute = (attribute: AttributeValue): unknown => {
  if (attribute.S !== undefined) return attribute.S
  return attribute.N === undefined ? attribute : BigInt(attribute.N)
}

/**
 * Decodes an item: strings, and numbers as `bigint`. A value of another type stays as it is, and no codec of this
 * program accepts it. Throws a `SyntaxError` when a number is not whole.
 */
export const fromAttributes = (item: Readonly<Record<string, AttributeValue>>): Record<string, unknown> => {
  const plain: Record<string, unknown> = {}
  for (const name in item) {
    const attribute = item[name]
    if (attribute !== undefined) plain[name] = fromAttribute(attribute)
  }
  return plain
}
