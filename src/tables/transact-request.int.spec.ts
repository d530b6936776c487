/**
 * A proxy before the real server keeps the requests, so that they can be compared with those of the SDK's own client.
 */

import { createHash, createHmac } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  DynamoDBDocumentClient,
  ScanCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from '@aws-sdk/lib-dynamodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LOCAL } from '../../test/support/ledger.js'
import { createLedgerTable } from '../../test/support/ledger-table.js'
import { startTestDynamodb, type TestDynamodb } from '../../test/support/servers.js'
import {
  startWatchedDynamodb,
  type WatchedCall,
  type WatchedDynamodb,
} from '../../test/support/watched-dynamodb.js'
import { createTablesClient } from './client.js'
import { type PlainWrite, sendTransaction } from './transact-request.js'

const TABLE = 'written'

let dynamodb: TestDynamodb
let proxy: WatchedDynamodb
let endpoint: string
let kept: WatchedCall[]
let models = 0
/** The number of requests whose answer is lost after they were carried out. */
let to_lose = 0

beforeAll(async () => {
  dynamodb = await startTestDynamodb()
  proxy = await startWatchedDynamodb(dynamodb.endpoint, async (call, carryOut) => {
    kept.push(call)
    await carryOut()
    to_lose -= 1
    return to_lose >= 0 ? 'cut' : 'answer'
  })
  endpoint = proxy.endpoint
  const tables = createTablesClient({ endpoint: dynamodb.endpoint, ...LOCAL })
  await createLedgerTable(tables, TABLE)
  tables.destroy()
})

afterAll(async () => {
  await proxy.stop()
  await dynamodb.stop()
})

let tables: DynamoDBDocumentClient

beforeEach(() => {
  kept = []
  to_lose = 0
  tables = createTablesClient({ endpoint, ...LOCAL })
})

afterEach(() => tables.destroy())

const put = (id: string, reference: string): PlainWrite => ({
  Put: {
    TableName: TABLE,
    Item: { id, seq: 7, balance: 2n ** 63n - 1n, version: 0, reference },
    ConditionExpression:
      'attribute_not_exists(id) OR (seq = :none AND attribute_not_exists(parked_last_seq))',
    ExpressionAttributeValues: { ':none': 0 },
  },
})

const WRITES: readonly PlainWrite[] = [
  put('plain', 'order 1'),
  // the text of a request is not ASCII alone, and JSON escapes some of it
  put('text "x" \\ \n\u2028', 'ä€𝄞 \u0000\u001f \ud800 \udc00'),
  { Delete: { TableName: TABLE, Key: { id: 'gone' } } },
  {
    Update: {
      TableName: TABLE,
      Key: { id: 'all:0' },
      UpdateExpression: 'ADD #n0 :v0',
      ExpressionAttributeNames: { '#n0': 'credits' },
      ExpressionAttributeValues: { ':v0': -(2n ** 63n) },
    },
  },
]

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')

const parsed = ({ body }: WatchedCall): Record<string, unknown> => JSON.parse(body.toString())

/** The requests that went through all steps of the SDK say which try they are; those that follow a model do not. */
const isWhole = ({ headers }: WatchedCall): boolean => headers['amz-sdk-request'] !== undefined

describe.each([
  ['the first one', false],
  ['one that follows the model of another', true],
])('a transaction, %s,', (_, has_model) => {
  beforeEach(async () => {
    if (!has_model) return
    models += 1
    await sendTransaction(tables, TABLE, [put(`model ${models}`, 'of the next ones')])
    kept = []
  })

  it('is the request that the SDK writes itself, in every character', async () => {
    const in_sdks_words = WRITES.map(write => ({ ...write })) as TransactWriteCommandInput['TransactItems']
    // the table refuses the half of a surrogate pair; here only the requests count
    await expect(sendTransaction(tables, TABLE, WRITES)).rejects.toThrow()
    await expect(tables.send(new TransactWriteCommand({ TransactItems: in_sdks_words }))).rejects.toThrow()
    const [ours, theirs] = [kept[0], kept.at(-1)]
    if (ours === undefined || theirs === undefined) throw new Error('a request is missing')
    const { ClientRequestToken: our_token, ...our_items } = parsed(ours)
    const { ClientRequestToken: their_token, ...their_items } = parsed(theirs)
    expect(our_items).toEqual(their_items)
    expect([our_token, their_token]).toEqual([expect.any(String), expect.any(String)])
    expect(our_token).not.toBe(their_token)
    expect(isWhole(ours)).toBe(!has_model)
    // they change with the moment, the token, or the kind of the client
    const changing =
      /^(authorization|amz-sdk-(invocation-id|request)|x-amz-date|x-amz-content-sha256|(x-amz-)?user-agent)$/
    for (const name of new Set([...Object.keys(ours.headers), ...Object.keys(theirs.headers)]))
      if (!changing.test(name)) expect([name, ours.headers[name]]).toEqual([name, theirs.headers[name]])
    expect(ours.headers['x-amz-content-sha256']).toBe(sha256(ours.body))
    expect(ours.headers['content-length']).toBe(String(ours.body.length))
  })

  it('is what the table holds afterwards', async () => {
    await sendTransaction(tables, TABLE, [put(`held ${has_model}`, 'ä€𝄞')])
    const { Items = [] } = await tables.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }))
    expect(Items).toContainEqual({
      id: `held ${has_model}`,
      seq: 7n,
      balance: 2n ** 63n - 1n,
      version: 0n,
      reference: 'ä€𝄞',
    })
  })
})

/** The signature that AWS expects for a request (Signature Version 4), computed from its documentation. */
const signatureOf = ({ method, headers, body }: WatchedCall, secret: string): string => {
  const { authorization = '' } = headers
  const scope = /Credential=[^/]+\/([^,]+)/.exec(authorization)?.[1] ?? ''
  const signed = (/SignedHeaders=([^,]+)/.exec(authorization)?.[1] ?? '').split(';')
  const canonical = [
    method,
    '/',
    '',
    ...signed.map(name => `${name}:${String(headers[name]).trim()}`),
    '',
    signed.join(';'),
    sha256(body),
  ].join('\n')
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const [date = '', region = '', service = '', end = ''] = scope.split('/')
  const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), end)
  return hmac(key, text).toString('hex')
}

it('is signed as AWS asks for, over the body that is sent, with the credentials of the moment', async () => {
  let key = 'first'
  const changing = DynamoDBDocumentClient.from(
    new DynamoDBClient({
      endpoint,
      region: 'eu-central-1',
      // temporary credentials that end at once, so that they are asked for again at every request
      credentials: async () => ({
        accessKeyId: `${key}-id`,
        secretAccessKey: `${key} secret`,
        sessionToken: `${key} token`,
        expiration: new Date(),
      }),
    }),
  )
  for (const next of ['first', 'second']) {
    key = next
    await sendTransaction(changing, TABLE, [put(`signed with the ${key}`, key)])
    const sent = kept.at(-1)
    if (sent === undefined) throw new Error('a request is missing')
    expect(sent.headers['x-amz-security-token']).toBe(`${key} token`)
    expect(sent.headers.authorization).toContain(`Credential=${key}-id/`)
    expect(sent.headers.authorization).toContain('/eu-central-1/dynamodb/aws4_request')
    expect(sent.headers.authorization).toMatch(new RegExp(`Signature=${signatureOf(sent, `${key} secret`)}$`))
  }
  changing.destroy()
})

it.each([0, 1, 3])(
  'is the same request when its answer is lost after %i others, so that the table takes it once',
  async others => {
    for (let i = 0; i < others; i += 1)
      await sendTransaction(tables, TABLE, [put(`before ${others} ${i}`, 'x')])
    kept = []
    to_lose = 1
    const add: PlainWrite = {
      Update: {
        TableName: TABLE,
        Key: { id: `sum ${others}` },
        UpdateExpression: 'ADD #n0 :v0',
        ExpressionAttributeNames: { '#n0': 'credits' },
        ExpressionAttributeValues: { ':v0': 5n },
      },
    }
    await sendTransaction(tables, TABLE, [add])
    expect(kept.length).toBe(2)
    expect(kept[1]?.body.toString()).toBe(kept[0]?.body.toString())
    const { Items = [] } = await tables.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }))
    expect(Items).toContainEqual({ id: `sum ${others}`, credits: 5n })
  },
)

it('goes through all steps of the SDK until one has succeeded, and again after one that got no answer', async () => {
  const ways: string[] = []
  const send = async (id: string, lost = 0): Promise<void> => {
    kept = []
    to_lose = lost
    await sendTransaction(tables, TABLE, [put(id, 'way')])
    ways.push(kept.map(call => (isWhole(call) ? 'whole' : 'short')).join(' '))
  }
  await send('way 1')
  await send('way 2')
  await send('way 3', 1)
  await send('way 4')
  expect(ways).toEqual(['whole', 'short', 'short whole', 'short'])
  to_lose = 3
  await expect(sendTransaction(tables, TABLE, [put('way 5', 'way')])).rejects.toThrow()
  await send('way 6')
  await send('way 7')
  expect(ways.slice(4)).toEqual(['whole', 'short'])
})

it('gets the reasons of a refusal from the SDK, however it was sent', async () => {
  const once: PlainWrite = {
    Put: { TableName: TABLE, Item: { id: 'once', seq: 1 }, ConditionExpression: 'attribute_not_exists(id)' },
  }
  await sendTransaction(tables, TABLE, [once])
  await expect(sendTransaction(tables, TABLE, [put('beside it', 'x'), once])).rejects.toMatchObject({
    name: 'TransactionCanceledException',
    CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }],
  })
})

it('has the time that the SDK has found DynamoDB to have', async () => {
  await sendTransaction(tables, TABLE, [put('on time', 'x')])
  tables.config.systemClockOffset = 3_600_000
  kept = []
  await sendTransaction(tables, TABLE, [put('an hour on', 'x')])
  const [sent] = kept
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(sent?.headers['x-amz-date'])) ?? []
  const sent_ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  expect(Math.abs(sent_ms - Date.now() - 3_600_000)).toBeLessThan(60_000)
  expect(sent === undefined || isWhole(sent)).toBe(false)
})
