import { headers, Match, type Msg } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lastSeq } from '../../../test/support/coordinators.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { type Service, startService } from '../../service/service.js'
import { memoryLog } from '../../service/testing/harness.js'
import { WITHOUT_BOUND } from '../admission/admission.js'
import { createCoordinator, createTaker } from '../compose.js'
import type { Coordinator } from '../group-commit/coordinator.js'
import { createAudit } from './audit.js'
import { commandEndpoints } from './movements.js'

let ledger: TestLedger
let coordinator: Coordinator
let service: Service
const audited = memoryLog()

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
  coordinator = createCoordinator(ledger, { queue_max: 1_000, timeout_ms: 3_000 })
  service = await startService(ledger.nc, {
    name: 'customer',
    version: '0.0.1',
    description: 'customer service',
    log: ledger.log,
    endpoints: commandEndpoints(
      createTaker(ledger, coordinator, undefined, { timeout_ms: 3_000 }),
      ledger,
      { max_in_flight: 1_000, timeout_ms: 9_000 },
      undefined,
      {
        ...WITHOUT_BOUND,
        audit: createAudit(audited.log, { vouched_by: 'gateway' }, 'callers'),
      },
    ),
  })
})

afterAll(async () => {
  await service.stop()
  await coordinator.stop()
  await ledger.stop()
})

const ask = (subject: string, body: unknown): Promise<Msg> =>
  ledger.nc.request(subject, typeof body === 'string' ? body : JSON.stringify(body), { timeout: 10_000 })
const errorOf = ({ headers }: Msg): string =>
  `${headers?.get('Nats-Service-Error-Code')} ${headers?.get('Nats-Service-Error')}`

/** Fields that are there only for who takes a prototype for a part of the request. */
const HIDDEN = '{"client_id":"a","amount":"1","__proto__":{"transaction_id":"x\\ny"}}'
const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`

describe('the endpoints of the command side', () => {
  it('reply with the account after the command, and say when it is a repetition', async () => {
    const credit = { client_id: 'ann', amount: '100', transaction_id: 'ann-1', metadata: { channel: 'web' } }
    const reply = (await ask('customer.credit', credit)).json<object>()
    expect(reply).toEqual({
      transaction_id: 'ann-1',
      client_id: 'ann',
      balance: 100,
      version: 1,
      seq: expect.any(Number),
    })
    expect((await ask('customer.credit', credit)).json()).toEqual({ ...reply, replayed: true })
    const moved = (await ask('customer.transfer', { from: 'ann', to: 'bob', amount: 30 })).json()
    expect(moved).toMatchObject({
      from: { client_id: 'ann', balance: 70 },
      to: { client_id: 'bob', balance: 30 },
    })
  })

  it('give a transaction id where the caller brought none', async () => {
    const reply = (await ask('customer.credit', { client_id: 'ann', amount: 1 })).json<{
      transaction_id: string
    }>()
    expect(reply.transaction_id).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('give balances beyond 2^53-1 as strings', async () => {
    const reply = await ask('customer.credit', { client_id: 'rich', amount: '9223372036854775807' })
    expect(reply.json()).toMatchObject({ balance: '9223372036854775807' })
    expect(errorOf(await ask('customer.credit', { client_id: 'rich', amount: 1 }))).toBe('422 BALANCE_LIMIT')
  })

  it.each<[string, unknown, string[]]>([
    ['customer.credit', 'no json', ['not JSON']],
    ['customer.credit', '[]', ['must be a JSON object']],
    ['customer.credit', {}, ['client_id: is missing', 'amount: is missing']],
    ['customer.debit', { client_id: 'a.b', amount: 0 }, ['client_id: must be', 'amount: must be']],
    ['customer.debit', { client_id: 'a', amount: 1, transaction_id: '' }, ['transaction_id: must be']],
    [
      'customer.debit',
      { client_id: 'a', amount: 1, metadata: { a: 'x'.repeat(3_000) } },
      ['metadata: must be'],
    ],
    ['customer.debit', { client_id: 'a', amount: 1, reference: 7 }, ['reference: must be']],
    ['customer.transfer', { from: 'a', to: 'a', amount: 1 }, ['to: must be another customer']],
    ['customer.transfer', { to: 'a', amount: 1 }, ['from: is missing']],
    ['customer.transaction', {}, ['transaction_id: is missing']],
    ['customer.transaction', { transaction_id: 'a', client_id: 'a' }, ['client_id: is no field']],
    ['customer.credit', { client_id: 'a', amount: 1, transactionId: 'a' }, ['transactionId: is no field']],
    ['customer.transfer', { from: 'a', to: 'b', amount: 1, refrence: 'a' }, ['refrence: is no field']],
    ['customer.credit', HIDDEN, ['__proto__: is no field of this request']],
    ['customer.credit', HIDDEN.replace('__proto__', 'constructor'), ['constructor: is no field']],
    ['customer.debit', '{"client_id":"a","amount":1,"amount":1}', ['amount: is there twice']],
    ['customer.debit', '{"client_id":"a","amount":0.99999999999999999999}', ['amount: 0.9999', 'exactly']],
    ['customer.debit', '{"client_id":"a","amount":4503599627370497.5}', ['amount: 4503599627370497.5']],
    ['customer.debit', '{"client_id":"a","amount":1e400}', ['amount: 1e400']],
    ['customer.credit', `{"client_id":"a","amount":1,"metadata":{"a":${DEEP}}}`, ['nested more than 32']],
    ['customer.credit', '{"client_id":"a","amount":1,"reference":"\\ud800"}', ['reference: must be']],
  ])('answer %s of %j with 400 and name every wrong field', async (subject, body, texts) => {
    const reply = await ask(subject, body)
    expect(errorOf(reply)).toBe('400 INVALID_REQUEST')
    for (const text of texts) expect(reply.string()).toContain(text)
  })

  it.each(['Nats-Msg-Id', 'nats-msg-id', 'Nats-Expected-Last-Sequence'])(
    'refuse the header %s, which would have no effect, by its name',
    async name => {
      const h = headers()
      h.set(name, '1', Match.Exact)
      const before = await lastSeq(ledger.jsm)
      for (const [endpoint, body] of [
        ['credit', { client_id: 'a', amount: 1 }],
        ['batch', { mode: 'each', commands: [{ type: 'credit', client_id: 'a', amount: 1 }] }],
      ] as const) {
        const reply = await ledger.nc.request(`customer.${endpoint}`, JSON.stringify(body), {
          headers: h,
          timeout: 10_000,
        })
        expect(errorOf(reply)).toBe('400 INVALID_REQUEST')
        expect(reply.string()).toContain(`the header ${name}`)
      }
      expect(await lastSeq(ledger.jsm)).toBe(before)
    },
  )

  it.each(['__proto__', 'constructor', 'prototype'])(
    'take nothing from a field %s, at any depth',
    async name => {
      const junk =
        '{"transaction_id":"x\\ny","client_id":"b","amount":9,"mode":"all","prototype":{"amount":9}}'
      const bodies = {
        credit: '{"client_id":"deep","amount":1,$}',
        debit: '{"client_id":"deep","amount":1,$}',
        transfer: '{"from":"deep","to":"b","amount":1,$}',
        batch: '{"mode":"each","commands":[{"type":"credit","client_id":"deep","amount":1}],$}',
        transaction: '{"transaction_id":"deep-1",$}',
        'event.deep': '{"type":"credit","amount":1,$}',
      }
      const before = await lastSeq(ledger.jsm)
      for (const [endpoint, body] of Object.entries(bodies)) {
        const reply = await ask(`customer.${endpoint}`, body.replace('$', `"${name}":${junk}`))
        expect(reply.string()).toContain(`${name}: is no field of this request`)
      }
      expect(await lastSeq(ledger.jsm)).toBe(before)
      const metadata = `{"a":[{"${name}":${junk}}],"${name}":${junk}}`
      const id = `deep-${name}`
      const kept = `{"client_id":"deep","amount":1,"transaction_id":"${id}","metadata":${metadata}}`
      expect((await ask('customer.credit', kept)).json()).toMatchObject({
        client_id: 'deep',
        transaction_id: id,
      })
      expect((await ask('customer.credit', kept)).json()).toMatchObject({ replayed: true })
      expect(errorOf(await ask('customer.credit', kept.replace('"mode":"all"', '"mode":"each"')))).toBe(
        '409 TRANSACTION_ID_REUSED',
      )
    },
  )

  it('go on with every other command while they refuse', async () => {
    const bodies = Array.from({ length: 40 }, (_, i) =>
      i % 2 === 0 ? HIDDEN : { client_id: 'by', amount: 1 },
    )
    const replies = await Promise.all(bodies.map(body => ask('customer.credit', body)))
    expect(replies.filter(reply => errorOf(reply) === '400 INVALID_REQUEST')).toHaveLength(20)
    expect((await ask('customer.credit', { client_id: 'by', amount: 1 })).json()).toMatchObject({
      balance: 21,
    })
  })

  it('refuse with 422, the balance and the amount', async () => {
    const reply = await ask('customer.debit', { client_id: 'poor', amount: 5, transaction_id: 'poor-1' })
    expect(errorOf(reply)).toBe('422 INSUFFICIENT_FUNDS')
    expect(reply.json()).toMatchObject({
      error: { code: 'INSUFFICIENT_FUNDS', balance: 0, amount: 5, transaction_id: 'poor-1' },
    })
  })
})

describe('customer.transaction', () => {
  const fateOf = async (transaction_id: string) =>
    (await ask('customer.transaction', { transaction_id })).json()

  it('tells the original reply of what was committed', async () => {
    const credit = (
      await ask('customer.credit', { client_id: 'eve', amount: 9, transaction_id: 'eve-1' })
    ).json()
    const moved = (
      await ask('customer.transfer', { from: 'eve', to: 'fay', amount: 4, transaction_id: 'eve-2' })
    ).json()
    await ask('customer.credit', { client_id: 'eve', amount: 1 })
    expect(await fateOf('eve-1')).toEqual({ status: 'committed', reply: credit })
    expect(await fateOf('eve-2')).toEqual({ status: 'committed', reply: moved })
  })

  it('tells why it was declined', async () => {
    await ask('customer.debit', { client_id: 'gil', amount: 5, transaction_id: 'gil-1' })
    expect(await fateOf('gil-1')).toMatchObject({
      status: 'declined',
      error: { code: 'INSUFFICIENT_FUNDS', balance: 0, amount: 5 },
    })
  })

  it('knows a direct event by the id in its body, also one that the fold rejected', async () => {
    await ledger.emit('hal', { type: 'credit', amount: 5, transaction_id: 'hal-1' })
    await ledger.emit('hal', { type: 'debit', amount: 6, transaction_id: 'hal-2' })
    expect(await fateOf('hal-1')).toMatchObject({
      status: 'committed',
      reply: { client_id: 'hal', balance: 5 },
    })
    expect(await fateOf('hal-2')).toMatchObject({
      status: 'declined',
      error: { code: 'INSUFFICIENT_FUNDS', balance: 5 },
    })
  })

  it('knows a direct event by its id in whatever way that is written', async () => {
    await ledger.emit('ida', '{"type":"credit","amount":5,"transaction_id":"\\u0069da-1"}')
    expect(await fateOf('ida-1')).toMatchObject({ status: 'committed', reply: { client_id: 'ida' } })
  })

  it('is unknown when the stream has no such id, whole ids only', async () => {
    expect(await fateOf('never')).toEqual({ status: 'unknown' })
    expect(await fateOf('eve')).toEqual({ status: 'unknown' })
    expect(await fateOf('eve-2:credit')).toEqual({ status: 'unknown' })
  })
})

describe('a write whose caller the gateway names', () => {
  const askAs = (by: string, subject: string, body: unknown): Promise<Msg> => {
    const h = headers()
    h.set('Ledger-Caller', by, Match.Exact)
    h.set('Ledger-Request-Id', `r-${by.split(':')[1]}`, Match.Exact)
    return ledger.nc.request(subject, JSON.stringify(body), { headers: h, timeout: 10_000 })
  }
  /** The callers of the newest events, each with its type. */
  const newest = async (events: number): Promise<unknown[]> => {
    const last = await lastSeq(ledger.jsm)
    const seqs = Array.from({ length: events }, (_, i) => last - events + 1 + i)
    return Promise.all(
      seqs.map(async seq => {
        const found = await ledger.jsm.streams.getMessage('customer-balances', { seq })
        return [found?.json<{ type: string }>().type, found?.header.values('Ledger-By')]
      }),
    )
  }
  const auditOf = (client_id: string): unknown[] =>
    audited.lines.flatMap(line => {
      const { level, time, pid, hostname, msg, ...fields } = line as unknown as Record<string, unknown>
      return fields.client_id === client_id ? [fields] : []
    })

  it('is stored with it: a command, both sides of a transfer, a refusal, an event and each command of a batch', async () => {
    await askAs('token:shop', 'customer.credit', { client_id: 'kim', amount: 9 })
    await askAs('oidc:a|b', 'customer.transfer', { from: 'kim', to: 'lee', amount: 4 })
    await askAs('token:till', 'customer.debit', { client_id: 'kim', amount: 99, transaction_id: 'kim-1' })
    await askAs('token:shop', 'customer.event.kim', { type: 'credit', amount: 1 })
    expect(await newest(5)).toEqual([
      ['credit', ['token:shop']],
      ['debit', ['oidc:a|b']],
      ['credit', ['oidc:a|b']],
      ['declined', ['token:till']],
      ['credit', ['token:shop']],
    ])
    const commands = [
      { type: 'credit', client_id: 'kim', amount: 1 },
      { type: 'transfer', from: 'kim', to: 'lee', amount: 1 },
    ]
    for (const mode of ['each', 'all']) {
      await askAs(`token:${mode}`, 'customer.batch', { mode, commands })
      const by = [`token:${mode}`]
      expect(await newest(3)).toEqual([
        ['credit', by],
        ['debit', by],
        ['credit', by],
      ])
    }
  })

  it('has nothing of a caller in its body, and no header without a caller', async () => {
    await askAs('token:shop', 'customer.credit', { client_id: 'max', amount: 9, transaction_id: 'max-1' })
    const withCaller = await ledger.jsm.streams.getMessage('customer-balances', {
      seq: await lastSeq(ledger.jsm),
    })
    expect(withCaller?.string()).toBe(
      '{"schema":1,"type":"credit","amount":9,"transaction_id":"max-1","after":{"balance":9,"version":1}}',
    )
    await ask('customer.credit', { client_id: 'max', amount: 9 })
    await ask('customer.event.max', { type: 'credit', amount: 9 })
    expect(await newest(2)).toEqual([
      ['credit', []],
      ['credit', []],
    ])
    expect(auditOf('max')).toHaveLength(1)
  })

  it('keeps its first caller: another caller with the same id and content gets the same answer', async () => {
    const credit = { client_id: 'ned', amount: 9, transaction_id: 'ned-1' }
    const first = (await askAs('token:shop', 'customer.credit', credit)).json<object>()
    const before = await lastSeq(ledger.jsm)
    expect((await askAs('token:till', 'customer.credit', credit)).json()).toEqual({
      ...first,
      replayed: true,
    })
    expect(await lastSeq(ledger.jsm)).toBe(before)
    const fate = (await ask('customer.transaction', { transaction_id: 'ned-1' })).json()
    expect(fate).toEqual({ status: 'committed', reply: first, by: 'token:shop' })
    await askAs('token:till', 'customer.debit', { client_id: 'oda', amount: 9, transaction_id: 'oda-1' })
    expect((await ask('customer.transaction', { transaction_id: 'oda-1' })).json()).toMatchObject({
      status: 'declined',
      by: 'token:till',
    })
  })

  it('has one line in the log, with its outcome', async () => {
    const credit = { client_id: 'pia', amount: 9, transaction_id: 'pia-1' }
    const { seq } = (await askAs('token:shop', 'customer.credit', credit)).json<{ seq: number }>()
    await askAs('token:till', 'customer.credit', credit)
    await askAs('token:till', 'customer.credit', { ...credit, amount: 8 })
    await askAs('token:till', 'customer.transfer', {
      from: 'pia',
      to: 'ray',
      amount: 1,
      transaction_id: 'pia-2',
    })
    const event = { type: 'credit', amount: 1, transaction_id: 'pia-3' }
    for (let i = 0; i < 2; i += 1) await askAs('token:till', 'customer.event.pia', event)
    const till = { by: 'token:till', request_id: 'r-till', client_id: 'pia' }
    expect(auditOf('pia')).toEqual([
      {
        ...till,
        audit: 'credit',
        by: 'token:shop',
        request_id: 'r-shop',
        transaction_id: 'pia-1',
        outcome: 'stored',
        seq,
      },
      { ...till, audit: 'credit', transaction_id: 'pia-1', outcome: 'replayed', seq },
      { ...till, audit: 'credit', transaction_id: 'pia-1', outcome: 'TRANSACTION_ID_REUSED' },
      { ...till, audit: 'transfer', to: 'ray', transaction_id: 'pia-2', outcome: 'stored', seq: seq + 1 },
      { ...till, audit: 'credit', transaction_id: 'pia-3', outcome: 'stored', seq: seq + 3 },
      { ...till, audit: 'credit', transaction_id: 'pia-3', outcome: 'replayed', seq: seq + 3 },
    ])
    await askAs('token:till', 'customer.event.tom', { type: 'credit', amount: 1 })
    expect(auditOf('tom')).toEqual([
      { ...till, client_id: 'tom', audit: 'credit', outcome: 'stored', seq: seq + 4 },
    ])
    const batch = { mode: 'all', commands: [{ type: 'debit', client_id: 'sam', amount: 1 }] }
    await askAs('token:till', 'customer.batch', batch)
    expect(auditOf('sam')).toMatchObject([{ audit: 'debit', outcome: 'INSUFFICIENT_FUNDS' }])
  })
})
