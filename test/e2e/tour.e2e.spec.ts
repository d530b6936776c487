/** Does what the README promises of `jetledger dev`, as a reader would do it. */

import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { headers, type NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { foldEvents, readEvents } from '../support/independent-fold.js'
import { type Dev, openWorkbench, type Workbench } from '../support/program.js'
import {
  balanceOf,
  errorOf,
  healthOf,
  request,
  SEEDED_IDS,
  untilBalance,
  untilEqualsFold,
} from '../support/questions.js'
import { until } from '../support/servers.js'

const CAUGHT_UP_MS_MAX = 10_000
/** The time in which the issue wants a directly published event to be visible. */
const VISIBLE_MS_MAX = 1_000

let bench: Workbench
let dev: Dev
let nc: NatsConnection
const begin = async (): Promise<void> => {
  bench = openWorkbench()
  dev = await bench.dev()
  nc = await bench.connect(dev.nats_url)
}
const end = (): Promise<void> => bench.end()

/** Publishes as any NATS client may, and returns the sequence once the event is stored. */
const publish = async (subject: string, body: string, name?: string): Promise<number> => {
  const h = headers()
  if (name !== undefined) h.set('Sent-By', name)
  const reply = await nc.request(subject, body, { headers: h, timeout: 2_000 })
  return (reply.json() as { seq: number }).seq
}

const credit = (amount: number): string => JSON.stringify({ type: 'credit', amount })
const debit = (amount: number): string => JSON.stringify({ type: 'debit', amount })

type Letter = {
  readonly seq: number
  readonly subject: string
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
const letters = async (...args: string[]): Promise<Letter[]> => {
  const { stdout } = await bench.run(['dead-letters', 'list', '--json', ...args])
  return JSON.parse(stdout) as Letter[]
}
const letterOf = async (seq: number): Promise<Letter> => {
  const { code, stdout } = await bench.run(['dead-letters', 'show', String(seq), '--json'])
  expect(code).toBe(0)
  return JSON.parse(stdout) as Letter
}

describe('a ledger that was just made', () => {
  beforeAll(begin)
  afterAll(end)

  it('an empty folder becomes a ledger of 1,000 customers whose balances equal the fold of the stream', async () => {
    const { balances, refused } = foldEvents(await readEvents(nc))
    expect([...balances.keys()]).toEqual(SEEDED_IDS)
    expect(refused.size).toBe(0)
    for (const amount of balances.values()) {
      expect(amount).toBeGreaterThanOrEqual(100n)
      expect(amount).toBeLessThanOrEqual(9_999n)
    }
    // a ready ledger gives right answers to the first questions
    for (const id of SEEDED_IDS)
      expect({ id, balance: await balanceOf(nc, id) }).toEqual({ id, balance: balances.get(id) })
  })

  it('the replies are those of the predecessor, byte for byte, and `jetledger request` prints them', async () => {
    const expected = `{"balance":${foldEvents(await readEvents(nc)).balances.get('678')}}`
    for (const field of ['client_id', 'customer_id']) {
      const reply = await request(nc, `{"${field}":"678"}`)
      expect(Buffer.from(reply.data).toString('hex')).toBe(Buffer.from(expected).toString('hex'))
      expect(errorOf(reply)).toBe('')
    }
    expect((await request(nc, '{"client_id":"no-such"}')).string()).toBe('{"balance":0}')

    const printed = await bench.run(['request', 'customer.balance', '{"client_id":"678"}'])
    expect(printed).toEqual({ code: 0, stdout: `${expected}\n`, stderr: '' })
  })

  /** What the service says of its endpoint for balances. */
  const stats = async (): Promise<Record<string, unknown>> => {
    const said = (await nc.request('$SRV.STATS.customer')).json() as { endpoints: Record<string, unknown>[] }
    return said.endpoints.find(({ name }) => name === 'balance') ?? {}
  }

  it('bad requests get the errors of the table, and STATS show exactly what was asked and refused', async () => {
    const before = await stats()
    for (const body of ['not JSON', '', '{"client_id":', '{"client_id":"678"} ?']) {
      expect(errorOf(await request(nc, body))).toBe('403:BAD_REQUEST')
    }
    const ill_formed = [
      '.',
      '-begins',
      'two tokens',
      'a.b',
      '*',
      '>',
      'x'.repeat(65),
      'zoë',
      678,
      null,
      ['678'],
      {},
    ]
    const bodies = ['{}', '[]', 'null', '678', '"678"', '{"client_id":""}', '{"client":"678"}'].concat(
      ill_formed.map(client_id => JSON.stringify({ client_id })),
    )
    for (const body of bodies) {
      const reply = await request(nc, body)
      expect(errorOf(reply), body).toMatch(/^400:/)
      expect(reply.string(), body).toContain('client_id')
    }
    await balanceOf(nc, '678')
    expect(errorOf(await request(nc, 'at last'))).toBe('403:BAD_REQUEST')

    const balance = await stats()
    expect(balance).toMatchObject({
      subject: 'customer.balance',
      queue_group: 'q',
      num_requests: Number(before.num_requests) + 4 + bodies.length + 2,
      num_errors: Number(before.num_errors) + 4 + bodies.length + 1,
      last_error: '403:BAD_REQUEST',
    })
    const processing_ns = Number(balance.processing_time)
    expect(processing_ns - Number(before.processing_time)).toBeGreaterThan(100_000)
    expect(Number(balance.average_processing_time)).toBe(
      Math.floor(processing_ns / Number(balance.num_requests)),
    )

    const refused = await bench.run(['request', 'customer.balance', 'not JSON'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toBe('jetledger: service error 403: BAD_REQUEST\n')
  })

  it('health is ok, and the streams are as they should be', async () => {
    expect(await healthOf(dev.health_url)).toMatchObject({ status: 200, state: 'ok' })
    const { code, stdout } = await bench.run(['stream', 'show', '--json'])
    expect(code).toBe(0)
    const config = { deny_delete: true, deny_purge: true, discard: 'new', max_age: 0, storage: 'file' }
    expect(JSON.parse(stdout)).toMatchObject([
      {
        config: { ...config, name: 'customer-balances', subjects: ['customer.balance.>'], num_replicas: 1 },
        state: { messages: 1_000 },
        differences: [],
      },
      { config: { name: 'customer-dead-letters', num_replicas: 1 }, state: { messages: 0 }, differences: [] },
      { config: { name: 'KV_config', num_replicas: 1 }, differences: [] },
    ])
    const text = await bench.run(['stream', 'show'])
    expect(text.stdout).toContain('events     1000, sequences 1 to 1000')
    expect(text.stdout).not.toContain('DIFFERENT')
  })
})

describe('events that others publish', () => {
  beforeAll(begin)
  afterAll(end)

  it('an event that is published directly changes the balance within a second', async () => {
    const opening = await balanceOf(nc, '678')
    await publish('customer.balance.678', credit(250))
    await untilBalance(nc, '678', opening + 250n, VISIBLE_MS_MAX)
    // a plain publish without an acknowledgement, as `nats pub` does it
    nc.publish('customer.balance.678', debit(50))
    await untilBalance(nc, '678', opening + 200n, VISIBLE_MS_MAX)

    const published = await bench.run([
      'publish',
      '678',
      'debit',
      '100',
      '--transaction-id',
      'once',
      '--json',
    ])
    expect(published.code).toBe(0)
    expect(JSON.parse(published.stdout)).toEqual({ client_id: '678', seq: 1_003, duplicate: false })
    await untilBalance(nc, '678', opening + 100n, VISIBLE_MS_MAX)

    const again = await bench.run(['publish', '678', 'debit', '100', '--transaction-id', 'once', '--json'])
    expect(JSON.parse(again.stdout)).toEqual({ client_id: '678', seq: 1_003, duplicate: true })
    const { stdout } = await bench.run(['publish', 'newcomer:1', 'credit', '7'])
    expect(stdout).toBe('stored at sequence 1004\n')
    await untilBalance(nc, 'newcomer:1', 7n, VISIBLE_MS_MAX)
    await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
  })

  it('an event that would overdraw is a dead letter, and the later events of that customer apply', async () => {
    const former = await letters()
    const opening = await balanceOf(nc, '42')
    const seq = await publish('customer.balance.42', debit(10_000), 'a greedy publisher')
    await publish('customer.balance.42', credit(5))
    await untilBalance(nc, '42', opening + 5n, VISIBLE_MS_MAX)

    const letter = {
      seq,
      subject: 'customer.balance.42',
      reason: 'INSUFFICIENT_FUNDS',
      headers: { 'Sent-By': 'a greedy publisher' },
      body: debit(10_000),
    }
    expect((await letters()).slice(former.length)).toEqual([expect.objectContaining(letter)])
    expect(await letterOf(seq)).toEqual(expect.objectContaining(letter))
    const { stdout } = await bench.run(['dead-letters', 'show', String(seq)])
    for (const part of [seq, letter.subject, letter.reason, 'a greedy publisher', letter.body])
      expect(stdout).toContain(String(part))

    const none = await bench.run(['dead-letters', 'show', String(seq + 1)])
    expect(none).toEqual({
      code: 1,
      stdout: '',
      stderr: `jetledger: the event at sequence ${seq + 1} is no dead letter\n`,
    })
    await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
  })

  it('events that are not valid become dead letters with their headers and bodies, and hold nobody up', async () => {
    const malformed = [
      ['customer.balance.7', 'not JSON'],
      ['customer.balance.7', '[]'],
      ['customer.balance.7', '{"type":"gift","amount":5}'],
      ['customer.balance.7', '{"type":"credit"}'],
      ['customer.balance.7', '{"type":"credit","amount":0}'],
      ['customer.balance.7', '{"type":"debit","amount":-5}'],
      ['customer.balance.7', '{"type":"credit","amount":1.5}'],
      ['customer.balance.7', '{"type":"credit","amount":9007199254740993}'],
      ['customer.balance.7', '{"type":"credit","amount":"9223372036854775808"}'],
      ['customer.balance.7', '{"type":"credit","amount":5,"schema":0}'],
      ['customer.balance.7.8', credit(5)],
      ['customer.balance.-x', credit(5)],
    ] as const
    const former = await letters()
    const opening = await balanceOf(nc, '7')
    const expected = []
    for (const [i, [subject, body]] of malformed.entries()) {
      const seq = await publish(subject, body, `publisher ${i}`)
      expected.push({ seq, subject, reason: 'MALFORMED', headers: { 'Sent-By': `publisher ${i}` }, body })
    }
    await publish('customer.balance.limit', credit(1))
    const beyond = await publish('customer.balance.limit', '{"type":"credit","amount":"9223372036854775807"}')
    await publish('customer.balance.7', credit(5))
    await untilBalance(nc, '7', opening + 5n, VISIBLE_MS_MAX)
    expect(await balanceOf(nc, 'limit')).toBe(1n)

    const all = await letters()
    const found = all.slice(former.length)
    expect(found.slice(0, -1)).toEqual(expected.map(letter => expect.objectContaining(letter)))
    expect(found.at(-1)).toEqual(expect.objectContaining({ seq: beyond, reason: 'BALANCE_LIMIT' }))
    const { refused } = await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
    expect(all.map(({ seq, reason }) => [seq, reason])).toEqual([...refused])
    // the letters without a customer are found under `_`
    expect((await letters('--client-id', '_')).map(({ subject }) => subject)).toEqual([
      'customer.balance.7.8',
      'customer.balance.-x',
    ])
  })

  it('a customer with an event from the future is parked and named by health; the others go on', async () => {
    const former = await letters()
    const opening = await balanceOf(nc, '9')
    await publish('customer.balance.9', credit(1))
    await publish('customer.balance.9', '{"schema":3,"type":"credit","amount":1000}')
    await publish('customer.balance.9', credit(1_000))
    await publish('customer.balance.10', credit(3))
    const others = await balanceOf(nc, '11')
    await publish('customer.balance.11', credit(3))
    await untilBalance(nc, '11', others + 3n, VISIBLE_MS_MAX)

    expect(await balanceOf(nc, '9')).toBe(opening + 1n)
    const { parked } = await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
    expect([...parked]).toEqual(['9'])
    const health = await healthOf(dev.health_url)
    expect(health).toMatchObject({ status: 200, state: 'degraded' })
    expect(health.parts['parked customers']?.detail).toContain('9 (schema 3)')
    expect(await letters()).toEqual(former)
  })
})

describe('a table that was changed by hand', () => {
  beforeAll(begin)
  afterAll(end)

  it('replay heals a table that was changed by hand, while the service runs', async () => {
    const client = new DynamoDBClient({
      endpoint: dev.dynamodb_endpoint,
      region: 'local',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    })
    bench.atEnd(() => client.destroy())
    const tables = DynamoDBDocumentClient.from(client)
    const TableName = 'customer-balances-ledger'
    const raise = {
      UpdateExpression: 'SET client_balance = client_balance + :n',
      ExpressionAttributeValues: { ':n': 77 },
    }
    const before = await balanceOf(nc, '5')
    await tables.send(new UpdateCommand({ TableName, Key: { id: '5' }, ...raise }))
    await tables.send(new DeleteCommand({ TableName, Key: { id: '6' } }))
    await tables.send(
      new PutCommand({ TableName, Item: { id: 'stranger', client_balance: 9, version: 1, seq: 1 } }),
    )

    const found = await bench.run(['verify', '--json'])
    expect(found.code).toBe(1)
    expect(found.stdout).toContain('stranger')

    const { code, stdout } = await bench.run(['replay', 'ledger', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      projection: 'ledger',
      generation: 2,
      events: 1_000,
      customers: 1_000,
      rows: 1_000,
    })
    await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
    expect(await balanceOf(nc, 'stranger')).toBe(0n)
    expect(await bench.run(['verify'])).toMatchObject({ code: 0 })
    // the projector goes on with the healed items
    await publish('customer.balance.5', credit(1))
    await publish('customer.balance.6', credit(1))
    await untilBalance(nc, '5', before + 1n, VISIBLE_MS_MAX)
    await until(async () => (await healthOf(dev.health_url)).state === 'ok', {
      deadline_ms: VISIBLE_MS_MAX,
      what: 'health to be ok',
    })
    await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
  })
})
