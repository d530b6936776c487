// has servers of its own: it changes tables by hand

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { credit, debit, type ProjectedLedger, startProjectedLedger } from './testing/projected.js'

let ledger: ProjectedLedger

beforeAll(async () => {
  ledger = await startProjectedLedger()
})

afterAll(async () => {
  await ledger.stop()
})

describe('verify of accounts that are not plain', () => {
  const LATER = '2999-01-01T00:00:00.000Z'
  const DIGEST_OF_LIMIT_5 = '6cc79ea82403a8f8'

  const emitRules = async (): Promise<void> => {
    const emit = (id: string, type: string, more: object): Promise<number> =>
      ledger.emit(id, { schema: 2, type, ...more })
    await ledger.emit('h', credit(100))
    await emit('h', 'hold', {
      amount: 30,
      transaction_id: 'h-1',
      expires_at: LATER,
      at: '2000-01-01T00:00:00.000Z',
    })
    await emit('h', 'hold', { amount: '20', transaction_id: 'h-2', expires_at: LATER, reference: 'cart' })
    await emit('h', 'hold', { amount: 5, transaction_id: 'h-0', expires_at: '2000-01-01T00:00:00.000Z' })
    await emit('h', 'debit', { amount: 10, hold: 'h-1', final: false, transaction_id: 'c-1', reverses: 'x' })
    await emit('h', 'release', { hold: 'h-2', amount: 5 })
    await emit('h', 'release', { hold: 'h-0', expired: true })
    await emit('h', 'release', { hold: 'h-1', expired: true })
    const refused = {
      command: 'capture',
      code: 'HOLD_EXCEEDED',
      client_id: 'h',
      balance: 90,
      remaining: '20',
    }
    await emit('h', 'declined', { amount: 50, hold: 'h-1', transaction_id: 'c-2', declined: refused })
    await emit('l', 'limit', { limit: '5', after: { balance: 0, version: 1, rules: DIGEST_OF_LIMIT_5 } })
    await emit('l', 'limit', {
      limit: '9223372036854775807',
      after: { balance: 0, version: 2, rules: 'f00' },
    })
    await ledger.emit('l', debit(7))
    await emit('s', 'state', { state: 'no_debit', reason: 'a \u2028 "why" \ud800', until: LATER })
    await ledger.emit('s', debit(1))
    await ledger.emit('s', credit(1, { declined: { ...refused, command: 'debit', code: 'BALANCE_LIMIT' } }))
  }

  it('agrees with tables that are right, and sees each attribute that was changed by hand', async () => {
    await emitRules()
    await ledger.projectAll()
    const wrong_claim = { where: 'stream', kind: 'after', id: 'l', field: 'after.rules', is: '"f00"' }
    const untouched = await ledger.check()
    expect(untouched.differences).toMatchObject([wrong_claim])
    expect(untouched).toMatchObject({ customers: 3, rejected: 2, rows_compared: 13, sums_compared: true })

    await ledger.update('h', 'held', 34)
    await ledger.update('l', 'account_rules', '0 5 - - -')
    await ledger.update('s', 'account_rules', 'anything')
    await ledger.update('h', 'expires_ms', Date.parse(LATER) + 1)
    await ledger.update('l', 'expires_ms', Date.parse(LATER))
    await ledger.update('#h-2', 'held', 49)
    await ledger.update('#h-2', 'available', 1)
    await ledger.update('#h-2', 'account_rules', '-')
    await ledger.update('#h-2', 'details', '{}')
    await ledger.update('#c-2', 'declined', JSON.stringify({ command: 'capture' }))
    await ledger.update('=all:0', 'held', 1_000)
    await ledger.update('=all:0', 'restricted', 7)
    const { differences } = await ledger.check()
    expect(differences.map(({ where, id, field }) => `${where} ${id} ${field}`).sort()).toEqual([
      'balances h expires_ms',
      'balances h held',
      'balances l account_rules',
      'balances l expires_ms',
      'balances s account_rules',
      'journal #c-2 declined',
      'journal #h-2 account_rules',
      'journal #h-2 available',
      'journal #h-2 details',
      'journal #h-2 held',
      'stream l after.rules',
      'totals =all held',
      'totals =all restricted',
    ])
  })
})
