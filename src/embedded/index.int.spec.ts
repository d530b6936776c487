import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { CreateTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { newFolder, removeFolder, until } from '../../test/support/servers.js'
import { type Embedded, type EmbeddedOptions, startEmbedded } from './index.js'
import { freePort, LOOPBACK, requirePort } from './ports.js'
import { identityOf } from './process-identity.js'

let folder: string
let started: Embedded[]
beforeEach(() => {
  folder = newFolder()
  started = []
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(started.map(embedded => embedded.stop()))
  removeFolder(folder)
})

const start = async (options: Partial<EmbeddedOptions> = {}): Promise<Embedded> => {
  const embedded = await startEmbedded({
    data_dir: folder,
    nats_port: 0,
    dynamodb_port: 0,
    cluster: false,
    sync_interval: 'always',
    log: pino({ level: 'silent' }),
    on_gave_up: name => {
      throw new Error(`${name} was given up`)
    },
    ...options,
  })
  started.push(embedded)
  return embedded
}

const pidOf = (embedded: Embedded, name: string): number =>
  embedded.servers.find(server => server.name === name)?.pid ?? 0

const killAndWait = async (embedded: Embedded, name: string): Promise<number> => {
  const former = pidOf(embedded, name)
  const killed_at = performance.now()
  process.kill(former, 'SIGKILL')
  const what = `${name} to come back`
  await until(() => pidOf(embedded, name) !== former, { deadline_ms: 30_000, what })
  return performance.now() - killed_at
}

const withNats = async <A>(url: string, use: (nc: NatsConnection) => Promise<A>): Promise<A> => {
  const nc = await connect({ servers: url })
  try {
    return await use(nc)
  } finally {
    await nc.close()
  }
}

const addEvent = (url: string) =>
  withNats(url, async nc => {
    const manager = await jetstreamManager(nc)
    await manager.streams.add({ name: 'kept', subjects: ['kept'] })
    await jetstream(nc).publish('kept', 'an event')
  })

const eventsIn = (url: string) =>
  withNats(url, async nc => (await (await jetstreamManager(nc)).streams.info('kept')).state.messages)

const dynamodb = (endpoint: string) =>
  new DynamoDBClient({
    endpoint,
    region: 'local',
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
  })

const addTable = (endpoint: string) =>
  dynamodb(endpoint).send(
    new CreateTableCommand({
      TableName: 'kept',
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    }),
  )

const tablesIn = async (endpoint: string) =>
  (await dynamodb(endpoint).send(new ListTablesCommand({}))).TableNames

it('stop leaves no process, no open port, no lock and no state file, and can be called again', async () => {
  const embedded = await start()
  const pids = embedded.servers.map(({ pid }) => pid)
  const ports = [embedded.nats_url, embedded.dynamodb_endpoint].map(url => Number(new URL(url).port))
  expect(embedded.servers.map(({ name }) => name)).toEqual(['nats', 'dynamodb'])
  for (const pid of pids) expect(identityOf(pid)).toBeDefined()
  expect(existsSync(join(folder, 'run.json'))).toBe(true)

  await embedded.stop()
  await embedded.stop()
  for (const pid of pids) expect(identityOf(pid)).toBeUndefined()
  for (const port of ports) await requirePort(port, '--any')
  expect(readdirSync(join(folder, 'locks'))).toEqual([])
  expect(existsSync(join(folder, 'run.json'))).toBe(false)
})

it('a nats-server killed with -9 is back within half a second, with its data, at the same address', async () => {
  const embedded = await start()
  await addEvent(embedded.nats_url)
  expect(await killAndWait(embedded, 'nats')).toBeLessThan(500)
  expect(await eventsIn(embedded.nats_url)).toBe(1)
})

it('a DynamoDB server killed with -9 is back with its tables, at the same address', async () => {
  const embedded = await start()
  await addTable(embedded.dynamodb_endpoint)
  await killAndWait(embedded, 'dynamodb')
  expect(await tablesIn(embedded.dynamodb_endpoint)).toEqual(['kept'])
})

it('the next run on a folder finds the data of the last', async () => {
  const first = await start()
  await addEvent(first.nats_url)
  await addTable(first.dynamodb_endpoint)
  await first.stop()
  const second = await start()
  expect(await eventsIn(second.nats_url)).toBe(1)
  expect(await tablesIn(second.dynamodb_endpoint)).toEqual(['kept'])
})

it('a second run on the same folder is refused and does the first no harm', async () => {
  const embedded = await start()
  await addEvent(embedded.nats_url)
  const pids = embedded.servers.map(({ pid }) => pid)
  await expect(start()).rejects.toThrow(`${folder} is in use by process ${process.pid}`)
  expect(embedded.servers.map(({ pid }) => pid)).toEqual(pids)
  expect(await eventsIn(embedded.nats_url)).toBe(1)
})

it.each(['nats', 'dynamodb'] as const)('a taken %s port is one sentence, and nothing is left', async kind => {
  const port = await freePort()
  const other = createServer()
  await new Promise<void>(resolve => other.listen(port, LOOPBACK, resolve))
  try {
    const message = `Port ${port} is taken by another program: stop it, or choose another with --${kind}-port (0 = a free one).`
    await expect(start({ [`${kind}_port`]: port })).rejects.toThrow(message)
    expect(readdirSync(join(folder, 'locks'))).toEqual([])
    expect(existsSync(join(folder, 'run.json'))).toBe(false)
  } finally {
    other.close()
  }
})

it('a server that does not start says why, by the end of its log, and stops the others', async () => {
  const broken = join(folder, 'broken')
  writeFileSync(broken, '#!/bin/sh\necho the disk is on fire\nexit 3\n')
  chmodSync(broken, 0o755)
  vi.stubEnv('NATS_SERVER_BIN', broken)
  const dynamodb_port = await freePort()
  await expect(start({ dynamodb_port })).rejects.toThrow(/ended with exit code 3\..*\nthe disk is on fire$/)
  await requirePort(dynamodb_port, '--dynamodb-port')
  expect(readdirSync(join(folder, 'locks'))).toEqual([])
})

it('each server has a process group of its own, so that Ctrl-C reaches only us', async () => {
  const { servers } = await start()
  for (const { pid } of servers) {
    const group = execFileSync('ps', ['-o', 'pgid=', '-p', `${pid}`], { encoding: 'utf8' })
    expect(Number(group)).toBe(pid)
  }
})
