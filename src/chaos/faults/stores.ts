/** Lists the faults of stored data: deleted or older tables, overwritten records. Jetledger repairs all of them by itself. */

import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DDB_TABLE } from '../system.js'
import type { EndFault, Fault, FaultContext } from './fault.js'

const TABLES = ['', '-journal', '-totals', '-ranking'].map(end => DDB_TABLE + end)
/** The records that Jetledger repairs without an operator, according to docs/recovery.md. */
const RECORDS = ['$KV.config.ledger', '$KV.config.status.balances', '$KV.config.status.journal']
const LOCAL = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

const deleteTable = async ({ system, random }: FaultContext): Promise<undefined> => {
  const client = new DynamoDBClient({ endpoint: system.dynamodb.direct_endpoint, ...LOCAL })
  try {
    await client.send(new DeleteTableCommand({ TableName: random.pick(TABLES) }))
  } finally {
    client.destroy()
  }
}

/** Stops DynamoDB for the moment in which its files are copied. */
const setTablesBack = async ({ system: { dynamodb } }: FaultContext): Promise<EndFault> => {
  await dynamodb.end()
  dynamodb.keep()
  await dynamodb.start()
  return async () => {
    await dynamodb.end()
    dynamodb.putBack()
    await dynamodb.start()
  }
}

export const STORE_FAULTS: readonly Fault[] = [
  {
    name: 'table-deleted',
    what: 'a table is deleted',
    for_ms: [8_000, 12_000],
    begin: deleteTable,
  },
  {
    name: 'tables-set-back',
    what: 'all tables are set back to what they were some seconds ago, as from a backup',
    for_ms: [5_000, 10_000],
    begin: setTablesBack,
  },
  {
    name: 'record-overwritten',
    what: 'a small record of the ledger in its bucket is written over with something else',
    for_ms: [5_000, 8_000],
    begin: async ({ system: { nc }, random }) => {
      nc.publish(random.pick(RECORDS), random.pick(['{}', 'no JSON', '{"epoch":1}', '[]']))
      await nc.flush()
      return undefined
    },
  },
]
