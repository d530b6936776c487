import { extractText, getDocumentProxy } from 'unpdf'
import { describe, expect, it } from 'vitest'
import { parseInstant } from '../instant.js'
import { pdfOf } from './pdf.js'
import {
  amountWords,
  assetWords,
  changeOf,
  entryWords,
  periodWords,
  plainText,
  type StatementRow,
} from './words.js'

const ROW: StatementRow = {
  ...{ at: '2026-11-27T10:15:30.123Z', type: 'credit', amount: 500n, balance: 500n },
  ...{ transaction_id: 't-1', reference: undefined, counterparty: undefined, details: undefined },
}
const row = (more: Partial<StatementRow>): StatementRow => ({ ...ROW, ...more })

const bare = (type: string, details: object): StatementRow => row({ type, details, amount: undefined })

describe('the words of a statement', () => {
  it.each([
    [0n, 2, '0.00'],
    [5n, 2, '0.05'],
    [123_456_789n, 2, '1,234,567.89'],
    [-7_120n, 2, '-71.20'],
    [9_223_372_036_854_775_807n, 0, '9,223,372,036,854,775,807'],
    [100n, 3, '0.100'],
  ])('write %s with %s decimals as %s', (amount, scale, words) => {
    expect(amountWords(amount, scale)).toBe(words)
  })

  it('show so much of a text that three lines are full, and no half of a sign', () => {
    expect(plainText(`${'a'.repeat(599)}\u{1f600}${'b'.repeat(70_000)}`)).toBe(`${'a'.repeat(599)} `)
    expect(plainText('a\u0000b\u202ec\u001bd')).toBe('a b c d')
  })

  it.each([
    [undefined, undefined, undefined],
    ['EUR', undefined, 'EUR'],
    ['EUR', 'EUR', 'EUR'],
    ['EUR', 'Euro', 'Euro (EUR)'],
    [undefined, 'US dollar', 'US dollar'],
  ])('call the asset %s of the name %s %s', (asset, name, words) => {
    expect(assetWords(asset, name)).toBe(words)
  })

  it.each([
    [undefined, undefined, 'From the beginning to 2026-11-28 10:15, UTC'],
    ['2026-11-01T00:00:00Z', '2026-11-02T00:00:00+02:00', '2026-11-01 00:00 to 2026-11-01 22:00, UTC'],
    ['2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z', '2026-11-01 00:00 to 2026-11-28 10:15, UTC'],
    ['2200-01-01T00:00:00Z', undefined, '2200-01-01 00:00 to 2200-01-01 00:00, UTC'],
  ])('call the period from %s to %s %s', (from = '', to = '', words) => {
    const now = parseInstant('2026-11-28T10:15:30Z') ?? 0n
    expect(periodWords(parseInstant(from), parseInstant(to), now)).toBe(words)
  })

  it.each([
    ['Credit', row({}), 500n],
    ['Debit to shop', row({ type: 'debit', counterparty: 'shop' }), -500n],
    ['Debit, of the hold h-1', row({ type: 'debit', details: { hold: 'h-1', final: true } }), -500n],
    ['Reversal of t-0', row({ details: { reverses: 't-0' } }), 500n],
    [
      '5.00 set aside until 2026-12-01 08:00',
      row({ type: 'hold', details: { expires_at: '2026-12-01T08:00:00.000Z' } }),
      undefined,
    ],
    ['The hold h-1 is given back: 5.00', row({ type: 'release', details: { hold: 'h-1' } }), undefined],
    ['The hold h-1 has expired', bare('release', { hold: 'h-1', expired: true }), undefined],
    ['Credit limit 20.00', bare('limit', { limit: '2000' }), undefined],
    ['State frozen: a check', bare('state', { state: 'frozen', reason: 'a check' }), undefined],
    [
      'Refused: debit, insufficient funds',
      row({ type: 'declined', details: { declined: { command: 'debit', code: 'INSUFFICIENT_FUNDS' } } }),
      undefined,
    ],
  ])('say %s', (words, entry, change) => {
    expect(entryWords(entry, 2)).toBe(words)
    expect(changeOf(entry)).toBe(change)
  })
})

const HEAD = {
  customer: '678',
  asset: 'Euro (EUR)',
  scale: 2,
  period: '2026-11-01 00:00 to 2026-12-01 00:00, UTC',
}

/** The text of each page of a statement, as a reader of PDF finds it. */
const pagesOf = async (pages: readonly (readonly StatementRow[])[], head = HEAD): Promise<string[]> => {
  const pdf = await pdfOf(head)
  const parts = pages.map(rows => pdf.add(rows, 250n))
  const whole = Buffer.concat([...parts, await pdf.end(250n, 99_900n)])
  return (await extractText(await getDocumentProxy(new Uint8Array(whole)))).text
}

describe('a statement as PDF', () => {
  it('has the customer, the period, both balances and each entry', async () => {
    const debit = row({ type: 'debit', amount: 30n, balance: 470n, reference: 'invoice 81' })
    const [page = '', ...more] = await pagesOf([[ROW], [debit]])
    expect(more).toEqual([])
    for (const text of [
      ...['Account statement', '678, in Euro (EUR)', HEAD.period, 'Opening balance', '2.50'],
      ...['2026-11-27 10:15', 'Credit', '+5.00', 'Debit', '-0.30', '4.70', 'invoice 81 · t-1'],
      ...['Closing balance', '999.00', 'Page 1'],
    ])
      expect(page).toContain(text)
  })

  it('goes on with its headings on as many pages as it needs', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => row({ transaction_id: `t-${i}` }))
    const pages = await pagesOf([rows.slice(0, 120), rows.slice(120)])
    expect(pages.length).toBeGreaterThan(4)
    for (const [i, page] of pages.entries()) {
      expect(page).toContain('Date (UTC)')
      expect(page).toContain(`Page ${i + 1}`)
    }
    const found = pages.flatMap(page => page.match(/\bt-\d+\b/g) ?? [])
    expect(found).toEqual(rows.map(({ transaction_id }) => transaction_id))
  })

  it('is there without entries', async () => {
    const [page] = await pagesOf([])
    expect(page).toMatch(/Opening balance 2\.50.*Closing balance/s)
  })

  it('keeps each number in one line, also the largest', async () => {
    const most = { amount: 9_223_372_036_854_775_807n, balance: -9_223_372_036_854_775_808n }
    const [page = ''] = await pagesOf([[row({ type: 'debit', ...most })]], { ...HEAD, scale: 18 })
    expect(page).toContain('-9.223372036854775807')
    expect(page).toContain('-9.223372036854775808')
    const [whole = ''] = await pagesOf([[row({ type: 'debit', ...most })]], { ...HEAD, scale: 0 })
    expect(whole).toContain('-9,223,372,036,854,775,807')
    expect(whole).toContain('-9,223,372,036,854,775,808')
  })

  it('takes any text that a stranger has written', async () => {
    const reference = `Ünï żółć Ωmega привет ${'very long '.repeat(200)}\n\u0000\u202e\ud800`
    const [page, ...more] = await pagesOf([[row({ reference }), row({ counterparty: '\u001b[31m' })]])
    expect(more).toEqual([])
    expect(page).toContain('Ünï żółć Ωmega привет')
  })
})
