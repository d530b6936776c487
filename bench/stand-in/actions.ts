/**
 * The requests of DynamoDB that the program makes, on tables in memory. Conditions are checked and transactions are whole
 * or nothing, as DynamoDB does it; an unknown request or field of weight is refused.
 */

import {
  applyUpdate,
  compareValues,
  type Item,
  readCondition,
  ValidationError,
  type Value,
  type Words,
} from './expression.js'
import { createTable, idOf, type Table, type TableDescription } from './table.js'

/** An error as DynamoDB sends it. */
export class DynamoDbError extends Error {
  readonly type: string
  readonly fields: Readonly<Record<string, unknown>>

  constructor(type: string, message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.type = type
    this.fields = fields
  }
}

type Write = Words & {
  readonly TableName: string
  readonly Item?: Item
  readonly Key?: Item
  readonly ConditionExpression?: string
  readonly UpdateExpression?: string
}
type TransactItem = Readonly<Partial<Record<'Put' | 'Update' | 'Delete' | 'ConditionCheck', Write>>>
type Transact = { readonly TransactItems: readonly TransactItem[] }
type Read = Words & {
  readonly TableName: string
  readonly IndexName?: string
  readonly KeyConditionExpression?: string
  readonly FilterExpression?: string
  readonly ScanIndexForward?: boolean
  readonly Limit?: number
  readonly ExclusiveStartKey?: Item
}
type BatchGet = { readonly RequestItems: Readonly<Record<string, { readonly Keys: readonly Item[] }>> }
type BatchWriteRequest = {
  readonly PutRequest?: { readonly Item: Item }
  readonly DeleteRequest?: { readonly Key: Item }
}
type BatchWrite = { readonly RequestItems: Readonly<Record<string, readonly BatchWriteRequest[]>> }

/** The limits of DynamoDB. */
const TRANSACT_ITEMS_MAX = 100
const BATCH_WRITES_MAX = 25
const BATCH_READS_MAX = 100

const FAILED = 'ConditionalCheckFailed'

/** The one value that a key condition asks the partition key to be equal to. */
const partitionValue = (text: string, words: Words, partition: string): string => {
  for (const [, name = '', value = ''] of text.matchAll(/([#\w]+)\s*=\s*(:\w+)/g)) {
    if ((words.ExpressionAttributeNames?.[name] ?? name) !== partition) continue
    const found = words.ExpressionAttributeValues?.[value]?.S
    if (found !== undefined) return found
  }
  throw new ValidationError(`a key condition names no ${partition}: ${text}`)
}

type Tables = Map<string, Table>

const tableOf = (tables: Tables, name: string): Table => {
  const table = tables.get(name)
  if (table === undefined) throw new DynamoDbError('ResourceNotFoundException', `there is no table ${name}`)
  return table
}
const describe = (tables: Tables, name: string) => {
  const { description, created_s } = tableOf(tables, name)
  const indexes = description.GlobalSecondaryIndexes?.map(index => ({ ...index, IndexStatus: 'ACTIVE' }))
  return {
    ...description,
    ...(indexes === undefined ? {} : { GlobalSecondaryIndexes: indexes }),
    TableStatus: 'ACTIVE',
    TableId: `stand-in-${name}-${created_s}`,
    CreationDateTime: created_s,
  }
}

const holds = (tables: Tables, write: Write): boolean => {
  const id = idOf(write.Item ?? write.Key ?? {})
  const item = tableOf(tables, write.TableName).get(id)
  return write.ConditionExpression === undefined || readCondition(write.ConditionExpression, write)(item)
}
/** The change that a write makes, computed before anything is changed. */
const changeOf = (
  tables: Tables,
  kind: string,
  { TableName, Item, Key, UpdateExpression = '', ...words }: Write,
) => {
  const table = tableOf(tables, TableName)
  if (kind === 'Put') return () => table.put(Item ?? {})
  const key = Key ?? {}
  if (kind === 'Delete') return () => table.remove(idOf(key))
  if (kind === 'ConditionCheck') return () => {}
  const changed = applyUpdate(UpdateExpression, words, table.get(idOf(key)) ?? key)
  return () => table.put(changed)
}
const writeOne = (tables: Tables, kind: string, write: Write) => {
  if (!holds(tables, write))
    throw new DynamoDbError('ConditionalCheckFailedException', 'The conditional request failed')
  changeOf(tables, kind, write)()
  return {}
}

const transact = (tables: Tables, { TransactItems }: Transact) => {
  if (TransactItems.length > TRANSACT_ITEMS_MAX) throw new ValidationError('too many items in a transaction')
  const writes = TransactItems.flatMap(item => Object.entries(item))
  const keys = writes.map(([, { TableName, Item, Key }]) => `${TableName} ${idOf(Item ?? Key ?? {})}`)
  if (new Set(keys).size < keys.length) throw new ValidationError('a transaction has an item twice')
  const reasons = writes.map(([, write]) => ({ Code: holds(tables, write) ? 'None' : FAILED }))
  if (reasons.some(({ Code }) => Code === FAILED))
    throw new DynamoDbError('TransactionCanceledException', 'Transaction cancelled', {
      CancellationReasons: reasons,
    })
  for (const change of writes.map(([kind, write]) => changeOf(tables, kind, write))) change()
  return {}
}

const batchGet = (tables: Tables, { RequestItems }: BatchGet) => {
  const entries = Object.entries(RequestItems)
  if (entries.reduce((sum, [, { Keys }]) => sum + Keys.length, 0) > BATCH_READS_MAX)
    throw new ValidationError('too many keys in a batch')
  const found = entries.map(([name, { Keys }]) => {
    const table = tableOf(tables, name)
    return [name, Keys.flatMap(key => table.get(idOf(key)) ?? [])]
  })
  return { Responses: Object.fromEntries(found), UnprocessedKeys: {} }
}

const batchWrite = (tables: Tables, { RequestItems }: BatchWrite) => {
  const entries = Object.entries(RequestItems)
  if (entries.reduce((sum, [, requests]) => sum + requests.length, 0) > BATCH_WRITES_MAX)
    throw new ValidationError('too many items in a batch')
  for (const [name, requests] of entries)
    for (const { PutRequest, DeleteRequest } of requests) {
      if (PutRequest !== undefined) tableOf(tables, name).put(PutRequest.Item)
      else tableOf(tables, name).remove(idOf(DeleteRequest?.Key ?? {}))
    }
  return { UnprocessedItems: {} }
}

/** One page of `items`, which are in order, after the item of `ExclusiveStartKey`. */
const pageOf = (items: readonly Item[], read: Read, key_names: readonly string[]) => {
  const { Limit = items.length, ExclusiveStartKey: after, FilterExpression } = read
  const begin = after === undefined ? 0 : items.findIndex(item => idOf(item) === idOf(after)) + 1
  const page = items.slice(begin, begin + Limit)
  const filter = FilterExpression === undefined ? undefined : readCondition(FilterExpression, read)
  const last = page.at(-1)
  const Items = filter === undefined ? page : page.filter(item => filter(item))
  return {
    Items,
    Count: Items.length,
    ScannedCount: page.length,
    ...(last === undefined || begin + page.length >= items.length
      ? {}
      : {
          LastEvaluatedKey: Object.fromEntries(
            key_names.map((name): [string, Value] => [name, last[name] ?? {}]),
          ),
        }),
  }
}

const query = (tables: Tables, read: Read) => {
  const {
    TableName,
    IndexName,
    KeyConditionExpression: text = '',
    ScanIndexForward: is_forward = true,
  } = read
  if (IndexName === undefined) throw new ValidationError('the stand-in knows queries of an index only')
  const table = tableOf(tables, TableName)
  const { partition, sort } = table.indexKey(IndexName)
  const condition = readCondition(text, read)
  const found = [...table.partition(IndexName, partitionValue(text, read, partition))]
    .filter(item => condition(item))
    .sort((a, b) => compareValues(a[sort], b[sort]) || compareValues(a.id, b.id) || 0)
  return pageOf(is_forward ? found : found.reverse(), read, ['id', partition, sort])
}

const scan = (tables: Tables, read: Read) => {
  const table = tableOf(tables, read.TableName)
  const { partition, sort } =
    read.IndexName === undefined ? { partition: 'id', sort: 'id' } : table.indexKey(read.IndexName)
  return pageOf([...table.all(read.IndexName)], read, [...new Set(['id', partition, sort])])
}

/** Makes a set of tables; the returned function does one request by the name of its action. */
export const createActions = (): ((action: string, body: unknown) => unknown) => {
  const tables: Tables = new Map()
  const actions: Readonly<Record<string, (body: never) => unknown>> = {
    CreateTable: (description: TableDescription) => {
      const { TableName: name } = description
      if (tables.has(name)) throw new DynamoDbError('ResourceInUseException', `there is a table ${name}`)
      tables.set(name, createTable(description))
      return { TableDescription: describe(tables, name) }
    },
    DeleteTable: ({ TableName: name }: { readonly TableName: string }) => {
      const description = describe(tables, name)
      tables.delete(name)
      return { TableDescription: description }
    },
    DescribeTable: ({ TableName }: { readonly TableName: string }) => ({
      Table: describe(tables, TableName),
    }),
    GetItem: ({ TableName, Key = {} }: Write) => {
      const found = tableOf(tables, TableName).get(idOf(Key))
      return found === undefined ? {} : { Item: found }
    },
    PutItem: (write: Write) => writeOne(tables, 'Put', write),
    UpdateItem: (write: Write) => writeOne(tables, 'Update', write),
    DeleteItem: (write: Write) => writeOne(tables, 'Delete', write),
    TransactWriteItems: (body: Transact) => transact(tables, body),
    BatchGetItem: (body: BatchGet) => batchGet(tables, body),
    BatchWriteItem: (body: BatchWrite) => batchWrite(tables, body),
    Query: (read: Read) => query(tables, read),
    Scan: (read: Read) => scan(tables, read),
  }
  return (action, body) => {
    const act = Object.hasOwn(actions, action) ? actions[action] : undefined
    if (act === undefined) throw new DynamoDbError('UnknownOperationException', `no stand-in for ${action}`)
    return act(body as never)
  }
}
