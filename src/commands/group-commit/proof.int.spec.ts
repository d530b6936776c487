/** What somebody wrote into the tables by hand, or what is left of another ledger there, authorises nothing. */

import { PutCommand } from '@aws-sdk/lib-dynamodb'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, coordinatorRoom, lastSeq, movement } from '../../../test/support/coordinators.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { amount } from '../../ledger/testing/arbitrary.js'
import { metrics } from '../../metrics.js'
import type { Outcome } from '../outcome.js'
import type { Coordinator } from './coordinator.js'

const room = coordinatorRoom()
let ledger: TestLedger
/** What the coordinator's log says about wrong items. */
let wrong: string[]

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
})
afterEach(() => room.stopAll())
afterAll(() => ledger.stop())

/** An coordinator that remembers nothing. */
const start = (): Coordinator => {
  const told: string[] = []
  wrong = told
  const write = (line: string): void => {
    const { client_id, item } = JSON.parse(line) as { client_id?: string; item?: string }
    if (client_id !== undefined && item !== undefined) told.push(client_id)
  }
  return room.start({ ...ledger, log: pino({ level: 'error' }, { write }) }, { timeout_ms: 10_000 })
}

type Item = { balance: number; version: number; seq: number; parked_seq?: number }

/** What a table says of a customer. */
const put = (id: string, { balance, version, seq, parked_seq }: Item): Promise<unknown> =>
  ledger.tables.send(
    new PutCommand({
      TableName: ledger.first_table,
      Item: {
        id,
        client_balance: BigInt(balance),
        version,
        seq,
        ...(parked_seq === undefined ? {} : { parked_seq, parked_schema: 99, parked_last_seq: parked_seq }),
      },
    }),
  )

const balanceAfter = (outcome: Outcome): unknown =>
  outcome.tag === 'done' && 'balance' in outcome.reply ? outcome.reply.balance : codeOf(outcome)

const CREDIT = { type: 'credit', amount: 10 }
/** How the stream came to hold 30 for a customer: by commands, by publishers, or by both. */
const HISTORIES = {
  'by commands': async (id: string): Promise<number> => {
    const coordinator = start()
    for (let i = 0; i < 3; i += 1) await coordinator.submit(movement('credit', id, 10), false)
    return lastSeq(ledger.jsm)
  },
  'by publishers': async (id: string): Promise<number> => {
    for (let i = 0; i < 3; i += 1) await ledger.emit(id, CREDIT)
    return lastSeq(ledger.jsm)
  },
  'by both': async (id: string): Promise<number> => {
    await ledger.emit(id, CREDIT)
    await start().submit(movement('credit', id, 10), false)
    return ledger.emit(id, CREDIT)
  },
  'by a publisher who claims another result': async (id: string): Promise<number> => {
    await ledger.emit(id, CREDIT)
    await ledger.emit(id, { ...CREDIT, after: { balance: 9_999, version: 2 } })
    return ledger.emit(id, { ...CREDIT, after: { balance: 55_555, version: 3 } })
  },
  'and then refused events': async (id: string): Promise<number> => {
    for (let i = 0; i < 3; i += 1) await ledger.emit(id, CREDIT)
    const seq = await lastSeq(ledger.jsm)
    await ledger.emit(id, { type: 'debit', amount: 1_000 })
    await ledger.emit(id, 'oops')
    return seq
  },
  'with a refused command at the end': async (id: string): Promise<number> => {
    for (let i = 0; i < 3; i += 1) await ledger.emit(id, CREDIT)
    await start().submit(movement('debit', id, 99), true)
    return lastSeq(ledger.jsm)
  },
} as const

const slug = (text: string): string => text.replaceAll(/\W+/g, '-')

describe.each(Object.entries(HISTORIES))('a customer with 30, %s', (name, history) => {
  it('has it by a right item too', async () => {
    const id = `right-${slug(name)}`
    const seq = await history(id)
    await put(id, { balance: 30, version: 3, seq })
    expect(balanceAfter(await start().submit(movement('credit', id, 1), false))).toBe(31n)
    expect(wrong).toEqual([])
  })

  const LIES: [string, (seq: number) => Item][] = [
    ['another balance', seq => ({ balance: 424_242, version: 3, seq })],
    ['another version', seq => ({ balance: 30, version: 7, seq })],
    ['a high version and balance', seq => ({ balance: 424_242, version: 5_000, seq })],
    [
      'a sequence that the stream does not have',
      seq => ({ balance: 424_242, version: 3, seq: seq + 1_000_000 }),
    ],
    ['a sequence of somebody else', seq => ({ balance: 424_242, version: 3, seq: Math.max(1, seq - 40) })],
    ['an old sequence', () => ({ balance: 424_242, version: 3, seq: 1 })],
    ['that it is parked', seq => ({ balance: 424_242, version: 3, seq, parked_seq: seq + 1 })],
  ]
  it.each(LIES)('is not believed to have more because an item says %s', async (what, lie) => {
    const id = `lie-${slug(name)}-${slug(what)}`.slice(0, 64)
    const seq = await history(id)
    await put(id, lie(seq))
    const coordinator = start()
    const refused = await coordinator.submit(movement('debit', id, 31), false)
    expect(refused).toMatchObject({ tag: 'failed', code: 'INSUFFICIENT_FUNDS', details: { balance: 30n } })
    expect(balanceAfter(await coordinator.submit(movement('debit', id, 30), false))).toBe(0n)
    expect(wrong).toEqual([id])
  })

  it('is not believed to have less, or nothing', async () => {
    for (const lie of [undefined, { balance: 0, version: 3 }]) {
      const id = `less-${slug(name)}-${lie === undefined ? 'none' : 'zero'}`
      const seq = await history(id)
      if (lie !== undefined) await put(id, { ...lie, seq })
      expect(balanceAfter(await start().submit(movement('debit', id, 30), false))).toBe(0n)
    }
  })

  it('is loaded from an older item that was right', async () => {
    const id = `older-${slug(name)}`
    const first = (await lastSeq(ledger.jsm)) + 1
    await history(id)
    await put(id, { balance: 10, version: 1, seq: first })
    expect(balanceAfter(await start().submit(movement('credit', id, 1), false))).toBe(31n)
    expect(wrong).toEqual([])
  })
})

describe('a customer with a long history of publishers', () => {
  it('is folded from the newest event that says what it left, or from the first, and both agree', async () => {
    const id = 'long'
    await start().submit({ ...movement('credit', id, 0n + 5n), amount: amount(5) }, false)
    for (let i = 0; i < 60; i += 1) await ledger.emit(id, CREDIT)
    const seq = await lastSeq(ledger.jsm)
    await put(id, { balance: 605, version: 61, seq })
    expect(balanceAfter(await start().submit(movement('credit', id, 1), false))).toBe(606n)
    expect(wrong).toEqual([])
    await put(id, { balance: 606, version: 61, seq })
    expect(balanceAfter(await start().submit(movement('credit', id, 1), false))).toBe(607n)
    expect(wrong).toEqual([id])
  })

  it('that nobody could decide on at once is decided on a moment later', async () => {
    const id = 'longer'
    const emitted = Array.from({ length: 3_000 }, () => ledger.emit(id, CREDIT))
    await Promise.all(emitted)
    const coordinator = start()
    await put(id, { balance: 424_242, version: 3_000, seq: await lastSeq(ledger.jsm) })
    const balance = await until(
      async () => {
        const outcome = await coordinator.submit(movement('debit', id, 1), false)
        return outcome.tag === 'done' ? balanceAfter(outcome) : undefined
      },
      { deadline_ms: 30_000, what: 'the fold of a long history' },
    )
    expect(balance).toBe(29_999n)
  })
})

it('a wrong item is counted, for those who watch', async () => {
  await ledger.emit('counted', CREDIT)
  await put('counted', { balance: 11, version: 1, seq: await lastSeq(ledger.jsm) })
  await start().submit(movement('credit', 'counted', 1), false)
  expect(await metrics.text()).toMatch(/jetledger_wrong_items_total [1-9]/)
})
