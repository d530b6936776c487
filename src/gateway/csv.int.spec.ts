/** Statements, lists and rankings as CSV: a page, all rows, or an answer that visibly ends too early. */

import { connect, headers } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNats } from '../../test/support/servers.js'
import { startTestGateway, startTestService, type TestGateway, type TestService } from './testing/gateway.js'

/** More than one page of the service. */
const EVENTS = 1_050
const CSV = { headers: { accept: 'text/csv' } }
const HEADINGS =
  'seq,at,type,amount,balance,version,transaction_id,reference,counterparty,by,code,metadata,omitted,' +
  'available,held,hold,final,expired,expires_at,limit,state,reason,until,reverses,reversal_id,command,erased'

const HOLD = { schema: 2, type: 'hold', amount: 40, transaction_id: 'h-1' }

let service: TestService
let gateway: TestGateway

beforeAll(async () => {
  service = await startTestService()
  gateway = await startTestGateway(service.ledger.nc, { origins: ['https://shop.example'] })
  const { emit, caughtUp } = service.ledger
  await emit('678', { type: 'credit', amount: 5, reference: '=1+1', metadata: { a: '"x", y' } })
  await Promise.all(Array.from({ length: EVENTS }, () => emit('678', { type: 'credit', amount: 1 })))
  await emit('9', { type: 'credit', amount: '9007199254740993' })
  await emit('7/EUR', { schema: 2, type: 'credit', amount: 90 })
  await emit('7/EUR', { ...HOLD, expires_at: '2099-01-01T00:00:00.000Z' })
  await emit('7/EUR', { schema: 2, type: 'state', state: 'no_debit', reason: '=a "word"' })
  await caughtUp()
})
afterAll(async () => {
  await gateway?.stop()
  await service?.stop()
})

const linesOf = (text: string): readonly string[] => text.split('\r\n').slice(0, -1)

describe('Accept: text/csv', () => {
  it('gives all rows of a statement, newest first', async () => {
    const answer = await gateway.call('/v1/customers/678/statement', CSV)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present')
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="statement-678.csv"')
    expect(answer.headers.get('vary')).toBe('Origin, Accept')
    const [first, ...rows] = linesOf(await answer.text())
    expect(first).toBe(HEADINGS)
    expect(rows.map(row => Number(row.split(',')[0]))).toEqual(
      Array.from({ length: EVENTS + 1 }, (_, i) => EVENTS + 1 - i),
    )
    expect(rows.at(-1)).toContain(`,credit,5,5,1,,'=1+1,,,,"{""a"":""\\""x\\"", y""}",`)
  })

  it('gives what an account with rules has, in a file that is named after the asset', async () => {
    const answer = await gateway.call('/v1/customers/7/statement?asset=EUR', CSV)
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="statement-7-EUR.csv"')
    const [names = '', ...rows] = linesOf(await answer.text())
    const [state, hold, credit] = rows.map(row => row.split(','))
    const at = (name: string, row: readonly string[] = []): string | undefined =>
      row[names.split(',').indexOf(name)]
    expect(['available', 'held', 'state', 'reason'].map(name => at(name, state))).toEqual([
      ...['50', '40', 'no_debit', `"'=a ""word"""`],
    ])
    expect(['available', 'held', 'expires_at'].map(name => at(name, hold))).toEqual([
      ...['50', '40', '2099-01-01T00:00:00.000Z'],
    ])
    expect(['amount', 'available', 'held'].map(name => at(name, credit))).toEqual(['90', '', ''])
    const list = await gateway.call('/v1/customers?asset=EUR', CSV)
    expect(list.headers.get('content-disposition')).toBe('attachment; filename="customers-EUR.csv"')
    await list.text()
  })

  it('gives one page where one is asked for, with a link to the next', async () => {
    const answer = await gateway.call('/v1/customers/678/statement?limit=2&from=2020-01-01T00:00:00Z', CSV)
    expect(linesOf(await answer.text())).toHaveLength(3)
    const next = /^<(\S+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1] ?? ''
    const rows = linesOf(await (await gateway.call(next, CSV)).text())
    expect(rows.slice(1).map(row => row.split(',')[0])).toEqual([String(EVENTS - 1), String(EVENTS - 2)])
  })

  it('gives lists and rankings, with numbers of any size', async () => {
    const list = await (await gateway.call('/v1/customers', CSV)).text()
    expect(list).toBe(
      `client_id,balance,version\r\n678,${EVENTS + 5},${EVENTS + 1}\r\n9,9007199254740993,1\r\n`,
    )
    const ranking = await (await gateway.call('/v1/ranking', CSV)).text()
    expect(ranking).toBe(`rank,client_id,balance\r\n1,9,9007199254740993\r\n2,678,${EVENTS + 5}\r\n`)
  })

  it('leaves JSON to everybody else, and says that the answer depends on it', async () => {
    const answer = await gateway.call('/v1/ranking')
    expect(answer.headers.get('content-type')).toContain('application/json')
    expect(answer.headers.get('vary')).toBe('Origin, Accept')
  })

  it('refuses as JSON does, and has no proofs', async () => {
    for (const query of ['limit=0', 'proof=true']) {
      const answer = await gateway.call(`/v1/customers/678/statement?${query}`, CSV)
      expect(answer.status).toBe(400)
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
    }
  })
})

it('an answer whose second page cannot be had is broken off, so that nobody takes it for whole', async () => {
  const nats = await startTestNats()
  const nc = await connect({ servers: nats.url })
  nc.subscribe('customer.list', {
    callback: (_, message) => {
      const { cursor } = message.json<{ cursor?: string }>()
      if (cursor === undefined) {
        message.respond(
          JSON.stringify({ customers: [{ client_id: '1', balance: 1, version: 1 }], cursor: 'more' }),
        )
        return
      }
      const failed = headers()
      failed.set('Nats-Service-Error', 'INTERNAL_ERROR')
      failed.set('Nats-Service-Error-Code', '500')
      message.respond('{}', { headers: failed })
    },
  })
  const broken = await startTestGateway(nc)
  try {
    const answer = await broken.call('/v1/customers', CSV)
    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow('terminated')
  } finally {
    await broken.stop()
    await nc.close()
    await nats.stop()
  }
})
