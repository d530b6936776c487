/** Statements as PDF: what stands on the paper, what is refused, and callers who do not wait. */

import { once } from 'node:events'
import { connect as connectTo } from 'node:net'
import { connect, type NatsConnection } from 'nats'
import { extractText, getDocumentProxy } from 'unpdf'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { startTestNats, type TestNats, until } from '../../test/support/servers.js'
import { bytesOfPaper } from '../statement/paper.js'
import { declareAsset } from '../stream/assets.js'
import {
  startTestGateway,
  startTestService,
  type TestGateway,
  type TestService,
  tokensNamed,
} from './testing/gateway.js'
import { PDF_ENTRIES_MAX } from './whole-statement.js'

const ACCEPT = 'application/pdf'
const PDF = { headers: { accept: ACCEPT } }
/** Several pages of the service. */
const EVENTS = 1_020
/** The pages that a statement of the most entries is read in. */
const PAGES = 20
const HOSTILE = [
  'invoice\u0000\u001b[2J\r\n81',
  '\u202egnp.exe \u2066علي\u2069 שלום',
  '👩‍👩‍👧‍👦 \u{1f4b6} 价格',
  'very long '.repeat(6_000),
  'a'.repeat(50_000),
]

let service: TestService
let gateway: TestGateway

/** The text of each page of an answer, as a reader of PDF finds it. */
const pagesOf = async (answer: Response): Promise<string[]> => {
  expect(answer.status, answer.statusText).toBe(200)
  expect(answer.headers.get('content-type')).toBe(ACCEPT)
  return (await extractText(await getDocumentProxy(new Uint8Array(await answer.arrayBuffer())))).text
}
const pdf = (path: string): Promise<Response> => gateway.call(`/v1/customers/${path}`, PDF)
const problemIn = async (answer: Response): Promise<string> => {
  expect(answer.headers.get('content-type')).toContain('application/problem+json')
  const { code, detail } = (await answer.json()) as { code: string; detail: string }
  return `${answer.status} ${code}: ${detail}`
}

/** The time of the newest entry of a customer. */
const lastTime = async (client_id: string): Promise<string> => {
  const answer = await gateway.call(`/v1/customers/${client_id}/statement?limit=1`)
  const { entries } = (await answer.json()) as { entries: { at: string }[] }
  return entries[0]?.at ?? ''
}
const later = (at: string, ms: number): string => new Date(Date.parse(at) + ms).toISOString()

beforeAll(async () => {
  service = await startTestService()
  const { emit, caughtUp, kv } = service.ledger
  gateway = await startTestGateway(service.ledger.nc)
  await right(declareAsset(kv, 'EUR', { scale: 2, name: 'Euro' }))
  await emit('678/EUR', { schema: 2, type: 'credit', amount: 500, reference: 'invoice 81' })
  await emit('678/EUR', { schema: 2, type: 'debit', amount: 30, transaction_id: 't-2' })
  const expires_at = '2099-01-01T08:00:00.000Z'
  await emit('678/EUR', { schema: 2, type: 'hold', amount: 100, transaction_id: 'h-1', expires_at })
  await emit('678/EUR', { schema: 2, type: 'limit', limit: '2000' })
  await gateway.post('/v1/customers/678/debits', { asset: 'EUR', amount: 9_000, reference: 'too much' })
  await Promise.all(Array.from({ length: EVENTS }, () => emit('many', { type: 'credit', amount: 1 })))
  for (const reference of HOSTILE) await emit('odd', { type: 'credit', amount: 1, reference })
  await emit('big', { type: 'credit', amount: '9007199254740993' })
  await emit('a:b@c', { type: 'credit', amount: 1 })
  await caughtUp()
})
afterAll(async () => {
  await gateway?.stop()
  await service?.stop()
})

describe('Accept: application/pdf', () => {
  it('gives the whole statement of an asset, oldest entry first, in its decimals and in words', async () => {
    const answer = await pdf('678/statement?asset=EUR')
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="statement-678-EUR.pdf"')
    expect(answer.headers.get('vary')).toBe('Accept')
    const [page = '', ...more] = await pagesOf(answer)
    expect(more).toEqual([])
    const words = [
      ...['Account statement', '678, in Euro (EUR)', 'From the beginning to', 'Opening balance', '0.00'],
      ...['Credit', '+5.00', 'invoice 81', 'Debit', '-0.30', '4.70', 't-2'],
      ...['1.00 set aside until 2099-01-01 08:00', 'Credit limit 20.00'],
      ...['Refused: debit, insufficient funds', 'too much', 'Closing balance', '4.70'],
    ]
    let at = 0
    for (const text of words) {
      const found = page.indexOf(text, at)
      expect(found, `${text} after ${page.slice(0, at)}`).toBeGreaterThanOrEqual(0)
      at = found
    }
  })

  it('has every entry of many pages once, with the balance after each', async () => {
    const text = (await pagesOf(await pdf('many/statement'))).join('\n')
    const balances = [...text.matchAll(/\+1\s+([\d,]+)/g)].map(([, balance = '']) =>
      Number(balance.replaceAll(',', '')),
    )
    expect(balances).toEqual(Array.from({ length: EVENTS }, (_, i) => i + 1))
    expect(text).toMatch(/Closing balance\s+1,020/)
  })

  it('ends with its first page, whatever is written while it reads', async () => {
    const nc = await connect({ servers: service.ledger.servers.nats.url })
    let is_written = false
    // a listener beside the service: the second page is not answered before more is written
    const seen = nc.subscribe('customer.statement', {
      callback: (_, { data }) => {
        if (Buffer.from(data).includes('cursor')) is_written = true
      },
    })
    let on = true
    const writing = (async () => {
      while (on) await service.ledger.emit('many', { type: 'credit', amount: 1 })
    })()
    const text = (await pagesOf(await pdf('many/statement'))).join('\n')
    on = false
    await writing
    expect(is_written).toBe(true)
    seen.unsubscribe()
    await nc.close()
    const balances = [...text.matchAll(/\+1\s+([\d,]+)/g)].map(([, balance]) => balance)
    expect(balances.length).toBeGreaterThanOrEqual(EVENTS)
    expect(text.match(/Closing balance\s+([\d,]+)/)?.[1]).toBe(balances.at(-1))
    expect(Number(balances.at(-1)?.replaceAll(',', ''))).toBe(balances.length)
  })

  it('has the opening balance of a period, its end is not in it, and an end in the future is not promised', async () => {
    const last = await lastTime('odd')
    const [all = ''] = await pagesOf(
      await pdf(`odd/statement?from=2020-01-01T02:00:00%2B02:00&to=2100-01-01T00:00:00Z`),
    )
    expect(all).toMatch(/2020-01-01 00:00 to 20\d\d-\d\d-\d\d \d\d:\d\d, UTC/)
    expect(all).not.toContain('2100')
    const [end = ''] = await pagesOf(await pdf(`odd/statement?from=${last}`))
    expect(end).toMatch(/Opening balance\s+4\s.*\+1\s+5\s.*Closing balance\s+5/s)
    const [before = ''] = await pagesOf(await pdf(`odd/statement?to=${last}`))
    expect(before).toMatch(/Opening balance\s+0\s.*Closing balance\s+4/s)
  })

  it('of a period without entries has the balance that was there', async () => {
    const from = later(await lastTime('odd'), 1)
    const [page = ''] = await pagesOf(await pdf(`odd/statement?from=${from}`))
    expect(page).toMatch(/Opening balance\s+5\s+Closing balance\s+5/)
  })

  it('takes what strangers have written, and numbers of any size', async () => {
    const pages = await pagesOf(await pdf('odd/statement'))
    expect(pages).toHaveLength(1)
    expect(pages[0]).toMatch(/invoice\s+\[2J\s+81/)
    expect(pages[0]).toContain('very long very long')
    for (const mover of ['\u001b', '\u202e', '\u2066', '\r']) expect(pages[0]).not.toContain(mover)
    expect((await pagesOf(await pdf('big/statement')))[0]).toContain('+9,007,199,254,740,993')
    const named = await pdf('a%3Ab@c/statement')
    expect(named.headers.get('content-disposition')).toBe('attachment; filename="statement-a_b@c.pdf"')
    await named.arrayBuffer()
  })

  it.each([
    ['limit=2', 'limit: must not be there with Accept: application/pdf'],
    ['cursor=abc&proof=true', 'cursor: must not be there with Accept: application/pdf; proof: must not'],
    ['from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z', 'to: must be later than from'],
    ['from=yesterday', 'from: must be a time'],
  ])('refuses %s', async (query, detail) => {
    expect(await problemIn(await pdf(`678/statement?${query}`))).toContain(`400 INVALID_REQUEST: ${detail}`)
  })

  it('has none of a customer without events, because a mistyped id would look like one who never paid', async () => {
    const none = '404 NOT_FOUND: the customer has no events up to then'
    for (const query of ['', '?from=2020-01-01T00:00:00Z', '?to=2020-01-01T00:00:00Z'])
      expect(await problemIn(await pdf(`nobody/statement${query}`))).toBe(none)
    expect(await problemIn(await pdf('678/statement?to=2020-01-01T00:00:00Z'))).toBe(none)
  })

  it('is for the tokens that may read the customer', async () => {
    const tokens = tokensNamed(
      { name: 'reader', scopes: ['read'], customer_prefixes: ['odd'] },
      { name: 'writer', scopes: ['write'] },
    )
    const guarded = await startTestGateway(service.ledger.nc, { tokens })
    const callAs = (authorization: string, id: string) =>
      guarded.call(`/v1/customers/${id}/statement`, { headers: { ...PDF.headers, authorization } })
    try {
      expect((await pagesOf(await callAs('reader', 'odd')))[0]).toContain('Account statement')
      expect(await problemIn(await callAs('reader', 'many'))).toContain('403 FORBIDDEN')
      expect(await problemIn(await callAs('writer', 'odd'))).toContain('403 FORBIDDEN')
      expect(await problemIn(await callAs('nobody', 'odd'))).toContain('401 UNAUTHORIZED')
    } finally {
      await guarded.stop()
    }
  })
})

/** A service with pages of its own making, in front of which a gateway stands. */
describe('a PDF', () => {
  let nats: TestNats
  let nc: NatsConnection
  beforeAll(async () => {
    nats = await startTestNats()
    nc = await connect({ servers: nats.url })
  })
  afterAll(async () => {
    await nc?.close()
    await nats?.stop()
  })

  type Asked = {
    readonly client_id: string
    readonly limit: number
    readonly cursor?: string
    readonly asset_facts?: true
  }
  type Served = { readonly client_id?: string; readonly delay_ms?: number; readonly torn?: number }

  /**
   * Answers `customer.statement` about one customer with entries of 1 each, down from `total`. `delay_ms` is for every page
   * after the first; the balance `torn` is wrong.
   */
  const serve = (total: number, { client_id = '678', delay_ms = 0, torn }: Served = {}) => {
    const asked: Asked[] = []
    const subscription = nc.subscribe('customer.statement', {
      callback: (_, message) => {
        const request = message.json<Asked>()
        if (request.client_id !== client_id) return
        asked.push(request)
        const newest = request.cursor === undefined ? total : Number(request.cursor)
        const oldest = Math.max(newest - request.limit, 0)
        const entries = Array.from({ length: newest - oldest }, (__, i) => ({
          ...{ type: 'credit', amount: 1, seq: newest - i, version: newest - i, at: '2026-11-27T10:15:30Z' },
          balance: newest - i === torn ? 0 : newest - i,
        }))
        const more = oldest === 0 ? {} : { cursor: String(oldest) }
        const reply = JSON.stringify({ client_id, entries, ...more })
        setTimeout(() => message.respond(reply), request.cursor === undefined ? 0 : delay_ms)
      },
    })
    return { asked, stop: () => subscription.unsubscribe() }
  }
  const pathOf = (client_id: string): string => `/v1/customers/${client_id}/statement`
  const PATH = pathOf('678')

  it('has at most so many entries, and no page is read in vain', async () => {
    const own = await startTestGateway(nc)
    const whole = serve(PDF_ENTRIES_MAX)
    const pages = await pagesOf(await own.call(PATH, PDF))
    expect(pages.at(-1)).toMatch(/\+1\s+5,000\s+Closing balance\s+5,000/)
    whole.stop()
    const more = serve(PDF_ENTRIES_MAX + 1)
    expect(await problemIn(await own.call(PATH, PDF))).toBe(
      '422 STATEMENT_TOO_LONG: the period has more than 5000 entries: choose a shorter period, or use "jetledger export statement"',
    )
    expect(more.asked).toHaveLength(PAGES)
    expect(more.asked.map(({ asset_facts }) => asset_facts)).toEqual([
      ...[true, ...Array(PAGES - 1).fill(undefined)],
    ])
    more.stop()
    await own.stop()
  })

  it('is not made of entries that do not follow each other, also across pages', async () => {
    const own = await startTestGateway(nc)
    const torn = serve(1_500, { torn: 500 })
    expect(await problemIn(await own.call(PATH, PDF))).toContain('500 INTERNAL_ERROR')
    torn.stop()
    await own.stop()
  })

  it('is given up when its caller goes, while pages are read and while it is made; its place is free then', async () => {
    let making: AbortSignal | undefined
    const own = await startTestGateway(nc, {
      makePdf: (paper, signal) => {
        if (paper.rows.length > 1) return bytesOfPaper(paper)
        making = signal
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('gone')))
        })
      },
    })
    const goWhen = async (path: string, isTime: () => boolean): Promise<void> => {
      const socket = connectTo(Number(new URL(own.url).port), '127.0.0.1')
      await once(socket, 'connect')
      socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: ${ACCEPT}\r\n\r\n`)
      await until(async () => isTime(), { deadline_ms: 5_000, what: 'the PDF to be under way' })
      socket.destroy()
    }
    // each page takes a while: more pages would be asked for, if nobody looked
    const slow = serve(PDF_ENTRIES_MAX, { client_id: 'slow', delay_ms: 100 })
    await goWhen(pathOf('slow'), () => slow.asked.length === 2)
    const short = serve(1, { client_id: 'short' })
    await goWhen(pathOf('short'), () => making !== undefined)
    await until(async () => making?.aborted === true, { deadline_ms: 5_000, what: 'the making to end' })
    const free = serve(2)
    const callTwice = async () => {
      const answers = await Promise.all([own.call(PATH, PDF), own.call(PATH, PDF)])
      await Promise.all(answers.map(answer => answer.arrayBuffer()))
      return answers.every(({ status }) => status === 200)
    }
    await until(callTwice, { deadline_ms: 5_000, what: 'both places to be free again' })
    // both places are free, so nothing reads on
    expect(slow.asked).toHaveLength(2)
    for (const { stop } of [slow, short, free]) stop()
    await own.stop()
  })

  it('waits for nobody: over the number that is made at a time, the caller is told when to come back', async () => {
    let finish: () => void = () => undefined
    const held = new Promise<void>(resolve => {
      finish = resolve
    })
    let making = 0
    const own = await startTestGateway(nc, {
      makePdf: async paper => {
        making += 1
        await held
        return bytesOfPaper(paper)
      },
    })
    const served = serve(2)
    const first = [own.call(PATH, PDF), own.call(PATH, PDF)]
    await until(async () => making === 2, { deadline_ms: 5_000, what: 'two PDFs to be under way' })
    const third = await own.call(PATH, PDF)
    expect(third.headers.get('retry-after')).toBe('1')
    expect(await problemIn(third)).toBe('429 BUSY: 2 PDFs are being made here')
    expect((await own.call(PATH)).status).toBe(200)
    finish()
    for (const answer of first) expect(await pagesOf(await answer)).toHaveLength(1)
    served.stop()
    await own.stop()
  })

  it('is a problem, and not half a file, when a page cannot be had or the making fails', async () => {
    const own = await startTestGateway(nc, { makePdf: () => Promise.reject(new Error('out of memory')) })
    expect(await problemIn(await own.call(PATH, PDF))).toContain('503 UNAVAILABLE')
    const served = serve(2)
    expect(await problemIn(await own.call(PATH, PDF))).toContain('500 INTERNAL_ERROR')
    served.stop()
    await own.stop()
  })
})
