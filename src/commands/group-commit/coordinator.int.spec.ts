import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { TE } from '../../fp.js'
import type { Command } from '../../ledger/command.js'
import { NEW_CUSTOMER, step } from '../../ledger/fold.js'
import { amount, clientId, placeAt } from '../../ledger/testing/arbitrary.js'
import { decodePlain } from '../../ledger/testing/plain.js'
import { readRange } from '../../stream/read.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import { uuidv7 } from '../../uuid.js'
import { createCoordinator } from '../compose.js'
import type { Outcome } from '../outcome.js'
import type { Coordinator } from './coordinator.js'

let ledger: TestLedger
const coordinators: Coordinator[] = []

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
})

afterEach(async () => {
  await Promise.all(coordinators.splice(0).map(coordinator => coordinator.stop()))
})

afterAll(async () => {
  await ledger.stop()
})

const start = (queue_max = 10_000): Coordinator => {
  const coordinator = createCoordinator(ledger, { queue_max, timeout_ms: 10_000 })
  coordinators.push(coordinator)
  return coordinator
}

const move = (type: 'credit' | 'debit', id: string, n: number, transaction_id = uuidv7()): Command => ({
  type,
  client_id: clientId(id),
  amount: amount(n),
  transaction_id,
})
const transfer = (from: string, to: string, n: number, transaction_id = uuidv7()): Command => ({
  type: 'transfer',
  from: clientId(from),
  to: clientId(to),
  amount: amount(n),
  transaction_id,
})

const events = async (id: string) => {
  const { state } = await ledger.jsm.streams.info(LEDGER_STREAM)
  const range = {
    stream: LEDGER_STREAM,
    subject: `customer.balance.${id}`,
    from_seq: 1,
    to_seq: state.last_seq,
  }
  const found = []
  for await (const record of readRange(ledger.nc, range)) found.push(record)
  return found
}

/** The balance after every event of the subject, in stream order. */
const history = async (id: string): Promise<bigint[]> => {
  let customer = NEW_CUSTOMER
  return (await events(id)).map(({ seq, body }) => {
    const next = step(customer, placeAt(seq), decodePlain(body))
    if (next.tag === 'applied') customer = next.customer
    return customer.account.balance
  })
}

const balance = async (id: string): Promise<bigint> => (await history(id)).at(-1) ?? 0n
const codeOf = (outcome: Outcome): string => (outcome.tag === 'done' ? 'done' : outcome.code)
const count = (outcomes: readonly Outcome[], code: string): number =>
  outcomes.filter(o => codeOf(o) === code).length

describe('a command', () => {
  it('is in the stream when it is answered, with the account that the answer tells', async () => {
    const coordinator = start()
    const outcome = await coordinator.submit(move('credit', 'ann', 100, 'ann-1'), true)
    const [event] = await events('ann')
    expect(outcome).toEqual({
      tag: 'done',
      replayed: false,
      reply: { transaction_id: 'ann-1', client_id: 'ann', balance: 100n, version: 1, seq: event?.seq },
    })
    expect(event?.headers?.get('Nats-Msg-Id')).toBe('ann-1')
    expect(JSON.parse(new TextDecoder().decode(event?.body))).toEqual({
      schema: 1,
      type: 'credit',
      amount: 100,
      transaction_id: 'ann-1',
      after: { balance: 100, version: 1 },
    })
  })

  it('goes with others in few batches, each decided on what the ones before it left', async () => {
    const coordinator = start()
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, () => coordinator.submit(move('credit', 'many', 1), false)),
    )
    expect(outcomes.map(o => (o.tag === 'done' && 'version' in o.reply ? o.reply.version : 0))).toEqual(
      Array.from({ length: 500 }, (_, i) => i + 1),
    )
    expect(await balance('many')).toBe(500n)
  })

  it('of a backlog keeps its place among those of its customer, with several batches under way', async () => {
    const coordinator = start()
    const outcomes = await Promise.all(
      Array.from({ length: 6_000 }, (_, i) => {
        const [id, other] = [`line-${(i * 7) % 400}`, `line-${(i * 11 + 1) % 400}`]
        return i % 5 === 0 && i > 400 && id !== other
          ? coordinator.submit(transfer(id, other, 1), false)
          : coordinator.submit(move('credit', id, i < 400 ? 100 : 1), false)
      }),
    )
    expect(new Set(outcomes.map(codeOf))).toEqual(new Set(['done']))
    const versions = new Map<string, number[]>()
    for (const outcome of outcomes) {
      if (outcome.tag !== 'done') continue
      const { reply } = outcome
      for (const { client_id, version } of 'from' in reply ? [reply.from, reply.to] : [reply]) {
        versions.set(client_id, [...(versions.get(client_id) ?? []), version])
      }
    }
    for (const each of versions.values()) expect(each).toEqual(each.map((_, i) => i + 1))
    const balances = await Promise.all([...versions.keys()].map(balance))
    expect(balances.reduce((sum, n) => sum + n, 0n)).toBe(
      BigInt(400 * 99 + outcomes.filter(o => o.tag === 'done' && 'seq' in o.reply).length),
    )
  })

  it('is decided on events that others published directly, forged "after" or not', async () => {
    const coordinator = start()
    await coordinator.submit(move('credit', 'mixed', 100), false)
    await ledger.emit('mixed', { type: 'debit', amount: 30, after: { balance: 1_000_000, version: 7 } })
    expect(codeOf(await coordinator.submit(move('debit', 'mixed', 71), false))).toBe('INSUFFICIENT_FUNDS')
    const outcome = await coordinator.submit(move('debit', 'mixed', 70), false)
    expect(outcome).toMatchObject({ tag: 'done', reply: { balance: 0n, version: 3 } })
    await ledger.emit('mixed', { type: 'credit', amount: 5, after: { balance: 9_999, version: 1 } })
    expect(codeOf(await start().submit(move('debit', 'mixed', 6), false))).toBe('INSUFFICIENT_FUNDS')
  })

  it('beyond the queue is answered BUSY at once', async () => {
    const coordinator = start(2)
    const outcomes = await Promise.all(
      [1, 2, 3, 4].map(() => coordinator.submit(move('credit', 'busy', 1), false)),
    )
    expect(outcomes.map(codeOf)).toEqual(['done', 'done', 'BUSY', 'BUSY'])
  })
})

describe('two concurrent debits of one balance', () => {
  it('do not both succeed: 500 debits of 10 on 1,000 are 100 accepted and 400 refused', async () => {
    const [one, two] = [start(), start()]
    await one.submit(move('credit', 'spent', 1_000), false)
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        (i % 2 === 0 ? one : two).submit(move('debit', 'spent', 10), false),
      ),
    )
    expect(count(outcomes, 'done')).toBe(100)
    expect(count(outcomes, 'INSUFFICIENT_FUNDS')).toBe(400)
    expect((await history('spent')).every(n => n >= 0n)).toBe(true)
    expect(await balance('spent')).toBe(0n)
  })
})

describe('a refusal', () => {
  it('says the balance and the amount', async () => {
    const outcome = await start().submit(move('debit', 'empty', 5, 'empty-1'), true)
    expect(outcome).toMatchObject({
      tag: 'failed',
      code: 'INSUFFICIENT_FUNDS',
      details: { balance: 0n, amount: 5n },
    })
  })

  it('with a transaction id is frozen: the answer stays although the balance would cover it later', async () => {
    const coordinator = start()
    expect(codeOf(await coordinator.submit(move('debit', 'frozen', 5, 'frozen-1'), true))).toBe(
      'INSUFFICIENT_FUNDS',
    )
    await coordinator.submit(move('credit', 'frozen', 100), false)
    for (const asked of [coordinator, start()]) {
      const outcome = await asked.submit(move('debit', 'frozen', 5, 'frozen-1'), true)
      expect(outcome).toMatchObject({
        code: 'INSUFFICIENT_FUNDS',
        details: { balance: 0n, amount: 5n, replayed: true },
      })
    }
    expect(await balance('frozen')).toBe(100n)
  })

  it('is checked with the stream before it is given: a credit that this instance has not seen counts', async () => {
    const coordinator = start()
    await coordinator.submit(move('credit', 'stale', 10), false)
    await ledger.emit('stale', { type: 'credit', amount: 90 })
    expect(await coordinator.submit(move('debit', 'stale', 100), false)).toMatchObject({
      tag: 'done',
      reply: { balance: 0n },
    })
  })

  it('of a credit that would leave int64 is BALANCE_LIMIT', async () => {
    const coordinator = start()
    const all = { ...move('credit', 'full', 1), amount: amount(2n ** 63n - 1n) } as Command
    expect(codeOf(await coordinator.submit(all, false))).toBe('done')
    expect(codeOf(await coordinator.submit(move('credit', 'full', 1), false))).toBe('BALANCE_LIMIT')
  })
})

describe('a transfer', () => {
  it('is two neighbouring events or none', async () => {
    const coordinator = start()
    await coordinator.submit(move('credit', 'payer', 50), false)
    const outcome = await coordinator.submit(transfer('payer', 'payee', 30, 'tr-1'), true)
    expect(outcome).toMatchObject({
      tag: 'done',
      reply: {
        transaction_id: 'tr-1',
        from: { client_id: 'payer', balance: 20n },
        to: { client_id: 'payee', balance: 30n },
      },
    })
    const [debit, credit] = [(await events('payer')).at(-1), (await events('payee')).at(-1)]
    expect(credit?.seq).toBe((debit?.seq ?? 0) + 1)
    expect(codeOf(await coordinator.submit(transfer('payer', 'payee', 21), false))).toBe('INSUFFICIENT_FUNDS')
    expect([await balance('payer'), await balance('payee')]).toEqual([20n, 30n])
  })

  it('keeps the total, whatever two instances move between 10 accounts at once', async () => {
    const pair = [start(), start()]
    const names = Array.from({ length: 10 }, (_, i) => `tot-${i}`)
    await Promise.all(names.map(name => start().submit(move('credit', name, 100), false)))
    const outcomes = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => {
        const [from, to] = [names[i % 10] ?? '', names[(i * 7 + 3) % 10] ?? '']
        const coordinator = pair[Math.floor(i / 10) % 2] ?? start()
        return from === to
          ? coordinator.submit(move('credit', 'aside', 1), false)
          : coordinator.submit(transfer(from, to, (i % 13) + 1), false)
      }),
    )
    expect(outcomes.filter(o => !['done', 'INSUFFICIENT_FUNDS', 'CONFLICT'].includes(codeOf(o)))).toEqual([])
    expect(count(outcomes, 'done')).toBeGreaterThan(500)
    const histories = await Promise.all(names.map(history))
    expect(histories.flat().every(n => n >= 0n)).toBe(true)
    expect(histories.reduce((sum, h) => sum + (h.at(-1) ?? 0n), 0n)).toBe(1_000n)
  })
})

describe('the same transaction id', () => {
  it('sent 50 times at once through two instances is one event and one answer', async () => {
    const [one, two] = [start(), start()]
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (i % 2 ? one : two).submit(move('credit', 'same', 7, 'same-1'), true),
      ),
    )
    const replies = outcomes.map(o => (o.tag === 'done' ? o.reply : o))
    for (const reply of replies) expect(reply).toEqual(replies[0])
    expect(outcomes.filter(o => o.tag === 'done' && !o.replayed)).toHaveLength(1)
    expect(await balance('same')).toBe(7n)
  })

  it('after a restart gets the original answer, and so does a transfer', async () => {
    const first = start()
    const credit = await first.submit(move('credit', 'again', 50, 'again-1'), true)
    const moved = await first.submit(transfer('again', 'again-2', 20, 'again-tr'), true)
    await first.submit(move('credit', 'again', 1), false)
    const second = start()
    expect(await second.submit(move('credit', 'again', 50, 'again-1'), true)).toEqual({
      ...credit,
      replayed: true,
    })
    expect(await second.submit(transfer('again', 'again-2', 20, 'again-tr'), true)).toEqual({
      ...moved,
      replayed: true,
    })
    expect([await balance('again'), await balance('again-2')]).toEqual([31n, 20n])
  })

  it.each<[string, Command]>([
    ['amount', move('credit', 'reuse', 8, 'reuse-1')],
    ['type', move('debit', 'reuse', 7, 'reuse-1')],
    ['client_id', move('credit', 'other', 7, 'reuse-1')],
    ['reference', { ...move('credit', 'reuse', 7, 'reuse-1'), reference: 'x' }],
  ])('with another %s is refused, here and in another instance', async (field, command) => {
    const coordinator = start()
    await coordinator.submit(move('credit', 'reuse', 7, 'reuse-1'), true)
    for (const asked of [coordinator, start()]) {
      expect(await asked.submit(command, true)).toMatchObject({
        code: 'TRANSACTION_ID_REUSED',
        details: { field },
      })
    }
    expect(await balance('reuse')).toBe(7n)
  })

  it('is found in a customer’s history when the duplicate window has forgotten it', async () => {
    const first = start()
    const original = await first.submit(move('credit', 'old', 7, 'old-1'), true)
    // what makes the window forget is time; the history is asked first and finds it without the window
    expect(await start().submit(move('credit', 'old', 7, 'old-1'), true)).toEqual({
      ...original,
      replayed: true,
    })
    expect(await balance('old')).toBe(7n)
  })
})

describe('faults', () => {
  it('without DynamoDB commands go on, exactly', async () => {
    const seeded = start()
    for (let i = 0; i < 5; i += 1) await seeded.submit(move('credit', `dark-${i}`, 10), false)
    const nowhere = { ...ledger, table: TE.right('no-such-table') }
    const coordinator = createCoordinator(nowhere, { queue_max: 100, timeout_ms: 10_000 })
    coordinators.push(coordinator)
    expect(codeOf(await coordinator.submit(move('debit', 'dark-1', 11), false))).toBe('INSUFFICIENT_FUNDS')
    expect(await coordinator.submit(move('debit', 'dark-1', 10), false)).toMatchObject({
      reply: { balance: 0n, version: 2 },
    })
  })

  it('a parked customer’s commands are UNAVAILABLE, the others’ are not', async () => {
    await ledger.emit('parked', { schema: 9, type: 'credit', amount: 1 })
    const coordinator = start()
    const outcomes = await Promise.all([
      coordinator.submit(move('credit', 'parked', 1), false),
      coordinator.submit(move('credit', 'not-parked', 1), false),
    ])
    expect(outcomes.map(codeOf)).toEqual(['UNAVAILABLE', 'done'])
  })

  it('nats-server killed under load: every acknowledged command is stored once, every refused one is not', async () => {
    const coordinator = start()
    const ids = Array.from({ length: 300 }, (_, i) => `kill-${i}`)
    const outcomes = new Map<string, Outcome>()
    let next = 0
    const client = async (): Promise<void> => {
      for (let i = next++; i < ids.length; i = next++) {
        const id = ids[i] ?? ''
        if (i === 100 || i === 200) process.kill(ledger.servers.nats.pid, 'SIGKILL')
        outcomes.set(id, await coordinator.submit(move('credit', 'killed', 1, id), true))
      }
    }
    await Promise.all(Array.from({ length: 10 }, client))
    await until(async () => (await ledger.jsm.streams.info(LEDGER_STREAM)).state.last_seq > 0, {
      deadline_ms: 30_000,
      what: 'NATS to be back',
    })
    const stored = (await events('killed')).map(({ headers }) => headers?.get('Nats-Msg-Id') ?? '')
    expect(new Set(stored).size).toBe(stored.length)
    for (const [id, outcome] of outcomes) {
      if (outcome.tag === 'done') expect(stored).toContain(id)
      else if (outcome.code !== 'OUTCOME_UNKNOWN') expect(stored).not.toContain(id)
    }
    expect(count([...outcomes.values()], 'done')).toBeGreaterThan(250)
    expect(await balance('killed')).toBe(BigInt(stored.length))
  })
})
