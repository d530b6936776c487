/**
 * The users of docs/deploy-aws.md: the four roles and their clients work with them, and a user who may only ask, or only store
 * the events of one customer, cannot cause any other write.
 */

import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROUTES } from '../../src/gateway/routes.js'
import { inParallel } from '../../src/parallel.js'
import {
  attackByHeaders,
  attackByListening,
  attackByReply,
  attackByTrace,
  attackDirectly,
  watchRefusals,
} from '../support/attacks.js'
import { inboxOf, type LedgerWithUsers, startLedgerWithUsers } from '../support/ledger-with-users.js'
import { untilBalance } from '../support/questions.js'
import { until } from '../support/servers.js'
import { readStores, type Stores } from '../support/stores.js'

const MS_MAX = 20_000
const READER = 'a-token-that-may-read'
const WRITER = 'a-token-that-may-write'
/** Users who must not write to the ledger's streams. */
const OUTSIDERS = ['reader', 'client', 'shop', 'gateway']

let ledger: LedgerWithUsers
let admin: NatsConnection

const tokens = (folder: string): Record<string, string> => {
  const entry = (name: string, token: string, scopes: readonly string[]) => ({
    name,
    sha256: createHash('sha256').update(token).digest('hex'),
    scopes,
  })
  const HTTP_TOKENS_FILE = join(folder, 'tokens.json')
  const all = [entry('reader', READER, ['read']), entry('writer', WRITER, ['read', 'write'])]
  writeFileSync(HTTP_TOKENS_FILE, JSON.stringify({ tokens: all }))
  return { HTTP_TOKENS_FILE, HTTP_RATE_LIMIT: '0' }
}

beforeAll(async () => {
  ledger = await startLedgerWithUsers(tokens)
  admin = await ledger.connectAs('admin')
})
afterAll(() => ledger?.stop())

const allowedOf = (user: string): readonly string[] => ledger.users.get(user)?.pub?.allow ?? []

const ask = async (nc: NatsConnection, subject: string, body: unknown): Promise<unknown> =>
  (await nc.request(subject, JSON.stringify(body), { timeout: MS_MAX })).json()

const http = (path: string, token: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${ledger.http_url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, ...init.headers },
    signal: AbortSignal.timeout(MS_MAX),
  })

const run = async (user: string, ...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await ledger.bench.run(args, ledger.envOf(user))
  expect(code, `jetledger ${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}

it('the roles and their clients do all that they are for, and the server refuses none of it', async () => {
  const [reader, client, shop] = await Promise.all(['reader', 'client', 'shop'].map(ledger.connectAs))
  if (reader === undefined || client === undefined || shop === undefined) throw new Error('three users')

  const credit = { client_id: '678', amount: 100, transaction_id: 'tour-1' }
  expect(await ask(client, 'customer.credit', credit)).toMatchObject({ balance: 100 })
  expect(await ask(client, 'customer.debit', { client_id: '678', amount: 1 })).toMatchObject({ balance: 99 })
  expect(await ask(client, 'customer.transfer', { from: '678', to: '679', amount: 9 })).toMatchObject({
    to: { balance: 9 },
  })
  expect(await ask(shop, 'customer.event.4711', { type: 'credit', amount: 7 })).toMatchObject({ seq: 5 })
  expect(await ask(shop, 'customer.event.4711', { type: 'debit', amount: 70 })).toMatchObject({ seq: 6 })
  await untilBalance(reader, '678', 90n, MS_MAX)
  await untilBalance(reader, '4711', 7n, MS_MAX)
  const statement = { client_id: '678', consistency: undefined }
  await until(
    async () => JSON.stringify(await ask(reader, 'customer.statement', statement)).includes('tour-1'),
    {
      deadline_ms: MS_MAX,
      what: 'a statement',
    },
  )
  for (const subject of ['customer.list', 'customer.ranking', 'customer.summary'])
    expect(await ask(reader, subject, {}), subject).not.toHaveProperty('error')
  expect(await ask(reader, 'customer.transaction', { transaction_id: 'tour-1' })).toMatchObject({
    status: 'committed',
  })

  expect((await http('/readyz', READER)).status).toBe(200)
  const read = await http('/v1/customers/678/balance', READER)
  expect(await read.json()).toMatchObject({ balance: 90 })
  const written = await http('/v1/customers/680/credits', WRITER, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'tour-http' },
    body: '{"amount":5}',
  })
  expect(await written.json()).toMatchObject({ balance: 5 })

  expect(await run('client', 'credit', '681', '3')).toContain('"balance":3')
  writeFileSync(join(ledger.bench.folder, 'rows.csv'), 'type,client_id,amount\ncredit,682,3\n')
  expect(await run('importer', 'import', 'rows.csv')).toContain('1 carried out')
  expect(await run('shop', 'publish', '4711', 'credit', '1')).toContain('stored at sequence')
  await run('replay', 'replay', 'balances')
  expect(await run('verify', 'verify')).toContain('agree')
  expect(await run('operator', 'stream', 'apply')).toContain('customer-balances')
  expect(await run('operator', 'status')).toContain('instances     2')
  expect(await run('operator', 'dead-letters', 'list')).toContain('INSUFFICIENT_FUNDS')
  // the event is refused again, beside the letter of before
  const retried = await ledger.bench.run(['dead-letters', 'retry', '6'], ledger.envOf('operator'))
  expect(retried.stderr).toContain('a dead letter again: INSUFFICIENT_FUNDS')
  const last_by_subj = `customer.dead-letter.4711.${/stored at sequence (\d+)/.exec(retried.stdout)?.[1]}`
  const letter = '$JS.API.STREAM.MSG.GET.customer-dead-letters'
  await until(async () => JSON.stringify(await ask(admin, letter, { last_by_subj })).includes('"message"'), {
    deadline_ms: MS_MAX,
    what: 'the second letter',
  })
  expect(ledger.complaints()).toEqual([])

  const { seq } = (await ask(admin, 'customer.balance.55', { schema: 99 })) as { seq: number }
  await until(async () => (await run('operator', 'parked', 'list')).includes('  55  '), {
    deadline_ms: MS_MAX,
    what: 'a parked customer',
  })
  await run('operator', 'parked', 'skip', String(seq), '--reason', 'no program knows it')
  await until(async () => (await run('operator', 'parked', 'list')).includes('no parked customers'), {
    deadline_ms: MS_MAX,
    what: 'the customer to go on',
  })
  expect(ledger.violations()).toEqual([])
})

/**
 * Expects JetStream's content to be as before. Two users may store an event each; these two events are stored last, so that
 * no earlier message is still on its way.
 */
const expectUntouched = async (before: Stores): Promise<void> => {
  const [shop, client] = [await ledger.connectAs('shop'), await ledger.connectAs('client')]
  const last = before.messages.filter(line => line.startsWith('customer-balances ')).length
  expect(await ask(shop, 'customer.event.4711', { type: 'credit', amount: 1 })).toMatchObject({
    seq: last + 1,
  })
  const fence = { client_id: 'fence', amount: 1, transaction_id: `fence-${last}` }
  expect(await ask(client, 'customer.credit', fence)).toMatchObject({ seq: last + 2 })
  const after = await readStores(admin)
  const fresh = (line: string): boolean =>
    line.startsWith(`customer-balances ${last + 1} customer.balance.4711 `) ||
    line.startsWith(`customer-balances ${last + 2} customer.balance.fence `)
  expect(after.messages.filter(fresh)).toHaveLength(2)
  expect({ ...after, messages: after.messages.filter(line => !fresh(line)) }).toEqual(before)
}

describe.each(OUTSIDERS)('%s', user => {
  it('is allowed by name what it may, and nothing of JetStream', () => {
    expect(ledger.users.get(user)?.sub).toEqual({ allow: [`${inboxOf(user)}.>`] })
    for (const subject of allowedOf(user))
      expect(subject).toMatch(
        /^(customer\.(operations\.)?[a-z]+|customer\.event\.4711|\$SRV\.PING\.customer)$/,
      )
    expect(allowedOf(user)).not.toEqual([])
  })

  it('can make nothing be written by what it publishes, by replies, traces and headers, or hear another', async () => {
    const before = await readStores(admin)
    const nc = await ledger.connectAs(user)
    const { refused } = watchRefusals(nc)
    const allowed = allowedOf(user)
    const expected = [...attackDirectly(nc, allowed), ...attackByListening(nc)]
    attackByReply(nc, allowed)
    attackByTrace(nc, allowed, inboxOf(user))
    attackByHeaders(nc, allowed, inboxOf(user))
    await nc.flush()
    await until(() => expected.every(attempt => refused.has(attempt)), {
      deadline_ms: MS_MAX,
      what: 'the server to refuse every attempt',
    }).catch(() => undefined)
    expect(expected.filter(attempt => !refused.has(attempt))).toEqual([])
    await expectUntouched(before)
  })
})

describe('a token that may only read', () => {
  const HEADERS = {
    'NatsH-Nats-Trace-Dest': 'customer.balance.victim',
    'NATSH-Nats-Msg-Id': 'x',
    'Nats-Trace-Dest': '$KV.config.projection.balances',
    'Nats-Rollup': 'all',
    'Ledger-Caller': 'admin',
    'X-HTTP-Method-Override': 'POST',
    'Idempotency-Key': 'read-only',
    'Content-Type': 'application/json',
  }
  const BODY = '{"client_id":"victim","amount":1000000,"from":"678","to":"victim"}'

  const SUBJECTS = [
    ...ROUTES.map(({ subject }) => subject),
    'customer.balance.victim',
    'customer.event.victim',
    'customer.dead-letter.x.1',
    '$KV.config.seed',
    '$JS.API.STREAM.PURGE.customer-balances',
    '$SRV.PING.customer',
    'customer.balance%20customer.balance.victim',
    'customer.balance%0d%0aPUB%20customer.balance.victim%202%0d%0a%7b%7d',
  ]
  const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
  const pathOf = (path: string): string => path.replaceAll(/\{\w+\}/g, '678')

  const attackSubjects = async (): Promise<void> => {
    for (const subject of SUBJECTS)
      await inParallel(Object.keys(HEADERS).length, Object.entries(HEADERS), async ([name, value]) => {
        const init = { method: 'POST', headers: { [name]: value }, body: BODY }
        await http(`/v1/nats/subjects/${subject}`, READER, init)
      })
  }

  const attackRoute = async (path: string): Promise<void> => {
    for (const method of METHODS) {
      const body = method === 'GET' ? {} : { body: BODY }
      const { status } = await http(pathOf(path), READER, { method, headers: HEADERS, ...body })
      expect(status, `${method} ${path}`).toBeLessThan(500)
    }
  }

  it('writes nothing by any route or subject, whatever its headers and bodies', async () => {
    const before = await readStores(admin)
    await attackSubjects()
    for (const { path } of ROUTES) await attackRoute(path)
    for (const { path, method } of ROUTES.filter(({ effect }) => effect === 'write')) {
      const headers = { 'content-type': 'application/json' }
      const { status } = await http(pathOf(path), READER, { method, headers, body: BODY })
      expect(status, path).toBe(403)
    }
    await expectUntouched(before)
  })
})

it('the program that seeds does all that it is for, and the server refuses none of it', async () => {
  const before = ledger.violations().length
  expect(await run('seed', 'seed')).toContain('seeded 1000 customers')
  expect(ledger.violations()).toHaveLength(before)
})

it('what is compared is not blind: one write of the admin shows', async () => {
  const before = await readStores(admin)
  await admin.request('$KV.config.made-up', 'x', { timeout: MS_MAX })
  expect(await readStores(admin)).not.toEqual(before)
  expect(ledger.violations().length).toBeGreaterThan(0)
})
