/**
 * Translates between plain items and DynamoDB's form of them, in which each value names its type. The tables of this
 * program hold strings (`S`) and whole numbers (`N`) only.
 */

import type { AttributeValue } from '@aws-sdk/client-dynamodb'

export type PlainValue = string | number | bigint
/** Plain values by attribute name. */
export type PlainItem = Readonly<Record<string, PlainValue>>

/** Encodes an item. Its numbers have to be whole. */
export const toAttributes = (item: PlainItem): Record<string, AttributeValue> => {
  const attributes: Record<string, AttributeValue> = {}
  for (const name in item) {
    const value = item[name]
    if (value !== undefined)
      attributes[name] = typeof value === 'string' ? { S: value } : { N: String(value) }
  }
  return attributes
}
