import { expect, it } from 'vitest'
import { bookMistakes } from './books.js'

const right = { entries: 20, amount: 0n, balance: 0n }

it('books that hold each acknowledged command once are right', () => {
  expect(bookMistakes({ accepted: 10, errors: { BUSY: 3 } }, right, 2, 2)).toEqual([])
})

it('a lost entry, a doubled one and a wrong balance are mistakes', () => {
  const given = { accepted: 10, errors: { INSUFFICIENT_FUNDS: 5 } }
  expect(bookMistakes(given, { ...right, entries: 19 }, 2, 2)).toEqual([
    '20 entries were acknowledged, and 19 are stored',
  ])
  expect(bookMistakes(given, { ...right, entries: 21 }, 2, 2)).toEqual([
    'at most 20 entries were ordered, and 21 are stored',
  ])
  expect(bookMistakes(given, { ...right, balance: 1n }, 2, 2)).toEqual([
    'the amounts add up to 0, the balances to 1',
  ])
})

it('a request without a known outcome may have stored its entries', () => {
  const given = { accepted: 10, errors: { TIMEOUT: 1 } }
  expect(bookMistakes(given, { ...right, entries: 1_010 }, 1, 1_000)).toEqual([])
  expect(bookMistakes(given, { ...right, entries: 1_011 }, 1, 1_000)).toHaveLength(1)
})
