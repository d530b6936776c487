/** Requests and direct events that are made to break something: they may harm whoever sends them, and nobody else. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  codeOf,
  coordinatorRoom,
  lastSeq,
  movement,
  storedFrom,
  transfer,
} from '../../../test/support/coordinators.js'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { Model } from '../../../test/support/model.js'
import { E } from '../../fp.js'
import { decodeCommand } from '../../ledger/command.js'
import { publish } from '../../stream/publish.js'

const room = coordinatorRoom()
let ledger: TestLedger
let begin_seq = 1

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
})
afterEach(async () => {
  await room.stopAll()
  begin_seq = (await lastSeq(ledger.jsm)) + 1
})
afterAll(() => ledger.stop())

const emitAs = (msg_id: string, id: string, body: string): Promise<unknown> =>
  right(publish(ledger.nc, { subject: `customer.balance.${id}`, body, msg_id }, 5_000))

describe('a request that says what it is', () => {
  it.each(['credit', 'debit', 'transfer', 'gift'])('is refused: its endpoint says it, not a %s', type => {
    for (const endpoint of ['credit', 'debit'] as const) {
      const command = decodeCommand(endpoint, { client_id: 'a', amount: 5, type }, 'fresh')
      expect(command).toEqual(E.left('type: is no field of this request'))
    }
  })
})

describe('a transfer', () => {
  it('with the longest transaction id is whole', async () => {
    const id = 'i'.repeat(128)
    const coordinator = room.start(ledger)
    await coordinator.submit(movement('credit', 'long-from', 10), false)
    const decoded = decodeCommand('transfer', { ...transfer('long-from', 'long-to', 4, id) }, 'fresh')
    // refusing such an id would do as well; half of a transfer would not
    if (E.isLeft(decoded)) return
    await coordinator.submit(decoded.right, true)
    expect(await room.start(ledger).submit(movement('debit', 'long-to', 4), false)).toMatchObject({
      tag: 'done',
      reply: { balance: 0n },
    })
  })
})

describe('a message id that somebody took', () => {
  it.each([
    ['of a command, by an event that is none', (n: string) => n, 'no JSON'],
    ['of a command, by an event without a transaction', (n: string) => n, '{"type":"credit","amount":1}'],
    ['of a transfer’s second event', (n: string) => `${n}:credit`, '{"type":"credit","amount":1}'],
  ])('%s, harms no other command of the batch', async (what, taken, body) => {
    const name = what.replaceAll(/\W+/g, '-')
    const coordinator = room.start(ledger)
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => coordinator.submit(movement('credit', `${name}-${i}`, 10), false)),
    )
    await emitAs(taken(name), 'somebody', body)
    const outcomes = await Promise.all([
      ...Array.from({ length: 7 }, (_, i) =>
        coordinator.submit(movement('debit', `${name}-${i}`, 10), false),
      ),
      coordinator.submit(transfer(`${name}-7`, `${name}-0`, 10, name), true),
    ])
    expect(outcomes.slice(0, 7).map(codeOf)).toEqual(Array(7).fill('done'))
    expect(codeOf(outcomes[7] ?? { tag: 'failed', code: 'INTERNAL_ERROR', details: {} })).not.toBe('done')
    const model = new Model()
    for (const stored of await storedFrom(ledger.jsm, begin_seq)) {
      model.fold(stored.id === 'somebody' ? { ...stored, msg_id: '' } : stored)
    }
    expect(model.balances.get(`${name}-7`)).toBe(10n)
  })

  it('of a transfer’s second event, by a credit of the same batch, harms no third command', async () => {
    const coordinator = room.start(ledger)
    await coordinator.submit(movement('credit', 'twin-a', 10), false)
    const outcomes = await Promise.all([
      coordinator.submit(transfer('twin-a', 'twin-b', 10, 'twin'), true),
      coordinator.submit(movement('credit', 'twin-c', 1, 'twin:credit'), true),
      coordinator.submit(movement('credit', 'twin-d', 1), false),
    ])
    expect(codeOf(outcomes[2])).toBe('done')
  })
})

describe('a refusal', () => {
  it('is the same answer for ever, after a restart too', async () => {
    const first = await room.start(ledger).submit(movement('debit', 'same', 5, 'same-1'), true)
    const later = await room.start(ledger).submit(movement('debit', 'same', 5, 'same-1'), true)
    expect(later).toMatchObject(first)
  })
})
