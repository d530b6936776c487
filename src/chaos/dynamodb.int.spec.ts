import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CreateTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LOCAL } from '../../test/support/ledger.js'
import { newFolder, removeFolder } from '../../test/support/servers.js'
import { type Reaper, startReaper } from '../embedded/reaper.js'
import { type Dynamodb, startDynamodb } from './dynamodb.js'

let folder: string
let reaper: Reaper
let dynamodb: Dynamodb
let client: DynamoDBClient
beforeAll(async () => {
  folder = newFolder()
  mkdirSync(join(folder, 'logs'))
  reaper = startReaper(() => undefined)
  dynamodb = await startDynamodb(folder, join(folder, 'logs'), reaper)
  // one try for each call, so that the test sees the errors that the SDK would retry
  client = new DynamoDBClient({ endpoint: `http://127.0.0.1:${dynamodb.port}`, maxAttempts: 1, ...LOCAL })
})
afterAll(async () => {
  client?.destroy()
  await dynamodb?.stop()
  reaper.done()
  removeFolder(folder)
})

const tables = async (): Promise<readonly string[]> =>
  (await client.send(new ListTablesCommand())).TableNames ?? []

const create = (name: string) =>
  client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  )

it('refuses the share of calls that its mood says, with the error of DynamoDB, and none when it is well', async () => {
  const error = 'ProvisionedThroughputExceededException'
  dynamodb.setMood({ tag: 'refusing', status: 400, error, share: 0.5 })
  const names = []
  for (let i = 0; i < 4; i += 1)
    names.push(
      await tables().then(
        () => 'well',
        refused => refused.name,
      ),
    )
  expect(names.toSorted()).toEqual([error, error, 'well', 'well'])
  dynamodb.setMood({ tag: 'well' })
  expect(await tables()).toEqual([])
})

it('is slow when its mood says so', async () => {
  dynamodb.setMood({ tag: 'slow', by_ms: 300 })
  const began_ms = performance.now()
  await tables()
  expect(performance.now() - began_ms).toBeGreaterThan(290)
  dynamodb.setMood({ tag: 'well' })
})

it('puts back the tables that it kept', async () => {
  await create('kept')
  await dynamodb.end()
  dynamodb.keep()
  await dynamodb.start()
  await create('later')
  expect(await tables()).toEqual(['kept', 'later'])
  await dynamodb.end()
  dynamodb.putBack()
  await dynamodb.start()
  expect(await tables()).toEqual(['kept'])
})
