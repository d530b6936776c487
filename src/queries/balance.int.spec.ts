import { connect, type Msg, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL, left, right } from '../../test/support/ledger.js'
import { startTestServers, type TestServers } from '../../test/support/servers.js'
import { freePort } from '../embedded/ports.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { type Service, startService } from '../service/service.js'
import { writeChanges } from '../tables/balances.js'
import { createTablesClient } from '../tables/client.js'
import { createBalancesTable } from '../tables/provision.js'
import { balanceEndpoint } from './balance.js'
import { createBatcher } from './batcher.js'

const TABLE = 'balances'
const CALLS_IN_FLIGHT_MAX = 2

let servers: TestServers
let nc: NatsConnection
let tables: ReturnType<typeof createTablesClient>
let service: Service
let [calls, in_flight, in_flight_max] = [0, 0, 0]

const write = (id: string, to: Customer): Promise<void> =>
  right(writeChanges(tables, TABLE, [{ id: clientId(id), from: NEW_CUSTOMER, to }]))

beforeAll(async () => {
  servers = await startTestServers()
  nc = await connect({ servers: servers.nats.url })
  tables = createTablesClient({ endpoint: servers.dynamodb.endpoint, ...LOCAL })
  tables.middlewareStack.add(
    next => async args => {
      calls += 1
      in_flight += 1
      in_flight_max = Math.max(in_flight_max, in_flight)
      try {
        return await next(args)
      } finally {
        in_flight -= 1
      }
    },
    { step: 'initialize' },
  )
  await right(createBalancesTable(tables, TABLE))
  await write('678', { account: { balance: 7_120n, version: 12, seq: 34 } })
  await write('rich', { account: { balance: 9_223_372_036_854_775_807n, version: 1, seq: 35 } })
  const read = createBatcher({ tables, table: TABLE, calls_in_flight_max: CALLS_IN_FLIGHT_MAX })
  service = await startService(nc, {
    name: 'customer',
    version: '0.0.1',
    description: 'customer service',
    log: pino({ level: 'silent' }),
    endpoints: [balanceEndpoint(read, { max_in_flight: 2_000, timeout_ms: 4_000 })],
  })
})

afterAll(async () => {
  await service.stop()
  await nc.close()
  tables.destroy()
  await servers.stop()
})

const ask = (body: string): Promise<Msg> => nc.request('customer.balance', body, { timeout: 10_000 })
const errorOf = ({ headers }: Msg): string =>
  `${headers?.get('Nats-Service-Error-Code')} ${headers?.get('Nats-Service-Error')}`

describe('customer.balance', () => {
  it('answers exactly as its predecessor did', async () => {
    expect((await ask('{"client_id":"678"}')).string()).toBe('{"balance":7120}')
    expect((await ask('{"customer_id":"678"}')).string()).toBe('{"balance":7120}')
    expect((await ask('{ "client_id" : "678", "more": 1 }')).string()).toBe('{"balance":7120}')
  })

  it('gives a customer without events a balance of 0', async () => {
    const reply = await ask('{"client_id":"no-such"}')
    expect(reply.string()).toBe('{"balance":0}')
    expect(reply.headers?.get('Nats-Service-Error-Code')).toBe('')
  })

  it('gives a balance beyond 2^53-1 as a string', async () => {
    expect((await ask('{"client_id":"rich"}')).string()).toBe('{"balance":"9223372036854775807"}')
  })

  it('says in headers how new the answer is and where it is from', async () => {
    const { headers } = await ask('{"client_id":"678"}')
    expect(headers?.get('Ledger-Version')).toBe('12')
    expect(headers?.get('Ledger-Seq')).toBe('34')
    expect(headers?.get('Ledger-Source')).toBe('table')
  })

  it('answers a body that is not JSON with 403 BAD_REQUEST and the text of the parser', async () => {
    const reply = await ask('no json')
    expect(errorOf(reply)).toBe('403 BAD_REQUEST')
    expect(reply.string()).toContain('not valid JSON')
    expect(service.stats().endpoints[0]?.last_error).toBe('403:BAD_REQUEST')
  })

  it.each([
    '{}',
    '{"client_id":""}',
    '{"client_id":"a.b"}',
    '{"client_id":7}',
    '{"client_id":null}',
    '[]',
    '7',
    'null',
  ])('answers %s with 400 and a text that names client_id', async body => {
    const reply = await ask(body)
    expect(errorOf(reply)).toBe('400 INVALID_REQUEST')
    expect(reply.string()).toContain('client_id')
  })

  it('shares BatchGetItem calls between requests that are under way at the same time', async () => {
    const before = calls
    const bodies = Array.from({ length: 500 }, (_, i) => `{"client_id":"${i % 250}"}`)
    const replies = await Promise.all(bodies.map(ask))
    expect(replies.every(reply => reply.string() === '{"balance":0}')).toBe(true)
    expect(calls - before).toBeLessThan(50)
    expect(in_flight_max).toBe(CALLS_IN_FLIGHT_MAX)
  })

  it('answers 503 UNAVAILABLE while DynamoDB is away', async () => {
    const nowhere = createTablesClient({ endpoint: `http://127.0.0.1:${await freePort()}`, ...LOCAL })
    const read = createBatcher({ tables: nowhere, table: TABLE, calls_in_flight_max: 2 })
    const { handle } = balanceEndpoint(read, { max_in_flight: 1, timeout_ms: 4_000 })
    const error = await left(
      handle({ subject: 'customer.balance', body: Buffer.from('{"client_id":"678"}') }),
    )
    expect(error).toMatchObject({ status: 503, code: 'UNAVAILABLE' })
    expect(error.body).toContain('cannot be read at the moment')
    nowhere.destroy()
  })

  it('answers 503 UNAVAILABLE, and no balance of 0, while there is no table', async () => {
    const read = createBatcher({ tables, table: 'no-such-table', calls_in_flight_max: 2 })
    const { handle } = balanceEndpoint(read, { max_in_flight: 1, timeout_ms: 4_000 })
    const error = await left(
      handle({ subject: 'customer.balance', body: Buffer.from('{"client_id":"678"}') }),
    )
    expect(error).toMatchObject({ status: 503, code: 'UNAVAILABLE' })
  })
})
