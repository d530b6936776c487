/** When a caller gets CSV, or a PDF. */

import { describe, expect, it } from 'vitest'
import { wantsCsv, wantsPdf } from './accept.js'

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

  it.each(['application/pdf', 'Application/PDF;q=0.2, */*;q=0.1', 'text/csv;q=0.9, application/pdf'])(
    '%j asks for a PDF',
    accept => {
      expect(wantsPdf(accept)).toBe(true)
    },
  )

  it.each([
    ...[undefined, '*/*', 'application/*', 'application/pdf;q=0', 'application/pdfx'],
    ...['application/json, application/pdf;q=0.9', 'application/pdf, text/csv'],
  ])('%j asks for no PDF', accept => {
    expect(wantsPdf(accept)).toBe(false)
  })
})
