/** Callers with tokens: what their tokens reach, and how the ledger names them; and writes that need more than a post. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  startTestGateway,
  startTestService,
  type TestGateway,
  type TestService,
  tokensNamed,
} from './testing/gateway.js'

let service: TestService
let gateway: TestGateway

beforeAll(async () => {
  service = await startTestService()
  gateway = await startTestGateway(service.ledger.nc)
})
afterAll(async () => {
  await gateway.stop()
  await service.stop()
})

type Content = Readonly<Record<string, unknown>>
const content = async (answer: Response): Promise<Content> => (await answer.json()) as Content

describe('a caller with a token', () => {
  const limits = { requests_per_second: 1_000, requests_per_day: 12 }
  const tokens = tokensNamed(
    { name: 'shop' },
    { name: 'own', customer_prefixes: ['own-'] },
    { name: 'few', ...limits },
  )
  let guarded: TestGateway
  beforeAll(async () => {
    guarded = await startTestGateway(service.ledger.nc, { tokens })
  })
  afterAll(() => guarded.stop())

  const callAs = (name: string, path: string) => guarded.call(path, { headers: { authorization: name } })
  const postAs = (name: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
    guarded.post(path, body, { authorization: name, ...headers })

  it('is named by what it wrote: in statements, and by its transactions, also after others sent the same', async () => {
    const key = { 'idempotency-key': 'sue-1' }
    const credit = () => ['/v1/customers/sue/credits', { amount: 5 }, key] as const
    expect((await postAs('shop', ...credit())).status).toBe(201)
    expect((await postAs('few', ...credit())).headers.get('idempotency-replayed')).toBe('true')
    await postAs('shop', '/v1/customers/sue/debits', { amount: 99 }, { 'idempotency-key': 'sue-2' })
    // the caller's own header is not what the gateway sends
    const forged = { 'ledger-caller': 'token:root', 'Ledger-By': 'token:root' }
    await postAs('own', '/v1/transfers', { from: 'own-1', to: 'own-2', amount: 1 }, forged)
    await postAs('shop', '/v1/nats/subjects/customer.credit', { client_id: 'sue', amount: 1 }, forged)
    await gateway.post('/v1/customers/sue/credits', { amount: 1 })
    const { entries } = (await content(await callAs('shop', '/v1/customers/sue/statement'))) as {
      entries: Content[]
    }
    expect(entries.map(({ type, by }) => [type, by])).toEqual([
      ['credit', undefined],
      ['credit', 'token:shop'],
      ['declined', 'token:shop'],
      ['credit', 'token:shop'],
    ])
    for (const [id, status] of [
      ['sue-1', 'committed'],
      ['sue-2', 'declined'],
    ])
      expect(await content(await callAs('few', `/v1/transactions/${id}`))).toMatchObject({
        status,
        by: 'token:shop',
      })
  })

  it('reaches the customers of its token and no others, and learns nothing of them', async () => {
    await postAs('shop', '/v1/customers/own-1/credits', { amount: 50 }, { 'idempotency-key': 'own-a' })
    const moved = { from: 'own-1', to: 'alien', amount: 1 }
    await postAs('shop', '/v1/transfers', moved, { 'idempotency-key': 'own-b' })
    const batchOf = (...ids: string[]) => ({
      mode: 'each',
      commands: ids.map(client_id => ({ type: 'credit', client_id, amount: 1 })),
    })
    const allowed = await Promise.all([
      callAs('own', '/v1/customers/own-1/balance'),
      callAs('own', '/v1/customers/own-1/statement'),
      callAs('own', '/v1/transactions/own-a'),
      postAs('own', '/v1/customers/own-1/debits', { amount: 1 }),
      postAs('own', '/v1/batches', batchOf('own-1', 'own-2')),
    ])
    expect(allowed.map(({ status }) => status)).toEqual([200, 200, 200, 201, 200])
    const refused = await Promise.all([
      callAs('own', '/v1/customers/alien/balance'),
      callAs('own', '/v1/customers/ow/statement'),
      callAs('own', '/v1/customers'),
      callAs('own', '/v1/summary'),
      callAs('own', '/v1/ranking'),
      postAs('own', '/v1/customers/alien/credits', { amount: 1 }),
      postAs('own', '/v1/transfers', moved),
      postAs('own', '/v1/transfers', { ...moved, from: 'alien', to: 'own-1' }),
      postAs('own', '/v1/batches', batchOf('own-1', 'alien')),
      postAs('own', '/v1/transactions/own-a/reversals', {}),
      postAs('own', '/v1/batches', {
        mode: 'each',
        commands: [...batchOf('own-1').commands, { type: 'reverse', transaction_id: 'own-a' }],
      }),
      postAs('own', '/v1/nats/subjects/customer.balance', { client_id: 'own-1' }),
      postAs('own', '/v1/nats/subjects/customer.credit', { client_id: 'alien', amount: 1 }),
    ])
    expect(refused.map(({ status }) => status)).toEqual(Array(13).fill(403))
    const paths = ['own-b', 'own-b/explain', 'never', 'never/explain'].map(id => `/v1/transactions/${id}`)
    const hidden = await Promise.all(paths.map(path => callAs('own', path)))
    expect(hidden.map(({ status }) => status)).toEqual([404, 404, 404, 404])
    for (const answer of hidden) expect(JSON.stringify(await content(answer))).not.toContain('alien')
    const shown = await Promise.all(paths.slice(0, 2).map(path => callAs('shop', path)))
    expect(shown.map(({ status }) => status)).toEqual([200, 200])
    expect((await callAs('own', '/v1/transactions/own-a/explain')).status).toBe(200)
  })

  it('has the day of its token, in which a batch counts as its commands', async () => {
    const batch = { mode: 'each', commands: Array(4).fill({ type: 'credit', client_id: 'fay', amount: 1 }) }
    const statuses: number[] = []
    // three requests were sent above
    for (let i = 0; i < 3; i += 1) statuses.push((await postAs('few', '/v1/batches', batch)).status)
    expect(statuses).toEqual([200, 200, 429])
    expect(await content(await postAs('few', '/v1/batches', batch))).toMatchObject({ code: 'RATE_LIMITED' })
    expect((await postAs('few', '/v1/nats/subjects/customer.batch', batch)).status).toBe(429)
    expect((await callAs('shop', '/v1/customers/fay/balance')).status).toBe(200)
    expect(await content(await callAs('shop', '/v1/customers/fay/balance'))).toMatchObject({ version: 8 })
  })
})

describe('a write', () => {
  it('that is a dry run is answered with 200 and makes nothing', async () => {
    const dry = () =>
      gateway.post('/v1/customers/dry/credits', { amount: 5, dry_run: true }, { 'idempotency-key': 'dry-1' })
    for (const answer of [await dry(), await dry()]) {
      expect([answer.status, answer.headers.get('location')]).toEqual([200, null])
      expect(await content(answer)).toEqual({
        ...{ transaction_id: 'dry-1', client_id: 'dry', balance: 5, version: 1, seq: 0 },
        dry_run: true,
      })
    }
    const refused = await gateway.post('/v1/customers/dry/debits', { amount: 5, dry_run: true })
    expect([refused.status, await content(refused)]).toMatchObject([
      422,
      { code: 'INSUFFICIENT_FUNDS', balance: 0, dry_run: true },
    ])
    expect((await gateway.call('/v1/transactions/dry-1')).status).toBe(404)
    const made = await gateway.post(
      '/v1/customers/dry/credits',
      { amount: 6 },
      { 'idempotency-key': 'dry-1' },
    )
    expect([made.status, await content(made)]).toMatchObject([201, { balance: 6 }])
  })

  it('that reverses a transaction counts once for one key, and never beyond what it moved', async () => {
    await gateway.post('/v1/customers/back/credits', { amount: 50 }, { 'idempotency-key': 'back/1' })
    const reverse = (body: Content, key: string) =>
      gateway.post('/v1/transactions/back%2F1/reversals', body, { 'idempotency-key': key })
    const first = await reverse({ amount: 30 }, 'r-1')
    expect([first.status, first.headers.get('location')]).toEqual([
      201,
      '/v1/transactions/back%2F1%3Areversal%3A1',
    ])
    const made = await content(first)
    expect(made).toMatchObject({ balance: 20, reverses: 'back/1', amount: 30 })
    expect(await content(await gateway.call(first.headers.get('location') ?? ''))).toMatchObject({
      status: 'committed',
      reply: made,
    })
    expect(await content(await reverse({ amount: 30 }, 'r-1'))).toEqual({ ...made, replayed: true })
    const other = await reverse({ amount: 31 }, 'r-1')
    expect([other.status, await content(other)]).toMatchObject([
      409,
      { code: 'TRANSACTION_ID_REUSED', field: 'amount', reversal_id: 'r-1', reverses: 'back/1' },
    ])
    const exceeded = await reverse({ amount: 21 }, 'r-2')
    expect([exceeded.status, await content(exceeded)]).toMatchObject([
      422,
      { code: 'REVERSAL_EXCEEDED', remaining: 20 },
    ])
    expect((await gateway.post('/v1/transactions/nobody/reversals', {})).status).toBe(404)
    const batch = { mode: 'all', commands: [{ type: 'reverse', transaction_id: 'back/1' }] }
    for (const replayed of [undefined, true]) {
      const answer = await gateway.post('/v1/batches', batch, { 'idempotency-key': 'b-1' })
      const { results } = (await content(answer)) as { results: Content[] }
      expect(results[0]).toMatchObject({ balance: 0, transaction_id: 'back/1:reversal:3' })
      expect(results[0]?.replayed).toBe(replayed)
    }
  })
})
