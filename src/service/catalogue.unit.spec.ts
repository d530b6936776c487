import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { busy, CATALOGUE, catalogued, catalogueTable, internalError, stopped, timedOut } from './catalogue.js'
import type { ServiceError } from './error.js'

describe('the error catalogue', () => {
  it('is what docs/errors.md shows', () => {
    const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
    expect(page).toContain(catalogueTable())
  })

  it.each<[string, ServiceError]>([
    ['BUSY', busy(1)],
    ['TIMEOUT', timedOut(1, 'read')],
    ['OUTCOME_UNKNOWN', timedOut(1, 'write')],
    ['UNAVAILABLE', stopped('read')],
    ['OUTCOME_UNKNOWN', stopped('write')],
    ['INTERNAL_ERROR', internalError(new Error('x'))],
  ])('has the %s that the service protocol itself answers with', (code, error) => {
    const entry = Object.entries(CATALOGUE).find(([name]) => name === code)?.[1]
    expect(error).toMatchObject({ code, status: entry?.status })
  })

  it('puts details beside code and message, amounts in their JSON forms, and never the cause', () => {
    const error = catalogued('INSUFFICIENT_FUNDS', { balance: 5n, amount: 2n ** 60n }, new Error('secret'))
    expect(JSON.parse(error.body)).toEqual({
      error: {
        code: 'INSUFFICIENT_FUNDS',
        message: CATALOGUE.INSUFFICIENT_FUNDS.message,
        balance: 5,
        amount: '1152921504606846976',
      },
    })
  })
})
