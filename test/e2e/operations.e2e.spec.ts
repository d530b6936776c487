/** An operator looks after a ledger with the command line: status, verify, dead letters; text, JSON and exit codes. */

import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Dev, openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

let bench: Workbench
let dev: Dev
const begin = async (): Promise<void> => {
  bench = openWorkbench()
  dev = await bench.dev()
}
const end = (): Promise<void> => bench.end()

const json = async (...args: string[]): Promise<Record<string, unknown>> => {
  const { code, stdout } = await bench.run([...args, '--json'])
  return { code, ...(JSON.parse(stdout) as Record<string, unknown>) }
}
const text = async (...args: string[]) => {
  const { code, stdout, stderr } = await bench.run(args)
  return { code, lines: stdout.trim().split('\n'), stderr }
}

const addTo = async (id: string, attribute: string, by: number): Promise<void> => {
  const client = new DynamoDBClient({
    endpoint: dev.dynamodb_endpoint,
    region: 'local',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
  bench.atEnd(() => client.destroy())
  await DynamoDBDocumentClient.from(client).send(
    new UpdateCommand({
      TableName: 'customer-balances-ledger',
      Key: { id },
      UpdateExpression: 'ADD #a :by',
      ExpressionAttributeNames: { '#a': attribute },
      ExpressionAttributeValues: { ':by': by },
    }),
  )
}

describe('a ledger that was just made', () => {
  beforeAll(begin)
  afterAll(end)

  it('status tells of the stream, the projection, the letters and the instances', async () => {
    expect(await json('status')).toMatchObject({
      code: 0,
      stream: { messages: 1_000, last_seq: 1_000, replicas: 1 },
      servers: { seen: [{ version: expect.stringMatching(/^\d+\.\d+\.\d+/) }], unseen: [] },
      warnings: [],
      seed: 'done',
      projections: [
        {
          projection: 'ledger',
          generation: 1,
          said: { instance: expect.stringContaining(`:${dev.pid}`), generation: 1 },
        },
      ],
      dead_letters: { open: 0, total: 0 },
      parked: [],
      instances: [{ endpoints: expect.arrayContaining([{ name: 'balance', subject: 'customer.balance' }]) }],
    })

    const nc = await bench.connect(dev.nats_url)
    await nc.request('customer.balance.42', '{"type":"debit","amount":1000000}')
    await nc.request('customer.balance.later', '{"schema":3}')
    const lines = await until(
      async () => {
        const found = (await text('status')).lines
        return found.includes('parked        1 customers: later') && found
      },
      { deadline_ms: 30_000, what: 'the parked customer to be told of' },
    )
    expect(lines).toContainEqual(
      expect.stringMatching(/^stream {8}1002 events to sequence 1002, \d+ bytes, replicas 1/),
    )
    expect(lines).toContainEqual(
      expect.stringMatching(/^ {2}ledger {4}generation 1, at 1002, caught up, active on /),
    )
    expect(lines).toContain('dead letters  1 open of 1')
    expect(lines).toContain('instances     1')
  })

  it('events shows what was stored, one customer alone too, and follows what comes until it is ended', async () => {
    const nc = await bench.connect(dev.nats_url)
    const shown = await text('events', '--client-id', '42')
    expect(shown.lines).toEqual([
      expect.stringMatching(/^42 {2}\S+ {2}42 {2}credit {2}\d+ {2}seed:42/),
      expect.stringMatching(/^1001 {2}\S+ {2}42 {2}debit {2}1000000$/),
    ])
    expect((await text('events', '--from-seq', '1002')).lines).toEqual([
      expect.stringMatching(/^1002 {2}\S+ {2}later {2}\{"schema":3\}$/),
    ])
    const following = bench.start(['events', '--follow', '--json', '--from-seq', '1001'])
    const seqs = (): number[] =>
      [...following.stdout().matchAll(/^\{"seq":(\d+)/gm)].map(match => Number(match[1]))
    const sees = (count: number) =>
      until(() => seqs().length >= count, { deadline_ms: 30_000, what: 'events' })
    await sees(2)
    const credited = (await nc.request('customer.balance.seen', '{"type":"credit","amount":5}')).json<{
      seq: number
    }>()
    await sees(3)
    expect(seqs()).toEqual([1001, 1002, credited.seq])
    expect(await following.end('SIGINT')).toEqual({ code: 0, signal: null })
  })

  it('a replay that is cancelled where there is none writes nothing, and apply says what it would change', async () => {
    const nc = await bench.connect(dev.nats_url)
    const written = async (): Promise<number> => {
      const reply = await nc.request('$JS.API.STREAM.INFO.KV_config', '{"subjects_filter":">"}')
      const { state } = reply.json<{ state: { subjects: Record<string, number> } }>()
      return Object.keys(state.subjects).filter(key => key.includes('replay')).length
    }
    expect(await text('replay', 'ledger', '--cancel')).toMatchObject({
      code: 0,
      lines: ['ledger: nothing to cancel'],
    })
    expect(await written()).toBe(0)
    const same = await text('stream', 'apply', '--dry-run')
    const to_make = 'would make the stream customer-transaction-ids'
    expect([same.code, same.lines]).toEqual([1, [to_make]])
    const other = await bench.run(['stream', 'apply', '--dry-run'], {
      NATS_URL: dev.nats_url,
      JETLEDGER_REPLICAS: '1',
      JETLEDGER_STREAM_BYTES_MAX: '100000000',
    })
    expect(other.code).toBe(1)
    expect(other.stdout).toContain(
      'would change the stream customer-balances\n    max_bytes: is -1, should be ',
    )
    expect((await text('stream', 'show')).lines).not.toContain('  settings   DIFFERENT:')
  })

  it('status ends with 1 when nobody serves, and --check names it', async () => {
    process.kill(dev.pid, 'SIGSTOP')
    try {
      const unserved = 'nobody serves: no instance of the ledger answers'
      const [shown, checked] = await Promise.all([text('status'), text('status', '--check')])
      expect([shown.code, shown.stderr, shown.lines.length > 5]).toEqual([
        1,
        `jetledger: ${unserved}\n`,
        true,
      ])
      expect([checked.code, checked.lines.includes(unserved)]).toEqual([1, true])
    } finally {
      process.kill(dev.pid, 'SIGCONT')
    }
  })

  it('status and verify say so where there is no ledger', async () => {
    const elsewhere = { DDB_TABLE: 'elsewhere' }
    const verified = await bench.run(['verify'], elsewhere)
    expect(verified.code).toBe(2)
    expect(verified.stderr).toContain('consumer ledger is there, but its table elsewhere-ledger is not')
    const unsigned = await text('verify', '--chain')
    expect([unsigned.code, unsigned.stderr]).toEqual([
      2,
      expect.stringContaining('there are no signed heads'),
    ])
  })

  it('verify that could not compare ends with 2 or 3, and does not say that all agree', async () => {
    const nobody = await text('verify', '--customer', 'nobody')
    expect([nobody.code, nobody.lines]).toEqual([2, ['']])
    expect(nobody.stderr).toContain('neither the stream nor the table knows the customer nobody')
    const wrong = await text('verify', '--customer', 'no body')
    expect([wrong.code, wrong.stderr.includes('must be 1 to 64')]).toEqual([2, true])
    const absent = await bench.run(['verify'], { NATS_URL: 'nats://127.0.0.1:1' })
    expect([absent.code, absent.stderr.includes('NATS does not answer')]).toEqual([3, true])
  })
})

describe('a ledger whose table is compared', () => {
  beforeAll(begin)
  afterAll(end)

  it('verify names what is wrong, and replay heals it', async () => {
    const right = await text('verify')
    expect(right.code).toBe(0)
    expect(right.lines).toContain('ledger     customer-balances-ledger: agrees')
    expect(right.lines).toContain('compared 1000 balances of customers and 1000 rows of the journal')

    await addTo('5', 'client_balance', 1)
    const wrong = await text('verify')
    expect(wrong.code).toBe(1)
    expect(wrong.lines[0]).toMatch(/^balances {2}5 {2}seq 5 {2}client_balance: is \d+, should be \d+$/)
    expect(wrong.stderr).toContain('jetledger: 1 differences')
    expect(await json('verify', '--customer', '5')).toMatchObject({
      code: 1,
      differences_count: 1,
      differences: [{ where: 'balances', kind: 'differs', id: '5', field: 'client_balance' }],
    })
    expect((await text('verify', '--customer', '6')).code).toBe(0)

    // the head is folded again when its customer is touched; whether the sums were changed too, nothing tells
    expect((await text('credit', '5', '1')).code).toBe(0)
    const doubt =
      'the sums of customer-balances-ledger may be wrong: the item of 5 was not what the stream says'
    await until(async () => (await text('status')).lines.some(line => line.includes(doubt)), {
      deadline_ms: 20_000,
      what: 'status to say that the sums are in doubt',
    })
    const checked = await text('status', '--check')
    expect([checked.code, checked.lines.some(line => line.includes(doubt))]).toEqual([1, true])

    expect((await text('replay', 'ledger')).code).toBe(0)
    const healed = await text('verify')
    expect(healed.code).toBe(0)
    expect(healed.lines).toContain('ledger     customer-balances-ledger.g2: agrees')
    expect((await text('status', '--check')).code).toBe(0)
  })

  it('a subcommand that is told where NATS is asks the stream for its replicas', async () => {
    const env = {
      NATS_URL: dev.nats_url,
      AWS_ENDPOINT_URL_DYNAMODB: dev.dynamodb_endpoint,
      AWS_REGION: 'local',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    }
    const calls = [
      ['replay', 'ledger'],
      ['seed'],
      ['stream', 'show'],
      ['stream', 'apply'],
      ['verify'],
      ['status'],
    ]
    for (const args of calls) {
      const { code, stdout, stderr } = await bench.run(args, env)
      expect([args, code, stderr.includes('differs')]).toEqual([args, 0, false])
      expect(stdout).not.toContain('DIFFERENT')
    }
    const { code, stdout } = await bench.run(['stream', 'show'], { ...env, JETLEDGER_REPLICAS: '3' })
    expect([code, stdout.includes('num_replicas: is 1, should be 3')]).toEqual([0, true])
  })

  it('a claim in the stream that is wrong counts, unless only the tables are asked for', async () => {
    const nc = await bench.connect(dev.nats_url)
    await nc.request('customer.balance.new', '{"type":"credit","amount":1,"after":{"balance":2,"version":1}}')
    const { code, lines } = await text('verify')
    expect(code).toBe(1)
    expect(lines[0]).toBe('stream  new  seq 1002  after.balance: is 2, should be 1')
    const tables_only = await text('verify', '--tables-only')
    expect(tables_only.code).toBe(0)
    expect(tables_only.lines[0]).toBe(lines[0])
  })
})

describe('events that had no effect', () => {
  beforeAll(begin)
  afterAll(end)

  it('a dead letter is retried or discarded, and stays', async () => {
    const nc = await bench.connect(dev.nats_url)
    for (const id of ['a', 'b'])
      await nc.request(`customer.balance.${id}`, '{"type":"debit","amount":7,"reference":"x"}')
    await until(async () => (await text('dead-letters', 'list')).lines.length === 2, {
      deadline_ms: 30_000,
      what: 'two dead letters',
    })
    const retried = await json(
      'dead-letters',
      'retry',
      '1001',
      '--body',
      '{"type":"credit","amount":7}',
      '--by',
      'me',
    )
    expect(retried).toMatchObject({ code: 0, seq: 1_003, retry_of: 1_001, became: { tag: 'counts' } })
    // without a correction the event is refused once more, which is no success
    await nc.request('customer.balance.c', '{"type":"debit","amount":9}')
    const refused = await text('dead-letters', 'retry', '1004')
    expect([refused.code, refused.lines[0]]).toEqual([
      1,
      expect.stringMatching(/^stored at sequence 1005 as/),
    ])
    expect(refused.stderr).toBe(
      'jetledger: it is a dead letter again: INSUFFICIENT_FUNDS, amount 9 against a balance of 0\n',
    )
    expect((await text('dead-letters', 'discard', '1005', '--reason', 'ours', '--by', 'me')).code).toBe(0)
    expect((await text('dead-letters', 'discard', '1002', '--reason', 'ours', '--by', 'me')).code).toBe(0)
    expect((await text('dead-letters', 'list')).lines).toEqual(['no open dead letters'])
    expect((await text('dead-letters', 'list', '--all')).lines).toEqual([
      expect.stringMatching(/^1001 .* \[retried\]$/),
      expect.stringMatching(/^1002 .* \[discarded\]$/),
      expect.stringMatching(/^1004 .* \[retried\]$/),
      expect.stringMatching(/^1005 .* \[discarded\]$/),
    ])
    expect((await text('dead-letters', 'show', '1002')).lines.at(-1)).toMatch(
      /^state {6}discarded by me, .*: ours$/,
    )
    const again = await text('dead-letters', 'retry', '1001')
    expect(again.code).toBe(1)
    expect(again.stderr).toContain(String(retried.transaction_id))
    expect((await text('dead-letters', 'discard', '1002')).code).toBe(2)
    expect((await text('verify')).code).toBe(0)
  })

  it('a parked customer is listed, and goes on when somebody decides so', async () => {
    const nc = await bench.connect(dev.nats_url)
    const { seq } = (await nc.request('customer.balance.waits', '{"schema":99}')).json<{ seq: number }>()
    await nc.request('customer.balance.waits', '{"type":"credit","amount":5}')
    await until(async () => (await text('parked', 'list')).lines[0]?.startsWith(`${seq}  waits  schema 99`), {
      deadline_ms: 30_000,
      what: 'the customer to be parked',
    })
    expect((await text('parked', 'skip', String(seq))).code).toBe(2)
    expect((await text('parked', 'skip', '7', '--reason', 'x')).stderr).toContain('is not parked')
    const decided = await json('parked', 'skip', String(seq), '--reason', 'nobody knows it', '--by', 'me')
    expect(decided).toMatchObject({ code: 0, client_id: 'waits', seq, decision_seq: seq + 2 })
    await until(async () => (await text('parked', 'list')).lines[0] === 'no parked customers', {
      deadline_ms: 30_000,
      what: 'the customer to go on',
    })
    const credited = await nc.request('customer.credit', '{"client_id":"waits","amount":1}')
    expect(credited.json()).toMatchObject({ balance: 6 })
    expect((await text('dead-letters', 'list')).lines[0]).toContain('SKIPPED')
    expect((await text('verify')).code).toBe(0)
  })
})
