/** A repeated write has one effect and is answered: with a ledger that stands still, a batch sent twice, busy workers. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { requestUnrefused } from '../../src/service/refusals.js'
import { startDynamodbProcess } from '../support/dynamodb-process.js'
import { readEvents } from '../support/independent-fold.js'
import { type Dev, openWorkbench, type Program, untilReady, type Workbench } from '../support/program.js'
import { balanceOf, errorOf, request } from '../support/questions.js'
import { startTestNats, until } from '../support/servers.js'

const MS_MAX = 30_000
/** The client sends a write a second time after half of this time. */
const PATIENCE_MS = '12000'
const ROUNDS = 4

let bench: Workbench
let dev: Dev
let nc: NatsConnection
beforeAll(async () => {
  bench = openWorkbench()
  dev = await bench.dev()
  nc = await bench.connect(dev.nats_url)
}, 2 * MS_MAX)
afterAll(() => bench.end())

const idsIn = (text: string): string[] =>
  [...text.matchAll(/"transaction_id":"([^"]+)"/g)].map(match => match[1] ?? '')

/** Counts the requests for each transaction, by a subscription to their subjects. */
const listen = async (): Promise<ReadonlyMap<string, number>> => {
  const asked = new Map<string, number>()
  for (const subject of ['credit', 'debit', 'transfer', 'batch', 'event.*']) {
    nc.subscribe(`customer.${subject}`, {
      callback: (_, msg) => {
        for (const id of idsIn(msg.string())) asked.set(id, (asked.get(id) ?? 0) + 1)
      },
    })
  }
  await nc.flush()
  return asked
}

/** Counts the events of each transaction in the stream; a transfer's second event counts with its first. */
const effects = async (): Promise<ReadonlyMap<string, number>> => {
  const found = new Map<string, number>()
  for (const { body } of await readEvents(nc)) {
    for (const id of idsIn(new TextDecoder().decode(body))) found.set(id, (found.get(id) ?? 0) + 1)
  }
  return found
}

const ended = (program: Program) =>
  until(() => !program.running(), { deadline_ms: MS_MAX, what: 'a subcommand to end' }).then(() =>
    program.end('SIGKILL'),
  )

const writes = (round: number): string[][] => {
  const file = join(bench.folder, `batch-${round}.json`)
  writeFileSync(file, JSON.stringify([{ type: 'credit', client_id: '4', amount: round }]))
  return [
    ['credit', '1', '1'],
    ['debit', '2', '1'],
    ['transfer', '3', '1', '1'],
    ['batch', file],
    ['publish', '5', 'credit', '1'],
  ]
}

const pause = (): void => void process.kill(dev.pid, 'SIGSTOP')
const resume = (): void => void process.kill(dev.pid, 'SIGCONT')

it('a ledger that stands still for a moment carries out each write once, and the command line waits for it', async () => {
  const asked = await listen()
  const before = new Set((await effects()).keys())
  for (let round = 1; round <= ROUNDS; round += 1) {
    pause()
    const seen = new Set(asked.keys())
    const programs = writes(round).map(args => bench.start([...args, '--timeout', PATIENCE_MS]))
    const fresh = (): string[] => [...asked.keys()].filter(id => !seen.has(id))
    await until(() => fresh().length === programs.length && fresh().every(id => (asked.get(id) ?? 0) > 1), {
      deadline_ms: MS_MAX,
      what: 'every write to be sent twice',
    })
    resume()
    for (const program of programs) {
      expect({ exit: await ended(program), said: program.stderr() }).toMatchObject({
        exit: { code: 0 },
        said: '',
      })
    }
  }
  const after = await effects()
  const own = [...after].filter(([id]) => !before.has(id) && !id.endsWith(':credit'))
  expect(own).toHaveLength(5 * ROUNDS)
  expect(own.every(([, count]) => count === 1)).toBe(true)
})

it('a write whose outcome is not known says its id, and the same write with that id has one effect', async () => {
  const before = await balanceOf(nc, '1')
  pause()
  const unknown = await bench.run(['credit', '1', '7', '--timeout', '1500'])
  const published = await bench.run(['publish', '1', 'credit', '5', '--timeout', '1500'])
  resume()
  expect([unknown.code, published.code]).toEqual([3, 3])
  const id = /--transaction-id (\S+)/.exec(unknown.stderr)?.[1] ?? ''
  const event_id = /--transaction-id (\S+)/.exec(published.stderr)?.[1] ?? ''
  const again = await bench.run(['credit', '1', '7', '--transaction-id', id])
  expect(again).toMatchObject({ code: 0, stderr: '' })
  expect((await bench.run(['publish', '1', 'credit', '5', '--transaction-id', event_id])).code).toBe(0)
  await until(async () => (await balanceOf(nc, '1')) === before + 12n, {
    deadline_ms: MS_MAX,
    what: 'the balance',
  })
  const count = await effects()
  expect([count.get(id), count.get(event_id)]).toEqual([1, 1])
})

it('a batch that is sent twice has one effect, and a second one on purpose', async () => {
  const before = await balanceOf(nc, '4')
  const file = join(bench.folder, 'salaries.json')
  const credit = { type: 'credit', client_id: '4', amount: 10 }
  writeFileSync(file, JSON.stringify([credit, credit]))
  const first = await bench.run(['batch', file])
  const second = await bench.run(['batch', file])
  const whole = await bench.run(['batch', file, '--all'])
  expect([first.code, second.code, whole.code]).toEqual([0, 0, 0])
  expect(second.stdout).toContain('"replayed":true')
  expect((await bench.run(['batch', file, '--again', 'december'])).code).toBe(0)
  await until(async () => (await balanceOf(nc, '4')) === before + 40n, {
    deadline_ms: MS_MAX,
    what: 'two effects of two commands',
  })
})

it('of two workers, one of which takes one request at a time, every read is answered', async () => {
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const dynamodb = await startDynamodbProcess(bench.folder)
  bench.atEnd(() => dynamodb.kill())
  const env = {
    NATS_URL: nats.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'dummy',
    AWS_SECRET_ACCESS_KEY: 'dummy',
    JETLEDGER_REPLICAS: '1',
    HTTP_PORT: '0',
  }
  const narrow = join(bench.folder, 'narrow.json')
  writeFileSync(narrow, JSON.stringify({ roles: ['queries'], endpoints: { balance: { concurrency: 1 } } }))
  const all = bench.start(['serve', '--roles', 'commands,projections,queries,gateway'], env)
  await untilReady(all, 'the first worker', () => all.stderr().includes('queries: answering'))
  const slow = bench.start(['serve', '--roles-file', narrow], { ...env, JETLEDGER_HOT_CUSTOMERS: '0' })
  await untilReady(slow, 'the second worker', () => slow.stderr().includes('queries: answering'))
  const port = /http:\/\/[\d.]+:(\d+)\/healthz/.exec(all.stderr())?.[1]
  const client = await bench.connect(nats.url)

  // without retries, some requests are refused because the first worker is busy: that is why there is a second worker
  const bare = await Promise.all(
    Array.from({ length: 600 }, (_, i) => request(client, `{"client_id":"${i}"}`)),
  )
  expect(bare.some(reply => errorOf(reply) === '429:BUSY')).toBe(true)

  const overHttp = await Promise.all(
    Array.from({ length: 600 }, (_, i) =>
      fetch(`http://127.0.0.1:${port}/v1/customers/${i}/balance?timeout=30000`).then(({ status }) => status),
    ),
  )
  expect(overHttp.filter(status => status === 200)).toHaveLength(600)
  const overNats = await Promise.all(
    Array.from({ length: 600 }, (_, i) =>
      requestUnrefused(client, 'customer.balance', `{"client_id":"${i}"}`, { timeout: MS_MAX }),
    ),
  )
  expect(overNats.map(errorOf).filter(error => error === '')).toHaveLength(600)
})
