/** `customer.event.<client_id>` as its users meet it: a publisher of the same account, and one of another account. */

import { jetstream } from '@nats-io/jetstream'
import { connect, headers, Match, type Msg, type NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lastSeq } from '../../../test/support/coordinators.js'
import { type OpenLedger, openTestLedger, right } from '../../../test/support/ledger.js'
import { startTestDynamodb, type TestDynamodb } from '../../../test/support/servers.js'
import { startTwoAccounts, type TwoAccounts } from '../../../test/support/two-accounts.js'
import { type Service, startService } from '../../service/service.js'
import { publish } from '../../stream/publish.js'
import { WITHOUT_BOUND } from '../admission/admission.js'
import { createCoordinator, createTaker } from '../compose.js'
import type { Coordinator } from '../group-commit/coordinator.js'
import { createAudit } from './audit.js'
import { commandEndpoints } from './movements.js'

let server: TwoAccounts
let dynamodb: TestDynamodb
let ledger: OpenLedger
let coordinator: Coordinator
let service: Service
let limited: NatsConnection
let publisher: NatsConnection

const connectAs = (user: string): Promise<NatsConnection> => connect({ servers: server.url, user, pass: 'x' })

beforeAll(async () => {
  ;[server, dynamodb] = await Promise.all([startTwoAccounts(), startTestDynamodb()])
  ledger = await openTestLedger({
    connection: { servers: server.url, user: 'ledger', pass: 'x' },
    dynamodb_endpoint: dynamodb.endpoint,
    has_table: true,
  })
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
        audit: createAudit(ledger.log, { vouched_by: 'request-info', gateway_account: 'GATEWAY' }, 'callers'),
      },
    ),
  })
  limited = await connectAs('limited')
  publisher = await connectAs('publisher')
})

afterAll(async () => {
  await Promise.all([limited.close(), publisher.close()])
  await service.stop()
  await coordinator.stop()
  await ledger.stop()
  await Promise.all([server.stop(), dynamodb.stop()])
})

type Headers = Readonly<Record<string, string>>

const send = (id: string, body: unknown, names: Headers = {}, nc = ledger.nc): Promise<Msg> => {
  const h = headers()
  for (const [name, value] of Object.entries(names)) h.set(name, value)
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return nc.request(`customer.event.${id}`, text, { timeout: 10_000, headers: h })
}
const CREDIT = { type: 'credit', amount: 5 }
type Told = { readonly error?: { code: number; err_code: number; description: string } }
const told = async (reply: Promise<Msg>): Promise<Told> => (await reply).json<Told>()
const stored = (seq: number) => ledger.jsm.streams.getMessage('customer-balances', { seq })

describe('an event that is published through the service', () => {
  it('is in the stream with headers of the service only, and is acknowledged as JetStream does', async () => {
    const reply = await send(
      'ann',
      { schema: 1, ...CREDIT, reference: 'order 1', metadata: { shop: 7 } },
      { 'Nats-Msg-Id': 'ann-1', 'X-Own': 'y', 'Ledger-Batch': 'z', Traceparent: 't' },
    )
    const ack = reply.json<{ seq: number }>()
    expect(ack).toEqual({ stream: 'customer-balances', seq: await lastSeq(ledger.jsm) })
    expect(reply.headers).toBeUndefined()
    const found = await stored(ack.seq)
    expect(found?.subject).toBe('customer.balance.ann')
    expect(found?.header.keys()).toEqual(['Nats-Msg-Id'])
    expect(found?.json()).toEqual({
      schema: 1,
      ...CREDIT,
      transaction_id: 'ann-1',
      reference: 'order 1',
      metadata: { shop: 7 },
    })
  })

  it('counts once under its id, and says that it is known', async () => {
    const first = (await send('bob', CREDIT, { 'Nats-Msg-Id': 'bob-1' })).json<{ seq: number }>()
    const before = await lastSeq(ledger.jsm)
    const again = (await send('bob', { ...CREDIT, transaction_id: 'bob-1' })).json()
    expect(again).toEqual({ stream: 'customer-balances', seq: first.seq, duplicate: true })
    expect(await lastSeq(ledger.jsm)).toBe(before)
  })

  it('is refused when its id is that of something else, whoever stored that', async () => {
    await send('cat', CREDIT, { 'Nats-Msg-Id': 'cat-1' })
    const other = { 'Nats-Msg-Id': 'cat-1' }
    for (const [id, body] of [
      ['cat', { ...CREDIT, amount: 6 }],
      ['dog', CREDIT],
    ] as const) {
      const { error } = await told(send(id, body, other))
      expect(error).toMatchObject({
        code: 409,
        description: expect.stringContaining('TRANSACTION_ID_REUSED'),
      })
    }
  })

  it('counts twice without an id, as publishing does', async () => {
    const before = await lastSeq(ledger.jsm)
    await send('twice', CREDIT)
    await send('twice', CREDIT)
    expect(await lastSeq(ledger.jsm)).toBe(before + 2)
    expect((await stored(before + 1))?.json()).toEqual({ schema: 1, ...CREDIT })
  })

  it('is judged by the fold and by nobody before: a debit without cover is stored', async () => {
    const ack = (await send('poor', { type: 'debit', amount: 1_000 })).json<{ seq: number }>()
    expect(ack.seq).toBe(await lastSeq(ledger.jsm))
  })

  it('is known to a command of the same id', async () => {
    await send('eve', CREDIT, { 'Nats-Msg-Id': 'eve-1' })
    const body = JSON.stringify({ client_id: 'eve', amount: 5, transaction_id: 'eve-1' })
    const reply = (await ledger.nc.request('customer.credit', body, { timeout: 10_000 })).json()
    expect(reply).toMatchObject({ balance: 5, replayed: true })
  })
})

describe('what is refused, naming what is wrong, and not stored', () => {
  it.each<[string, unknown, Headers, string]>([
    ['no JSON', 'oops', {}, 'not JSON'],
    ['a list', [], {}, 'object'],
    ['a schema of the future', { ...CREDIT, schema: 99 }, {}, 'schema'],
    ['schema 2', { ...CREDIT, schema: 2 }, {}, 'schema'],
    ['a decision about another event', { schema: 2, type: 'skip', seq: 1 }, {}, 'schema'],
    ['an unknown type', { ...CREDIT, type: 'gift' }, {}, 'type'],
    ['a refusal', { ...CREDIT, type: 'declined' }, {}, 'type'],
    ['no amount', { type: 'credit' }, {}, 'amount'],
    ['an amount of 0', { ...CREDIT, amount: 0 }, {}, 'amount'],
    ['half of a transfer', { ...CREDIT, transfer: { counterparty: 'x' } }, {}, 'transfer'],
    ['a claimed result', { ...CREDIT, after: { balance: 9, version: 9 } }, {}, 'after'],
    ['a misspelt field', { ...CREDIT, refrence: 'x' }, {}, 'refrence'],
    [
      'a field that no codec sees',
      `{"type":"credit","amount":1,"__proto__":{"transaction_id":1}}`,
      {},
      '__proto__',
    ],
    ['another customer in the body', { ...CREDIT, client_id: 'x' }, {}, 'client_id'],
    ['a long reference', { ...CREDIT, reference: 'x'.repeat(257) }, {}, 'reference'],
    ['much metadata', { ...CREDIT, metadata: { a: 'x'.repeat(3_000) } }, {}, 'metadata'],
    ['a large body', { ...CREDIT, metadata: { a: 'x'.repeat(30_000) } }, {}, '16384'],
    ['the id of a second leg', CREDIT, { 'Nats-Msg-Id': 'a:credit' }, ':credit'],
    [
      'an id of a header that the body contradicts',
      { ...CREDIT, transaction_id: 'a' },
      { 'Nats-Msg-Id': 'b' },
      'Nats-Msg-Id',
    ],
    ['an empty id', CREDIT, { 'Nats-Msg-Id': '' }, 'transaction_id'],
    ['a header of another case', CREDIT, { 'nats-msg-id': 'b' }, 'nats-msg-id'],
    ...[
      'Nats-Expected-Last-Msg-Id',
      'Nats-Expected-Last-Sequence',
      'Nats-Expected-Last-Subject-Sequence',
      'Nats-Batch-Id',
      'Nats-Batch-Sequence',
      'Nats-Batch-Commit',
      'Nats-Rollup',
      'Nats-TTL',
      'Nats-Schedule',
      'Nats-Marker-Reason',
      'Nats-Incr',
      'Nats-Expected-Stream',
    ].map((name): [string, unknown, Headers, string] => [
      `the header ${name}`,
      CREDIT,
      { [name]: 'x' },
      name,
    ]),
  ])('%s', async (_, body, names, text) => {
    const before = await lastSeq(ledger.jsm)
    const reply = await send('refused', body, names)
    expect(reply.headers?.get('Nats-Service-Error')).toBe('INVALID_REQUEST')
    expect(reply.json<Told>().error).toMatchObject({
      code: 400,
      err_code: 10003,
      description: expect.stringContaining(text),
    })
    expect(await lastSeq(ledger.jsm)).toBe(before)
  })

  it.each(['..', '_x', '-', 'a%20b', 'x'.repeat(65)])('the client id %s', async id => {
    const { error } = await told(send(id.replaceAll('.', '!'), CREDIT))
    expect(error).toMatchObject({ code: 400, description: expect.stringContaining('client id') })
  })
})

describe('a publisher of an account of its own, who knows the stream by its own subjects', () => {
  it('publishes with the client of JetStream, unchanged', async () => {
    const js = jetstream(publisher)
    const ack = await js.publish('customer.balance.678', JSON.stringify(CREDIT), {
      msgID: 'js-1',
      expect: { streamName: 'customer-balances' },
    })
    expect(ack).toMatchObject({
      stream: 'customer-balances',
      seq: await lastSeq(ledger.jsm),
      duplicate: false,
    })
    const again = await js.publish('customer.balance.678', JSON.stringify(CREDIT), { msgID: 'js-1' })
    expect(again).toMatchObject({ seq: ack.seq, duplicate: true })
  })

  it('meets errors of JetStream in that client', async () => {
    const js = jetstream(publisher)
    await expect(js.publish('customer.balance.678', '{"type":"gift"}')).rejects.toThrow(
      'INVALID_REQUEST: type',
    )
    const expecting = { expect: { lastMsgID: 'nope' } }
    await expect(js.publish('customer.balance.678', JSON.stringify(CREDIT), expecting)).rejects.toThrow(
      'Nats-Expected-Last-Msg-Id',
    )
  })

  it('makes nothing else be stored by a reply subject or a trace', async () => {
    const before = await lastSeq(ledger.jsm)
    const { state } = await ledger.jsm.streams.info('KV_config')
    for (const elsewhere of [
      'customer.balance.victim',
      'customer.event.victim',
      'customer.credit',
      '$KV.config.seed',
    ]) {
      const h = headers()
      h.set('Nats-Trace-Dest', elsewhere)
      publisher.publish('customer.balance.678', JSON.stringify(CREDIT), { reply: elsewhere })
      publisher.publish('customer.balance.678', JSON.stringify(CREDIT), { reply: elsewhere, headers: h })
      publisher.publish('customer.balance.678', JSON.stringify(CREDIT), { headers: h })
    }
    const last = await jetstream(publisher).publish('customer.balance.678', JSON.stringify(CREDIT))
    expect(await lastSeq(ledger.jsm)).toBe(last.seq)
    for (let seq = before + 1; seq <= last.seq; seq += 1) {
      const found = await stored(seq)
      expect(found?.subject).toBe('customer.balance.678')
      expect(found?.json()).toEqual({ schema: 1, ...CREDIT })
    }
    expect((await ledger.jsm.streams.info('KV_config')).state).toEqual(state)
    // four that were answered in the publisher's own account, and the last one; those with a header for JetStream were refused
    expect(last.seq - before).toBe(5)
  })

  it('reaches nothing else of the ledger', async () => {
    for (const subject of ['customer.event.678', 'customer.credit', 'customer.balance']) {
      await expect(publisher.request(subject, '{}', { timeout: 2_000 })).rejects.toThrow()
    }
  })
})

describe('the caller of an event', () => {
  const byOf = async (seq: number): Promise<string[] | undefined> =>
    (await stored(seq))?.header.values('Ledger-By')

  it('is the user of another account, as the server says, whatever its own headers say', async () => {
    for (const [name, value] of [
      ['X-Any', 'x'],
      ['Nats-Request-Info', '{"acc":"GATEWAY","user":"root","kind":"Client"}'],
      ['Ledger-Caller', 'token:root'],
    ] as const) {
      const h = headers()
      h.set(name, value, Match.Exact)
      const { seq } = await jetstream(publisher).publish('customer.balance.678', JSON.stringify(CREDIT), {
        headers: h,
      })
      expect(await byOf(seq), name).toEqual(['nats:PUBLISHER/publisher'])
    }
  })

  it('is nobody where the user is of the own account: what it says of itself cannot be told from a lie', async () => {
    const forged = { 'Nats-Request-Info': '{"acc":"PUBLISHER","user":"root","kind":"Client"}' }
    const { seq } = (await send('may', CREDIT, forged)).json<{ seq: number }>()
    expect(await byOf(seq)).toEqual([])
    const reply = '_R_.forged.forged'
    const before = await lastSeq(ledger.jsm)
    const h = headers()
    h.set('Nats-Request-Info', forged['Nats-Request-Info'], Match.Exact)
    limited.publish('customer.event.678', JSON.stringify(CREDIT), { headers: h, reply })
    await limited.flush()
    await send('may', CREDIT)
    expect(await lastSeq(ledger.jsm)).toBe(before + 1)
  })

  it('is who the gateway names, where the request comes from the account of the gateway', async () => {
    const gateway = await connectAs('gateway')
    try {
      const h = headers()
      h.set('Ledger-Caller', 'token:shop', Match.Exact)
      const body = JSON.stringify({ client_id: 'may', amount: 1 })
      const named = await gateway.request('customer.credit', body, { headers: h, timeout: 10_000 })
      expect(await byOf(named.json<{ seq: number }>().seq)).toEqual(['token:shop'])
      const bare = await gateway.request('customer.credit', body, { timeout: 10_000 })
      expect(await byOf(bare.json<{ seq: number }>().seq)).toEqual(['nats:GATEWAY/gateway'])
    } finally {
      await gateway.close()
    }
  })
})

describe('a publisher who may publish for one customer only', () => {
  it('does that, and is stopped by the server elsewhere', async () => {
    const ack = await told(send('678', CREDIT, {}, limited))
    expect(ack).toMatchObject({ stream: 'customer-balances' })
    const before = await lastSeq(ledger.jsm)
    limited.publish('customer.event.679', JSON.stringify(CREDIT))
    limited.publish('customer.balance.678', JSON.stringify(CREDIT), { headers: headers() })
    await limited.flush()
    expect(await lastSeq(ledger.jsm)).toBe(before)
  })

  it('cannot begin an atomic batch: sixty that are never committed hold up nobody', async () => {
    const opened = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        told(send('678', CREDIT, { 'Nats-Batch-Id': `b${i}`, 'Nats-Batch-Sequence': '1' }, limited)),
      ),
    )
    expect(opened.every(({ error }) => error?.code === 400)).toBe(true)
    const body = JSON.stringify({ client_id: 'still', amount: 1 })
    const reply = await ledger.nc.request('customer.credit', body, { timeout: 5_000 })
    expect(reply.json()).toMatchObject({ balance: 1 })
  })

  it('cannot make the service write elsewhere by a reply subject', async () => {
    const before = await lastSeq(ledger.jsm)
    for (const reply of ['customer.balance.victim', '$KV.config.projection.ledger', 'customer.credit']) {
      limited.publish('customer.event.678', '{}', { reply })
      limited.publish('customer.event.678', '[]', { reply })
    }
    await told(send('678', 'the last one', {}, limited))
    expect(await lastSeq(ledger.jsm)).toBe(before)
  })
})

it('a thousand publishers at once are all answered, each with a place of its own', async () => {
  const acks = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) =>
      send(`crowd-${i}`, CREDIT).then(reply => reply.json<{ seq: number }>()),
    ),
  )
  expect(new Set(acks.map(({ seq }) => seq)).size).toBe(1_000)
})

it('an id that is stored by a raw publish counts as that event, with a body that lacks it too', async () => {
  const raw = { subject: 'customer.balance.raw', body: JSON.stringify(CREDIT), msg_id: 'raw-1' }
  const { seq } = await right(publish(ledger.nc, raw, 5_000))
  expect(await told(send('raw', CREDIT, { 'Nats-Msg-Id': 'raw-1' }))).toMatchObject({ seq, duplicate: true })
})
