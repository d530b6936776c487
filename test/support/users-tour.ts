/** What everybody does with the users of docs/deploy-aws.md, from the operator to a publisher, while the server refuses nothing. */

import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NatsConnection } from 'nats'
import { expect } from 'vitest'
import type { LedgerWithUsers } from './ledger-with-users.js'
import { untilBalance } from './questions.js'
import { until } from './servers.js'

/** The longest time that anything may take here, in milliseconds. */
export const MS_MAX = 20_000
/** The tokens of two callers of the gateway. */
export const READER = 'a-token-that-may-read'
const WRITER = 'a-token-that-may-write'

/** The environment in which the gateway knows both tokens, by a file in `folder`. */
export const tokens = (folder: string): Record<string, string> => {
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

/** Asks over NATS, and gives the answer. */
export const ask = async (nc: NatsConnection, subject: string, body: unknown): Promise<unknown> =>
  (await nc.request(subject, JSON.stringify(body), { timeout: MS_MAX })).json()

/** Calls the gateway with a token. */
export const httpAs = (
  { http_url }: LedgerWithUsers,
  path: string,
  token: string,
  init: RequestInit = {},
): Promise<Response> =>
  fetch(`${http_url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, ...init.headers },
    signal: AbortSignal.timeout(MS_MAX),
  })

/** Runs a subcommand as a user; it has to succeed. */
export const runAs = async (
  ledger: LedgerWithUsers,
  user: string,
  ...args: readonly string[]
): Promise<string> => {
  const { code, stdout, stderr } = await ledger.bench.run(args, ledger.envOf(user))
  expect(code, `jetledger ${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}

/** Does all of it; `admin` may do everything. */
export const tourWithUsers = async (ledger: LedgerWithUsers, admin: NatsConnection): Promise<void> => {
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

  expect((await httpAs(ledger, '/readyz', READER)).status).toBe(200)
  const read = await httpAs(ledger, '/v1/customers/678/balance', READER)
  expect(await read.json()).toMatchObject({ balance: 90 })
  const written = await httpAs(ledger, '/v1/customers/680/credits', WRITER, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'tour-http' },
    body: '{"amount":5}',
  })
  expect(await written.json()).toMatchObject({ balance: 5 })

  expect(await runAs(ledger, 'client', 'credit', '681', '3')).toContain('"balance":3')
  writeFileSync(join(ledger.bench.folder, 'rows.csv'), 'type,client_id,amount\ncredit,682,3\n')
  expect(await runAs(ledger, 'importer', 'import', 'rows.csv')).toContain('1 carried out')
  expect(await runAs(ledger, 'shop', 'publish', '4711', 'credit', '1')).toContain('stored at sequence')
  await runAs(ledger, 'replay', 'replay', 'ledger')
  expect(await runAs(ledger, 'verify', 'verify')).toContain('agree')
  expect(await runAs(ledger, 'operator', 'stream', 'apply')).toContain('customer-balances')
  expect(await runAs(ledger, 'operator', 'status')).toContain('instances     2')
  expect(await runAs(ledger, 'operator', 'dead-letters', 'list')).toContain('INSUFFICIENT_FUNDS')
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
  await until(async () => (await runAs(ledger, 'operator', 'parked', 'list')).includes('  55  '), {
    deadline_ms: MS_MAX,
    what: 'a parked customer',
  })
  await runAs(ledger, 'operator', 'parked', 'skip', String(seq), '--reason', 'no program knows it')
  await until(
    async () => (await runAs(ledger, 'operator', 'parked', 'list')).includes('no parked customers'),
    {
      deadline_ms: MS_MAX,
      what: 'the customer to go on',
    },
  )
  expect(ledger.violations()).toEqual([])
}
