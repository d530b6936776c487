import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { decodeCommand } from '../ledger/command.js'
import { withTransactionIds } from './batch-ids.js'

const idsOf = (commands: readonly unknown[]): unknown[] =>
  commands.map(command => (command as { transaction_id?: unknown }).transaction_id)
const CREDIT = { type: 'credit', client_id: 'a', amount: 1 }

describe('the transaction ids of a list of commands', () => {
  it('are the same for the same list, and others for any other list', () => {
    const list = [CREDIT, CREDIT, { ...CREDIT, amount: 2 }]
    const ids = idsOf(withTransactionIds(list))
    expect(idsOf(withTransactionIds(structuredClone(list)))).toEqual(ids)
    expect(new Set(ids).size).toBe(3)
    const others = [[...list, CREDIT], list.slice(1), [CREDIT, CREDIT, { ...CREDIT, amount: 3 }]]
    const all = [list, ...others].flatMap(one => idsOf(withTransactionIds(one)))
    expect(new Set(all).size).toBe(all.length)
    expect(idsOf(withTransactionIds(list, 'once more'))).not.toEqual(ids)
  })

  it('are those that the commands bring, where they bring one', () => {
    expect(idsOf(withTransactionIds([{ ...CREDIT, transaction_id: 'mine' }]))).toEqual(['mine'])
  })

  it('leave what is no command for the service to refuse', () => {
    expect(withTransactionIds([1, null, 'x', []])).toEqual([1, null, 'x', []])
  })

  it('are ids that the service takes, whatever the list is', () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 20 }), list => {
        for (const id of idsOf(withTransactionIds(list.map(({ transaction_id: _, ...rest }) => rest)))) {
          const { client_id, amount } = CREDIT
          expect(E.isRight(decodeCommand('credit', { client_id, amount, transaction_id: id }, ''))).toBe(true)
        }
      }),
    )
  })
})
