/** `jetledger import`: the samples, the same file again, a killed import, wrong files; and `jetledger sample`, `dev --reset`. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type AttributeValue,
  CreateTableCommand,
  DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { wholeRandomFrom } from '../../src/random.js'
import { foldEvents, readEvents } from '../support/independent-fold.js'
import { type Dev, type Finished, openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'
import { ROOT } from '../support/source-tree.js'

const START_MS_MAX = 60_000
const IMPORTED_MS_MAX = 30_000

let bench: Workbench
let dev: Dev
let nc: NatsConnection
beforeAll(async () => {
  bench = openWorkbench()
  dev = await bench.dev()
  nc = await bench.connect(dev.nats_url)
}, START_MS_MAX)
afterAll(() => bench.end())

const sample = (name: string): string => join(ROOT, 'examples/import', name)
const fileWith = (name: string, content: string): string => {
  const path = join(bench.folder, name)
  writeFileSync(path, content)
  return path
}
const run = (...args: readonly string[]): Promise<Finished> => bench.run(['import', ...args])
/** The rejects, without the fields of the file's own. */
const rejectsIn = (path: string): string[] =>
  readFileSync(join(bench.folder, path), 'utf8')
    .split('\r\n')
    .slice(1, -1)
    .map(line => line.split(',').slice(0, 2).join(' '))

const balancesOf = async (...ids: readonly string[]): Promise<(bigint | undefined)[]> => {
  const { balances } = foldEvents(await readEvents(nc))
  return ids.map(id => balances.get(id))
}
const events = async (): Promise<number> => (await readEvents(nc)).length

describe('the samples', () => {
  it('the good one is carried out, in the order of its rows, and known when it comes again', async () => {
    const first = await run(sample('good.csv'), '--rejects', 'good.rejects.csv')
    expect(first).toMatchObject({
      code: 0,
      stdout: 'imported 20 rows: 20 carried out, 0 known already, 0 refused, 0 malformed\n',
    })
    const before = await events()
    const again = await run(sample('good.csv'), '--rejects', 'good.rejects.csv', '--json')
    expect({ code: again.code, ...JSON.parse(again.stdout) }).toMatchObject({
      code: 0,
      rows: 20,
      carried_out: 0,
      known: 20,
      codes: {},
    })
    expect(await events()).toBe(before)
    expect(await balancesOf('ada', 'ben', 'cleo', 'dan', 'fay', 'gus')).toEqual([
      8401n,
      8100n,
      0n,
      0n,
      602n,
      400n,
    ])
    expect(() => readFileSync(join(bench.folder, 'good.rejects.csv'))).toThrow('ENOENT')
  })

  it('the good rows of the bad one are carried out, and each other row is in the rejects with its reason', async () => {
    const checked = await run(sample('bad.csv'), '--dry-run', '--rejects', 'bad.rejects.csv')
    expect(checked).toMatchObject({
      code: 1,
      stdout: 'checked 20 rows: 12 can be sent, 8 malformed; nothing was sent\n',
    })
    const { code, stdout, stderr } = await run(sample('bad.csv'), '--rejects', 'bad.rejects.csv')
    expect(stdout).toBe('imported 20 rows: 8 carried out, 1 known already, 3 refused, 8 malformed\n')
    expect(code).toBe(1)
    expect(stderr).toContain('11 of 20 rows are in bad.rejects.csv')
    expect(rejectsIn('bad.rejects.csv')).toEqual([
      '3 MALFORMED',
      '4 MALFORMED',
      '5 MALFORMED',
      '6 MALFORMED',
      '7 MALFORMED',
      '9 INSUFFICIENT_FUNDS',
      '10 MALFORMED',
      '14 TRANSACTION_ID_REUSED',
      '15 MALFORMED',
      '18 INSUFFICIENT_FUNDS',
      '19 MALFORMED',
    ])
    // the rejects can be put right and imported
    const rest = await run('bad.rejects.csv', '--ignore', 'row,code,message', '--dry-run')
    expect(rest.stdout).toContain('checked 11 rows: 3 can be sent')
  })
})

it('standard input, a byte order mark, CRLF, other names of columns and JSON lines give the same events', async () => {
  const csv = '\ufeffaccount,cents,note\r\nx1,100,n\r\nx2,200,n'
  const mapped = [
    '--map',
    'client_id=account',
    '--map',
    'amount=cents',
    '--ignore',
    'note',
    '--type',
    'credit',
  ]
  const file = fileWith('mapped.csv', csv)
  expect((await run(file, ...mapped)).stdout).toContain('2 carried out')
  const piped = bench.start(['import', '-', ...mapped], {}, csv)
  await until(() => !piped.running(), { deadline_ms: IMPORTED_MS_MAX, what: 'the import of standard input' })
  // the content is the same, so the rows are known
  expect(piped.stdout()).toContain('2 known already')
  const lines = fileWith(
    'rows.jsonl',
    '{"type":"credit","client_id":"x3","amount":"300"}\n\n{"type":"credit"}\n',
  )
  const { code, stdout } = await run(lines)
  expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringContaining('1 carried out') })
  expect(rejectsIn('rows.jsonl.rejects.csv')).toEqual(['2 MALFORMED'])
  expect(await balancesOf('x1', 'x2', 'x3')).toEqual([100n, 200n, 300n])
})

const ROWS = 6_000
const CUSTOMERS = 300

/** Rows of which every debit and transfer is covered by the rows before it, and by no less, and the balances after them. */
const tightRows = () => {
  const next = wholeRandomFrom(18)
  const balances = new Map<string, number>()
  const lines = ['type,client_id,from,to,amount']
  const name = (n: number): string => `tight-${n}`
  for (let row = 1; row <= ROWS; row += 1) {
    const [id, other] = [name(next(CUSTOMERS)), name(next(CUSTOMERS))]
    const balance = balances.get(id) ?? 0
    if (balance === 0) {
      const amount = 1 + next(1_000)
      balances.set(id, amount)
      lines.push(`credit,${id},,,${amount}`)
    } else if (id !== other && next(10) === 0) {
      balances.set(id, 0).set(other, (balances.get(other) ?? 0) + balance)
      lines.push(`transfer,,${id},${other},${balance}`)
    } else {
      balances.set(id, 0)
      lines.push(`debit,${id},,,${balance}`)
    }
  }
  return { csv: `${lines.join('\n')}\n`, balances }
}

it('an import that is killed goes on when it is run again, and each row has one effect, in the order of the file', async () => {
  const { csv, balances } = tightRows()
  const file = fileWith('tight.csv', csv)
  const before = await events()
  for (const share of [0.2, 0.6]) {
    const program = bench.start(['import', file])
    const info = async (): Promise<number> => {
      const reply = await nc.request('$JS.API.STREAM.INFO.customer-balances')
      return reply.json<{ state: { messages: number } }>().state.messages
    }
    await until(async () => (await info()) - before >= ROWS * share, {
      deadline_ms: IMPORTED_MS_MAX,
      what: `${share} of the rows`,
    })
    expect(await program.end('SIGKILL')).toMatchObject({ signal: 'SIGKILL' })
  }
  const { code, stdout } = await run(file)
  expect(stdout).toMatch(/^imported 6000 rows: \d+ carried out, \d+ known already, 0 refused, 0 malformed\n$/)
  expect(code).toBe(0)
  const stored = await readEvents(nc)
  const transfers = csv.split('\n').filter(line => line.startsWith('transfer')).length
  expect(stored.length - before).toBe(ROWS + transfers)
  const folded = foldEvents(stored)
  expect(folded.refused.size).toBe(0)
  for (const [id, balance] of balances)
    expect({ id, balance: folded.balances.get(id) }).toEqual({ id, balance: BigInt(balance) })
  expect((await run(file)).stdout).toContain('0 carried out, 6000 known already, 0 refused')
  expect(await events()).toBe(stored.length)
})

it('the balances of a predecessor are brought over once; what is no balance is in the rejects', async () => {
  const client = new DynamoDBClient({
    endpoint: dev.dynamodb_endpoint,
    region: 'local',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
  bench.atEnd(() => client.destroy())
  const TableName = 'wallet-poc-ab'
  await client.send(
    new CreateTableCommand({
      TableName,
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  )
  const items: readonly (readonly [string, AttributeValue])[] = [
    ['old-1', { N: '7120' }],
    ['old-2', { N: '0' }],
    ['old-3', { N: '9223372036854775807' }],
    ['old 4', { N: '5' }],
    ['old-5', { N: '-5' }],
    ['old-6', { N: '1.5' }],
    ['old-7', { S: '5' }],
  ]
  for (const [id, client_balance] of items)
    await client.send(new PutItemCommand({ TableName, Item: { id: { S: id }, client_balance } }))
  const before = await events()
  const { code, stdout } = await run('--from-table', TableName)
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: 'imported 6 rows: 2 carried out, 0 known already, 0 refused, 4 malformed\n',
  })
  expect(rejectsIn(`${TableName}.rejects.csv`)).toHaveLength(4)
  expect(await balancesOf('old-1', 'old-2', 'old-3')).toEqual([7120n, undefined, 2n ** 63n - 1n])
  expect((await run('--from-table', TableName)).stdout).toContain('0 carried out, 2 known already')
  expect(await events()).toBe(before + 2)
  const own = await run('--from-table', 'customer-balances-ledger')
  expect(own).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('one of a ledger') })
})

it.each([
  [['nowhere.csv'], 'nowhere.csv: it cannot be read'],
  [['f.csv'], 'the column refrence is unknown'],
  [['f.csv', '--rejects', 'f.csv'], 'another one than the file'],
])('a wrong call, import %j, ends with 2 and says %j', async (args, named) => {
  fileWith('f.csv', 'type,client_id,amount,refrence\ncredit,a,1,x\n')
  fileWith('taken.txt', 'a letter')
  const { code, stdout, stderr } = await run(...args, '--dry-run')
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(named)
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(readFileSync(join(bench.folder, 'taken.txt'), 'utf8')).toBe('a letter')
})

it('a sample is the same each time, and comes into a ledger with synthetic customers only; --reset makes a new one', async () => {
  const sample = ['sample', '--customers', '30', '--events', '300', '--seed', '7']
  const first = await bench.run([...sample, '--rate', '2000'])
  expect(first.stdout).toMatch(/^sent 300 commands: \d+ carried out, 0 known already, \d+ refused\n$/)
  const before = await events()
  expect((await bench.run(sample)).stdout).toContain('0 carried out')
  expect(await events()).toBe(before)

  const used = await bench.run(['dev', '--reset', '--yes', '--http-port', '0'])
  expect(used).toMatchObject({ code: 1, stderr: expect.stringContaining('is in use by process') })
  await dev.end('SIGTERM')
  const unasked = await bench.run(['dev', '--reset'])
  expect(unasked).toMatchObject({ code: 2, stderr: expect.stringContaining('say --yes') })
  const letter = join(bench.folder, '.jetledger', 'letter.txt')
  writeFileSync(letter, 'mine')
  const foreign = await bench.run(['dev', '--reset', '--yes'])
  expect(foreign).toMatchObject({ code: 1, stderr: expect.stringContaining('holds letter.txt') })
  rmSync(letter)

  const fresh = await bench.dev('--reset', '--yes', '--no-seed')
  const client = await bench.connect(fresh.nats_url)
  expect(await readEvents(client)).toEqual([])
  const refused = await bench.run(sample)
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('may be a real one') })
  expect(await readEvents(client)).toEqual([])
})
