// has servers of its own: it changes tables by hand
import { setTimeout as pause } from 'node:timers/promises'
import { ScanCommand } from '@aws-sdk/client-dynamodb'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { credit, type ProjectedLedger, startProjectedLedger } from './testing/projected.js'

let ledger: ProjectedLedger

beforeEach(async () => {
  ledger = await startProjectedLedger()
})

afterEach(async () => {
  await ledger.stop()
})

describe('verify beside a service at work', () => {
  /** A client that does something before the first page of the table is read. */
  const beforeScan = (work: () => Promise<void>): DynamoDBDocumentClient => {
    let begun: Promise<void> | undefined
    const send = async (command: never) => {
      if ((command as unknown) instanceof ScanCommand) {
        begun ??= work()
        await begun
      }
      return ledger.tables.send(command)
    }
    return { send } as unknown as DynamoDBDocumentClient
  }

  beforeEach(async () => {
    for (let i = 0; i < 20; i += 1) await ledger.emit(`c${i % 5}`, credit(10))
    await ledger.projectAll()
  })

  it('compares an item that is ahead at the event at which it was written', async () => {
    const tables = beforeScan(async () => {
      for (let i = 0; i < 7; i += 1)
        await ledger.emit(`c${i % 5}`, credit(1, { transaction_id: `ahead-${i}` }))
      await ledger.emit('new', credit(5))
      await ledger.caughtUp()
    })
    const report = await ledger.check({}, tables)
    expect(report).toMatchObject({ seq: 20, differences: [], not_compared: [] })
  })

  it('is not blind to an item that is ahead and wrong, or that claims an event that never was', async () => {
    const tables = beforeScan(async () => {
      const seq = await ledger.emit('c1', credit(1))
      await ledger.emit('c2', credit(1))
      await ledger.caughtUp()
      await ledger.update('c1', 'client_balance', 40)
      await ledger.update('c2', 'seq', seq)
      await ledger.update('c3', 'seq', seq + 1_000)
      await ledger.put({ id: 'nobody', client_balance: 1, version: 1, seq })
      await ledger.put({ id: '#stray', client_id: 'c1', seq, type: 'credit', amount: 1 })
    })
    const { differences } = await ledger.check({}, tables)
    expect(differences).toHaveLength(5)
    expect(differences).toMatchObject(
      expect.arrayContaining(
        [
          { where: 'balances', id: 'c1', field: 'client_balance', is: '40', should_be: '41' },
          { where: 'balances', id: 'c2', field: 'seq', is: '21' },
          { where: 'balances', id: 'c3', field: 'seq', is: '1021' },
          { where: 'balances', kind: 'stray', id: 'nobody' },
          { where: 'journal', kind: 'stray', id: '#stray' },
        ].map(each => expect.objectContaining(each)),
      ),
    )
  })

  it('agrees again and again under load, sums included, and finds what is wrong under load', async () => {
    let writing = true
    const writers = Array.from({ length: 4 }, async (_, w) => {
      for (let i = 0; writing; i += 1) {
        await ledger.emit(`w${w}-${i % 50}`, credit(1))
        await pause(5)
      }
    })
    try {
      for (let times = 0; times < 3; times += 1) {
        const { differences, not_compared } = await ledger.check()
        expect({ differences, not_compared }).toEqual({ differences: [], not_compared: [] })
      }
      await ledger.update('c3', 'client_balance', 1)
      await ledger.update('=all:0', 'credits', 1)
      const { differences } = await ledger.check()
      expect(differences.map(({ where, id, field }) => `${where} ${id} ${field}`)).toEqual([
        'balances c3 client_balance',
        'totals =all credits',
      ])
    } finally {
      writing = false
      await Promise.all(writers)
    }
  })
})
