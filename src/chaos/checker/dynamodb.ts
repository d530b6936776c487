/** The checker's own access to DynamoDB: reads whole tables, with every attribute as it is stored. */

import { type AttributeValue, DynamoDBClient, GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'

/** An item's attributes by name: text with the prefix `S:`, a number with `N:`, any other type as JSON. */
export type Item = ReadonlyMap<string, string>

export type Tables = {
  /** Every item of a table by its id; undefined when the table does not exist. */
  readonly scan: (table: string) => Promise<ReadonlyMap<string, Item> | undefined>
  /** Reads one item with strong consistency. */
  readonly get: (table: string, id: string) => Promise<Item | undefined>
  readonly close: () => void
}

const textOf = (value: AttributeValue): string => {
  if (value.S !== undefined) return `S:${value.S}`
  return value.N === undefined ? JSON.stringify(value) : `N:${value.N}`
}

const itemOf = (raw: Readonly<Record<string, AttributeValue>>): Item =>
  new Map(Object.entries(raw).map(([name, value]) => [name, textOf(value)]))

export const openTables = (endpoint: string): Tables => {
  const client = new DynamoDBClient({
    endpoint,
    region: 'local',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 10,
  })
  return {
    scan: async table => {
      const items = new Map<string, Item>()
      let from: Record<string, AttributeValue> | undefined
      try {
        do {
          const page = await client.send(
            new ScanCommand({ TableName: table, ConsistentRead: true, ExclusiveStartKey: from }),
          )
          for (const raw of page.Items ?? []) items.set(raw.id?.S ?? '', itemOf(raw))
          from = page.LastEvaluatedKey
        } while (from !== undefined)
      } catch (thrown) {
        if (thrown instanceof Error && thrown.name === 'ResourceNotFoundException') return undefined
        throw thrown
      }
      return items
    },
    get: async (table, id) => {
      const request = { TableName: table, Key: { id: { S: id } }, ConsistentRead: true }
      const { Item: raw } = await client.send(new GetItemCommand(request))
      return raw && itemOf(raw)
    },
    close: () => client.destroy(),
  }
}
