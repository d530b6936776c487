/** When a caller gets CSV. */

import { describe, expect, it } from 'vitest'
import { wantsCsv } from './csv.js'

describe('an Accept header', () => {
  it.each([
    'text/csv',
    'TEXT/CSV; q=0.5',
    'application/json;q=0.8, text/csv',
    'text/html, text/csv;q=0.9, */*;q=0.1',
  ])('%j asks for CSV', accept => {
    expect(wantsCsv(accept)).toBe(true)
  })

  it.each([
    undefined,
    '',
    '*/*',
    'text/*',
    'application/json',
    'application/json, text/csv;q=0.9',
    'text/csv;q=0',
    'text/csvx',
  ])('%j asks for JSON', accept => {
    expect(wantsCsv(accept)).toBe(false)
  })
})
