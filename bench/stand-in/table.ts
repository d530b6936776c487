/** One table of the stand-in: items by their key `id`, and indexes of them. */

import { type Item, ValidationError } from './expression.js'

type KeyElement = { readonly AttributeName: string; readonly KeyType: string }
type Index = { readonly IndexName: string; readonly KeySchema: readonly KeyElement[] }

export type TableDescription = {
  readonly TableName: string
  readonly KeySchema: readonly KeyElement[]
  readonly AttributeDefinitions: readonly unknown[]
  readonly GlobalSecondaryIndexes?: readonly Index[]
}

/** The attributes of an index's key. */
type IndexKey = { readonly partition: string; readonly sort: string }

export type Table = {
  readonly description: TableDescription
  readonly created_s: number
  readonly get: (id: string) => Item | undefined
  readonly put: (item: Item) => void
  readonly remove: (id: string) => void
  /** All items, or all of an index, in one order as long as nothing is written. */
  readonly all: (index?: string) => Iterable<Item>
  readonly indexKey: (name: string) => IndexKey
  /** The items of an index whose partition key has this text, in no order. */
  readonly partition: (index: string, value: string) => Iterable<Item>
}

const MS_PER_S = 1_000

export const idOf = (key: Item): string => {
  const id = key.id?.S
  if (id === undefined) throw new ValidationError('a key has no text "id"')
  return id
}

type Partitions = Map<string, Map<string, Item>>

export const createTable = (description: TableDescription): Table => {
  const items = new Map<string, Item>()
  const indexes = (description.GlobalSecondaryIndexes ?? []).map(({ IndexName: name, KeySchema }) => {
    const [partition, sort] = KeySchema.map(({ AttributeName }) => AttributeName)
    if (partition === undefined || sort === undefined)
      throw new ValidationError(`index ${name} has no sort key`)
    return { name, key: { partition, sort }, partitions: new Map() as Partitions }
  })
  const indexOf = (name: string) => {
    const found = indexes.find(index => index.name === name)
    if (found === undefined) throw new ValidationError(`there is no index ${name}`)
    return found
  }

  const forget = (id: string, item: Item): void => {
    for (const { key, partitions } of indexes) partitions.get(item[key.partition]?.S ?? '')?.delete(id)
  }
  const remember = (id: string, item: Item): void => {
    for (const { key, partitions } of indexes) {
      const value = item[key.partition]?.S
      // an item without an attribute of the index's key is not in the index
      if (value === undefined || item[key.sort] === undefined) continue
      const partition = partitions.get(value) ?? new Map<string, Item>()
      partitions.set(value, partition.set(id, item))
    }
  }
  const remove = (id: string): void => {
    const before = items.get(id)
    if (before !== undefined) forget(id, before)
    items.delete(id)
  }
  return {
    description,
    created_s: Date.now() / MS_PER_S,
    get: id => items.get(id),
    put: item => {
      const id = idOf(item)
      const before = items.get(id)
      if (before !== undefined) forget(id, before)
      items.set(id, item)
      remember(id, item)
    },
    remove,
    all: index =>
      index === undefined
        ? items.values()
        : [...indexOf(index).partitions.values()].flatMap(partition => [...partition.values()]),
    indexKey: name => indexOf(name).key,
    partition: (name, value) => indexOf(name).partitions.get(value)?.values() ?? [],
  }
}
