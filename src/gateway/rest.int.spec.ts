/** Every REST route against the real service, by the table at the top. */

import { connect } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNats, until } from '../../test/support/servers.js'
import { ROUTES } from './routes.js'
import { startTestGateway, startTestService, type TestGateway, type TestService } from './testing/gateway.js'
import { REQUESTS } from './testing/requests.js'

/** The sequences of two events that had no effect: the first ones of the ledger, before the opening credit. */
let service: TestService
let gateway: TestGateway

beforeAll(async () => {
  service = await startTestService()
  gateway = await startTestGateway(service.ledger.nc)
  const { nc } = service.ledger
  for (const amount of [5, 6])
    await nc.request('customer.balance.overdrawn', JSON.stringify({ type: 'debit', amount }))
  await until(async () => (await openLetters()).length === 2, {
    deadline_ms: 30_000,
    what: 'the two dead letters',
  })
  await gateway.post('/v1/customers/678/credits', { amount: 1_000 }, { 'idempotency-key': 'opening' })
  for (const id of ['first', 'second'])
    await gateway.post('/v1/customers/678/holds', { amount: 2 }, { 'idempotency-key': id })
})
afterAll(async () => {
  await gateway.stop()
  await service.stop()
})

const { post, call } = {
  post: (...args: Parameters<TestGateway['post']>) => gateway.post(...args),
  call: (...args: Parameters<TestGateway['call']>) => gateway.call(...args),
}

type Content = Readonly<Record<string, unknown>>
const content = async (answer: Response): Promise<Content> => (await answer.json()) as Content

type Letter = Readonly<Record<string, unknown>>
const openLetters = async (): Promise<readonly Letter[]> =>
  (await content(await gateway.call('/v1/operations/dead-letters'))).letters as readonly Letter[]

const send = (to: TestGateway, operation: string): Promise<Response> => {
  const { path, body, method = 'POST' } = REQUESTS[operation] ?? { path: '' }
  if (body === undefined) return to.call(path)
  const headers = { 'content-type': 'application/json' }
  return to.call(path, { method, headers, body: JSON.stringify(body) })
}

describe('every route', () => {
  it('is in this table', () => {
    expect(Object.keys(REQUESTS).sort()).toEqual(ROUTES.map(({ operation }) => operation).sort())
  })

  it.each(ROUTES.map(route => [route.operation, route] as const))(
    '%s answers with its status',
    async (operation, route) => {
      const answer = await send(gateway, operation)
      expect({ status: answer.status, body: await answer.text() }).toMatchObject({ status: route.success })
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
      expect(answer.headers.get('cache-control')).toBe('no-store')
    },
  )

  it('answers 503 soon while nobody serves its subject', async () => {
    const nats = await startTestNats()
    const nc = await connect({ servers: nats.url })
    const lonely = await startTestGateway(nc)
    try {
      const began_ms = performance.now()
      const answers = await Promise.all(
        ROUTES.map(async route => ({ ...route, answer: await send(lonely, route.operation) })),
      )
      expect(performance.now() - began_ms).toBeLessThan(5_000)
      for (const { operation, subject, answer } of answers) {
        expect([answer.status, answer.headers.get('retry-after')], operation).toEqual([503, '1'])
        expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
        expect(await content(answer)).toMatchObject({
          code: 'UNAVAILABLE',
          status: 503,
          type: '/docs#UNAVAILABLE',
          detail: `nobody serves ${subject} at the moment`,
        })
      }
    } finally {
      await lonely.stop()
      await nc.close()
      await nats.stop()
    }
  })
})

describe('a write', () => {
  it('of a hold that would last for more than 366 days is refused', async () => {
    const answer = await post('/v1/customers/678/holds', { amount: 1, expires_at: '2100-01-01T00:00:00Z' })
    expect(answer.status).toBe(400)
    expect(await content(answer)).toMatchObject({ detail: 'expires_at: must be at most 366 days ahead' })
  })

  it('answers 201 with where it can be read, which then tells the same', async () => {
    const answer = await post('/v1/customers/ann/credits', {
      amount: '100',
      reference: 'r',
      metadata: { a: 1 },
    })
    expect(answer.status).toBe(201)
    const made = await content(answer)
    expect(made).toEqual({
      transaction_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      client_id: 'ann',
      balance: 100,
      version: 1,
      seq: expect.any(Number),
    })
    const location = answer.headers.get('location') ?? ''
    expect(location).toBe(`/v1/transactions/${made.transaction_id}`)
    expect(await content(await call(location))).toEqual({
      transaction_id: made.transaction_id,
      status: 'committed',
      reply: made,
    })
  })

  it('has one effect and one answer for one Idempotency-Key, quoted or bare, and says that it is a repetition', async () => {
    const first = await post('/v1/customers/bob/credits', { amount: 5 }, { 'idempotency-key': 'bob/1' })
    expect(first.headers.get('idempotency-replayed')).toBeNull()
    const made = await content(first)
    for (const key of ['bob/1', '"bob/1"']) {
      const again = await post('/v1/customers/bob/credits', { amount: 5 }, { 'idempotency-key': key })
      expect(again.status).toBe(201)
      expect(again.headers.get('idempotency-replayed')).toBe('true')
      expect(await content(again)).toEqual({ ...made, replayed: true })
    }
    expect(first.headers.get('location')).toBe('/v1/transactions/bob%2F1')
    expect((await call('/v1/transactions/bob%2F1')).status).toBe(200)
    const other = await post('/v1/customers/bob/credits', { amount: 6 }, { 'idempotency-key': 'bob/1' })
    expect(other.status).toBe(409)
    expect(await content(other)).toMatchObject({ code: 'TRANSACTION_ID_REUSED', field: 'amount' })
  })

  it('that is refused says why with the balance, and again the same way', async () => {
    const refuse = () => post('/v1/customers/poor/debits', { amount: 5 }, { 'idempotency-key': 'poor-1' })
    const first = await refuse()
    expect(first.status).toBe(422)
    expect(await content(first)).toMatchObject({
      code: 'INSUFFICIENT_FUNDS',
      client_id: 'poor',
      balance: 0,
      amount: 5,
      transaction_id: 'poor-1',
    })
    const again = await refuse()
    expect(again.status).toBe(422)
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    const fate = await call('/v1/transactions/poor-1')
    expect(await content(fate)).toMatchObject({ status: 'declined', error: { code: 'INSUFFICIENT_FUNDS' } })
  })

  it('transfers whole, in amounts beyond 2^53-1 as texts', async () => {
    await post('/v1/customers/rich/credits', { amount: '9223372036854775807' })
    const moved = await post('/v1/transfers', { from: 'rich', to: 'heir', amount: '9007199254740993' })
    expect(await content(moved)).toMatchObject({
      from: { client_id: 'rich', balance: '9214364837600034814' },
      to: { client_id: 'heir', balance: '9007199254740993' },
    })
  })

  it.each<[string, unknown, string]>([
    ['a number that JSON rounds', '{"amount":9007199254740993}', 'amount: 9007199254740993 cannot be'],
    ['a number that is no whole one', '{"amount":0.99999999999999999999}', 'amount: 0.9999'],
    ['a name twice', '{"amount":1,"amount":1}', 'amount: is there twice'],
    ['a prototype', '{"amount":1,"__proto__":{"reference":5}}', '__proto__: is no field'],
    ['a constructor', '{"amount":1,"constructor":{"prototype":{"reference":5}}}', 'constructor: is no field'],
    ['a field that is none', { amount: 1, refrence: 'x' }, 'refrence: is no field'],
    ['the transaction id in the body', { amount: 1, transaction_id: 'x' }, 'transaction_id: is no field'],
    ['no JSON', '{"amount":', 'the body is not JSON'],
    ['a list', [], 'the body must be a JSON object'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'the body is not JSON'],
    ['an abyss', `{"amount":1,"metadata":{"a":${'['.repeat(8_000)}${']'.repeat(8_000)}}}`, ''],
    ['too much metadata', { amount: 1, metadata: { a: 'x'.repeat(3_000) } }, 'metadata: must be'],
  ])('with %s is refused with 400', async (_, body, text) => {
    const raw = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
    const answer = await call('/v1/customers/678/credits', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: raw,
    })
    expect(answer.status).toBe(400)
    const told = await content(answer)
    expect(told.code).toBe('INVALID_REQUEST')
    expect(told.detail).toContain(text)
  })

  it('must be JSON, and not larger than a command can be', async () => {
    const path = '/v1/customers/678/credits'
    const form = await call(path, { method: 'POST', body: new URLSearchParams({ amount: '1' }) })
    expect([form.status, (await content(form)).code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
    const large = await post(path, { amount: 1, reference: 'x'.repeat(20_000) })
    expect([large.status, (await content(large)).code]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
  })
})

describe('a batch', () => {
  const credit = (client_id: string) => ({ type: 'credit', client_id, amount: 5 })
  const debit = (client_id: string) => ({ type: 'debit', client_id, amount: 99 })

  it('answers each command by itself, in order, each with an id of its own', async () => {
    const commands = [credit('gil'), { ...debit('gil'), transaction_id: 'gil-own' }, credit('gil')]
    const send = () =>
      post('/v1/batches', { mode: 'each', commands }, { 'idempotency-key': 'gil-batch' }).then(content)
    const first = (await send()).results as Content[]
    expect(first).toMatchObject([
      { transaction_id: 'gil-batch:0', balance: 5 },
      { error: { code: 'INSUFFICIENT_FUNDS', transaction_id: 'gil-own', balance: 5 } },
      { transaction_id: 'gil-batch:2', balance: 10 },
    ])
    const again = (await send()).results as Content[]
    expect(again).toMatchObject([{ balance: 5, replayed: true }, {}, { balance: 10, replayed: true }])
    expect(await content(await call('/v1/transactions/gil-batch:2'))).toMatchObject({ status: 'committed' })
  })

  it('is refused when the ids of its commands would be longer than an id may be, and stores nothing', async () => {
    const eleven = Array.from({ length: 11 }, () => credit('ida'))
    const send = (key: string, commands: readonly object[]) =>
      post('/v1/batches', { mode: 'each', commands }, { 'idempotency-key': key })
    const refused = await send('k'.repeat(126), eleven)
    expect([refused.status, (await content(refused)).detail]).toEqual([
      400,
      expect.stringContaining('Idempotency-Key: must be at most 125 characters'),
    ])
    expect(await content(await send('k'.repeat(126), eleven.slice(0, 10)))).toMatchObject({
      results: expect.arrayContaining([expect.objectContaining({ balance: 50 })]),
    })
    const own = { ...credit('ida'), transaction_id: 'ida-own' }
    expect(await content(await send('k'.repeat(128), [own]))).toMatchObject({ results: [{ balance: 55 }] })
  })

  it('that is all or nothing says which command was refused', async () => {
    const answer = await post('/v1/batches', { mode: 'all', commands: [credit('hal'), debit('hal')] })
    expect(answer.status).toBe(422)
    expect(await content(answer)).toMatchObject({ code: 'INSUFFICIENT_FUNDS', index: 1 })
    expect((await post('/v1/customers/hal/credits', { amount: 1 }).then(content)).balance).toBe(1)
  })

  it.each<[string, object, string]>([
    ['no command', { mode: 'each', commands: [] }, 'commands: '],
    ['no mode', { commands: [credit('a')] }, 'mode: is missing'],
    [
      'a command that is none',
      { mode: 'each', commands: [{ type: 'burn' }] },
      'commands.0: must be a command',
    ],
    ['a field that is none', { mode: 'each', commands: [credit('a')], atomic: true }, 'atomic: is no field'],
  ])('with %s is refused with 400', async (_, body, text) => {
    const answer = await post('/v1/batches', body)
    expect([answer.status, (await content(answer)).detail]).toEqual([400, expect.stringContaining(text)])
  })

  it('that is nested thousands of levels deep is refused with 400', async () => {
    const abyss = `${'['.repeat(400_000)}${']'.repeat(400_000)}`
    const command = `{"type":"credit","client_id":"a","amount":1,"metadata":{"a":${abyss}}}`
    const answer = await call('/v1/batches', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"mode":"each","commands":[${command}]}`,
    })
    expect([answer.status, (await content(answer)).detail]).toEqual([
      400,
      expect.stringContaining('nested more than 32 levels deep'),
    ])
  })
})

describe('a read', () => {
  it('of a balance carries version and sequence in body and headers', async () => {
    await post('/v1/customers/eve/credits', { amount: 7 })
    const answer = await until(
      async () => {
        const found = await call('/v1/customers/eve/balance')
        return found.headers.get('ledger-version') === '1' && found
      },
      { deadline_ms: 30_000, what: 'the credit to be projected' },
    )
    const seq = Number(answer.headers.get('ledger-seq'))
    expect(seq).toBeGreaterThan(0)
    expect(answer.headers.get('ledger-source')).not.toBeNull()
    expect(await content(answer)).toEqual({ client_id: 'eve', balance: 7, version: 1, seq })
  })

  it('of an account with a hold says what is available, in body and headers', async () => {
    await post('/v1/customers/hal-2/credits', { amount: '9007199254740995' })
    await post('/v1/customers/hal-2/holds', { amount: 2 }, { 'idempotency-key': 'hal-2-hold' })
    const answer = await call('/v1/customers/hal-2/balance?consistency=strong')
    const { held, available } = await content(answer)
    expect([held, available]).toEqual([2, '9007199254740993'])
    expect(['ledger-held', 'ledger-available'].map(name => answer.headers.get(name))).toEqual([
      ...['2', '9007199254740993'],
    ])
  })

  it('of a customer without events is 0', async () => {
    const answer = await call('/v1/customers/nobody/balance')
    expect(await content(answer)).toEqual({ client_id: 'nobody', balance: 0, version: 0, seq: 0 })
  })

  it('pages through statements, customers and the ranking by the cursors that it gets', async () => {
    for (const [id, amount] of [
      ['pam', 70],
      ['pam', 80],
      ['pat', 60],
    ] as const) {
      await post(`/v1/customers/${id}/credits`, { amount })
    }
    const pages = async (path: string, list: string): Promise<Content[]> => {
      const found: Content[] = []
      for (let cursor = ''; ; ) {
        const more = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
        const page = await content(await call(`${path}?limit=1${more}`))
        found.push(...(page[list] as Content[]))
        if (typeof page.cursor !== 'string') return found
        cursor = page.cursor
      }
    }
    const projected = (path: string, list: string, found: (entries: Content[]) => boolean) =>
      until(
        async () => {
          const entries = await pages(path, list)
          return found(entries) && entries
        },
        { deadline_ms: 30_000, what: `${path} to be projected` },
      )
    const statement = await projected('/v1/customers/pam/statement', 'entries', all => all.length === 2)
    expect(statement).toMatchObject([
      { type: 'credit', amount: 80, balance: 150, version: 2 },
      { type: 'credit', amount: 70, balance: 70, version: 1 },
    ])
    const has = (id: string, balance: number) => (entries: Content[]) =>
      entries.some(entry => entry.client_id === id && entry.balance === balance)
    const customers = await projected('/v1/customers', 'customers', has('pat', 60))
    const ids = customers.map(({ client_id }) => String(client_id))
    expect(ids).toEqual([...new Set(ids)].sort())
    const ranking = await projected('/v1/ranking', 'ranking', has('pam', 150))
    const ranks = ranking.map(({ client_id }) => client_id)
    expect(ranks.indexOf('pam')).toBeLessThan(ranks.indexOf('pat'))
    expect(ranking.map(({ rank }) => rank)).toEqual(ranking.map((_, i) => i + 1))
  })

  it('of the summary has totals and days', async () => {
    const today = new Date().toISOString().slice(0, 10)
    const answer = await content(await call(`/v1/summary?from=${today}&to=${today}`))
    expect(answer).toMatchObject({ credits: { count: expect.any(Number) }, days: [{ day: today }] })
  })

  it('of a transaction that the ledger does not hold is 404 and names it', async () => {
    const answer = await call('/v1/transactions/never')
    expect(answer.status).toBe(404)
    expect(await content(answer)).toMatchObject({ code: 'NOT_FOUND', transaction_id: 'never' })
  })

  it.each([
    ['/v1/customers/a.b/balance', 'client_id: must be'],
    [`/v1/customers/${'x'.repeat(65)}/balance`, 'client_id: must be'],
    ['/v1/customers/678/balance?min_verison=1', 'min_verison: is no parameter'],
    ['/v1/customers/678/balance?min_version=-1', 'min_version: must be'],
    ['/v1/customers/678/balance?as_of=yesterday', 'as_of: must be a time'],
    ['/v1/customers/678/balance?consistency=weak', 'consistency: must be strong'],
    ['/v1/customers/678/balance?timeout=0', 'timeout: must be'],
    ['/v1/customers/678/balance?timeout=1&timeout=2', 'timeout: must be'],
    ['/v1/transactions/a%20b', 'transaction_id: must be'],
    ['/v1/customers?limit=1001', 'limit: must be'],
    ['/v1/summary?from=2026-1-1', 'from: must be a day'],
    ['/v1/customers/%ff/balance', 'not a valid url component'],
  ])('%s is refused with 400: %s', async (path, text) => {
    const answer = await call(path)
    expect(answer.status).toBe(400)
    expect((await content(answer)).detail).toContain(text)
  })

  it('is made for a reader by ?pretty, a problem too', async () => {
    for (const query of ['?pretty', '?pretty=0']) {
      const text = await (await call(`/v1/customers/nobody/balance${query}`)).text()
      expect(text).toBe('{\n  "client_id": "nobody",\n  "balance": 0,\n  "version": 0,\n  "seq": 0\n}\n')
    }
    expect(await (await call('/v1/customers/a.b/balance?pretty')).text()).toMatch(/^\{\n {2}"type".*\n\}\n$/s)
  })
})
