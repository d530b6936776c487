/** Servers with logins: who gets in, and a table server that only its door reaches. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  ListTablesCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb'
import { type ConnectionOptions, connect, credsAuthenticator } from 'nats'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newFolder, removeFolder, until } from '../../test/support/servers.js'
import { loginsOf } from '../cli/dev-logins.js'
import { type Embedded, startEmbedded } from './index.js'
import { openCertificates } from './secure/certificates.js'
import { openSecured, requireKind, type Secured } from './secure/index.js'

const OWN = { user: 'own', inbox_prefix: '_INBOX.own' }
const RIGHTS = new Map([
  [
    'own',
    {
      pub: { allow: ['$JS.API.INFO', '$JS.API.STREAM.*.kept', 'said'] },
      sub: { allow: ['_INBOX.own.>'] },
    },
  ],
  ['other', { pub: { allow: ['said'] }, sub: { allow: ['said', '_INBOX.other.>'] } }],
])
const MS_MAX = 15_000
const MS_PER_DAY = 86_400_000

let folder: string
let secured: Secured
let embedded: Embedded

const start = async (): Promise<void> => {
  secured = openSecured(folder, loginsOf(RIGHTS), OWN)
  embedded = await startEmbedded({
    data_dir: folder,
    nats_port: 0,
    dynamodb_port: 0,
    cluster: false,
    sync_interval: '2m',
    secured,
    log: pino({ level: 'silent' }),
    on_gave_up: name => {
      throw new Error(`${name} was given up`)
    },
  })
}

beforeAll(async () => {
  folder = newFolder()
  await start()
})
afterAll(async () => {
  await embedded.stop()
  removeFolder(folder)
})

const client = (key: string): DynamoDBClient =>
  new DynamoDBClient({
    endpoint: embedded.dynamodb_endpoint,
    region: 'local',
    credentials: { accessKeyId: key, secretAccessKey: key },
    maxAttempts: 1,
  })

const pidOf = (wanted: string): number => embedded.servers.find(({ name }) => name === wanted)?.pid ?? 0

/** The sockets on which any process listens, as /proc names them. */
const listening = (): ReadonlySet<string> =>
  new Set(
    ['tcp', 'tcp6'].flatMap(kind =>
      readFileSync(`/proc/net/${kind}`, 'utf8')
        .split('\n')
        .map(line => line.trim().split(/\s+/))
        .filter(fields => fields[3] === '0A')
        .map(fields => `socket:[${fields[9]}]`),
    ),
  )

it('the table server has no port, and its door answers its own key only, whatever page asks', async () => {
  const all = listening()
  const listenersOf = (pid: number): readonly string[] =>
    readdirSync(`/proc/${pid}/fd`)
      .map(fd => readlinkSync(`/proc/${pid}/fd/${fd}`))
      .filter(file => all.has(file))
  expect(listenersOf(pidOf('dynamodb'))).toEqual([])
  // what is compared is not blind: the other server has a port
  expect(listenersOf(pidOf('nats'))).toHaveLength(1)

  const target = { 'x-amz-target': 'DynamoDB_20120810.ListTables' }
  const authorization = 'AWS4-HMAC-SHA256 Credential=local/20260101/local/dynamodb/aws4_request'
  const origin = 'https://evil.example'
  const requests = [{}, target, { ...target, authorization }, { ...target, authorization, origin }]
  for (const [i, headers] of requests.entries())
    for (const method of ['POST', 'OPTIONS', 'GET']) {
      const reply = await fetch(embedded.dynamodb_endpoint, { method, headers })
      expect([i, method, reply.status]).toEqual([i, method, 403])
      expect([...reply.headers.keys()].filter(name => name.startsWith('access-control'))).toEqual([])
    }
  await expect(client('local').send(new ListTablesCommand({}))).rejects.toThrow('answers its own ledger only')
  expect(await client(secured.dynamodb_key).send(new ListTablesCommand({}))).toMatchObject({ TableNames: [] })
})

it('a table behind the door says which condition failed, outlives kill -9, and leaves no copy when it is dropped', async () => {
  const tables = client(secured.dynamodb_key)
  const TableName = 'kept'
  await tables.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    }),
  )
  const put = (id: string) => ({
    Put: { TableName, Item: { id: { S: id } }, ConditionExpression: 'attribute_not_exists(id)' },
  })
  await tables.send(new TransactWriteItemsCommand({ TransactItems: [put('a')] }))
  const refused = await tables
    .send(new TransactWriteItemsCommand({ TransactItems: [put('b'), put('a')] }))
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
  if (!(refused instanceof TransactionCanceledException)) throw new Error('it should be cancelled')
  expect(refused.CancellationReasons?.map(({ Code }) => Code)).toEqual(['None', 'ConditionalCheckFailed'])

  const pid = pidOf('dynamodb')
  process.kill(pid, 'SIGKILL')
  await until(() => pidOf('dynamodb') !== pid, { deadline_ms: MS_MAX, what: 'another process' })
  expect(await tables.send(new ListTablesCommand({}))).toMatchObject({ TableNames: [TableName] })
  await tables.send(new DeleteTableCommand({ TableName }))
  expect(readdirSync(join(folder, 'single/.dynoxide/snapshots'))).toEqual([])
})

const connectWith = (options: ConnectionOptions) =>
  connect({ servers: embedded.nats_url.replace('tls://', ''), reconnect: false, ...options })

const accessOf = (user: string, creds = readFileSync(secured.credsFileOf(user))): ConnectionOptions => ({
  tls: { ca: readFileSync(secured.ca_file, 'utf8') },
  authenticator: credsAuthenticator(creds),
  inboxPrefix: `_INBOX.${user}`,
})

it('nats-server wants TLS and a login, whose rights are those that were given', async () => {
  const { tls, authenticator } = accessOf('other')
  await expect(connectWith({ authenticator: authenticator ?? [] })).rejects.toThrow(/certificate/)
  await expect(connectWith({ tls: tls ?? null })).rejects.toThrow('Authorization Violation')
  const nc = await connectWith(accessOf('other'))
  await expect(nc.request('$JS.API.INFO', '', { timeout: 1_000 })).rejects.toThrow('Permissions Violation')
  await nc.close()
})

const ask = async (subject: string, body: object = {}): Promise<unknown> => {
  const nc = await connectWith(accessOf('own'))
  try {
    return (await nc.request(subject, JSON.stringify(body), { timeout: MS_MAX })).json()
  } finally {
    await nc.close()
  }
}

it('everything is used again at the next start; a login that was removed is made anew, and the old one ends', async () => {
  const files = ['own', 'other'].map(user => secured.credsFileOf(user))
  const read = (): string[] => [...files, secured.cert_file].map(file => readFileSync(file, 'utf8'))
  const [own, other, cert] = read()
  await ask('$JS.API.STREAM.CREATE.kept', { name: 'kept', subjects: ['said'], storage: 'file' })
  await ask('said')
  rmSync(secured.credsFileOf('other'))
  await embedded.stop()
  await start()
  expect(await ask('$JS.API.STREAM.INFO.kept')).toMatchObject({ state: { messages: 1 } })
  const [own_now, other_now, cert_now] = read()
  expect([own_now, cert_now]).toEqual([own, cert])
  expect(other_now).not.toBe(other)
  await expect(connectWith(accessOf('other', Buffer.from(`${other}`)))).rejects.toThrow(
    'Authorization Violation',
  )
  await (await connectWith(accessOf('other'))).close()
})

it('a certificate that ends soon is made anew, and no key is left that could sign another', () => {
  const other = newFolder()
  try {
    const files = openCertificates(other, Date.now())
    const cert = readFileSync(files.cert_file, 'utf8')
    expect(readdirSync(join(other, 'tls')).sort()).toEqual(['ca.pem', 'node.key', 'node.pem'])
    openCertificates(other, Date.now() + 790 * MS_PER_DAY)
    expect(readFileSync(files.cert_file, 'utf8')).toBe(cert)
    openCertificates(other, Date.now() + 800 * MS_PER_DAY)
    expect(readFileSync(files.cert_file, 'utf8')).not.toBe(cert)
    execFileSync('openssl', ['verify', '-CAfile', files.ca_file, files.cert_file], { stdio: 'pipe' })
    expect(existsSync(join(other, 'tls', 'ca.key'))).toBe(false)
  } finally {
    removeFolder(other)
  }
})

it('a folder keeps its kind: with logins, or without', () => {
  const other = newFolder()
  try {
    requireKind(other, true)
    requireKind(other, false)
    mkdirSync(join(other, 'single'))
    requireKind(other, false)
    expect(() => requireKind(other, true)).toThrow(/was made without --secure, .*: choose another folder/)
    requireKind(folder, true)
    expect(() => requireKind(folder, false)).toThrow(/was made with --secure: add --secure/)
  } finally {
    removeFolder(other)
  }
})
