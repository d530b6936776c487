/** Lists the faults of stored data: a deleted or older table, overwritten records. Jetledger repairs all of them by itself. */

import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DDB_TABLE } from '../system.js'
import type { EndFault, Fault, FaultContext } from './fault.js'

const TABLE = `${DDB_TABLE}-ledger`
/** The records that Jetledger repairs without an operator, according to docs/recovery.md. */
const RECORDS = ['$KV.config.ledger', '$KV.config.status.ledger']
const LOCAL = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

const deleteTable = async ({ system }: FaultContext): Promise<undefined> => {
  const client = new DynamoDBClient({ endpoint: system.dynamodb.direct_endpoint, ...LOCAL })
  try {
    await client.send(new DeleteTableCommand({ TableName: TABLE }))
  } finally {
    client.destroy()
  }
}

/** Stops DynamoDB for the moment in which its files are copied. */
const setTableBack = async ({ system: { dynamodb } }: FaultContext): Promise<EndFault> => {
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
    what: 'the table is deleted',
    for_ms: [8_000, 12_000],
    begin: deleteTable,
  },
  {
    name: 'tables-set-back',
    what: 'the table is set back to what it was some seconds ago, as from a backup',
    for_ms: [5_000, 10_000],
    begin: setTableBack,
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
