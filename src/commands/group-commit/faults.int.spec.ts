/** What failed in other ledgers, each as a test that is named after it. */

import type { Msg } from 'nats'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  codeOf,
  coordinatorRoom,
  lastSeq,
  movement,
  storedFrom,
  transfer,
} from '../../../test/support/coordinators.js'
import { lostOnTheWayBack, lostOnTheWayThere, noAnswer, withFate } from '../../../test/support/fate.js'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { writeChanges } from '../../../test/support/ledger-table.js'
import { Model } from '../../../test/support/model.js'
import { until } from '../../../test/support/servers.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import type { Outcome } from '../outcome.js'
import { createAccounts } from './accounts.js'

/** Publishers to one customer, each with one event after the other: hundreds to thousands of events a second. */
const HAMMERS = 4

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

/** The events of this test, as often as each message id is stored. */
const timesStored = async (): Promise<Map<string, number>> => {
  const times = new Map<string, number>()
  for (const { msg_id } of await storedFrom(ledger.jsm, begin_seq))
    times.set(msg_id, (times.get(msg_id) ?? 0) + 1)
  return times
}

/** The balances by a fold that is not the program's own. */
const balances = async (): Promise<ReadonlyMap<string, bigint>> => {
  const model = new Model()
  for (const stored of await storedFrom(ledger.jsm, begin_seq)) model.fold(stored)
  expect(model.halves()).toEqual([])
  return model.balances
}

const idOf = (outcome: Outcome): string => (outcome.tag === 'done' ? outcome.reply.transaction_id : '')

describe('a hold-like double spend by two concurrent debits', () => {
  it('is impossible: of two debits of the whole balance by two instances that know it, one succeeds', async () => {
    const [one, two] = [room.start(ledger), room.start(ledger)]
    for (let round = 0; round < 25; round += 1) {
      const id = `held-${round}`
      await one.submit(movement('credit', id, 100), false)
      // both have the account in memory, at the same sequence
      expect(codeOf(await two.submit(movement('debit', id, 101), false))).toBe('INSUFFICIENT_FUNDS')
      const outcomes = await Promise.all([one, two].map(e => e.submit(movement('debit', id, 100), false)))
      expect(outcomes.map(codeOf).toSorted()).toEqual(['INSUFFICIENT_FUNDS', 'done'])
      expect((await balances()).get(id)).toBe(0n)
    }
  })
})

describe('a stored command that is told to have failed', () => {
  it('is none because a listener to stored accounts throws: it is answered as stored', async () => {
    const accounts = createAccounts(ledger, () => {
      throw new Error('a fault of the listener')
    })
    const coordinator = room.start(ledger, { accounts })
    for (const amount of [1, 2])
      expect(codeOf(await coordinator.submit(movement('credit', 'listened', amount), false))).toBe('done')
    expect((await balances()).get('listened')).toBe(3n)
  })
})

describe('a balance that moved without its record', () => {
  it('does not stay in memory when nobody knows whether the batch is stored', async () => {
    await room.start(ledger).submit(movement('credit', 'record', 1), false)
    const other = room.start(
      withFate(ledger, () => noAnswer()),
      { timeout_ms: 100 },
    )
    await other.submit(movement('debit', 'record', 2), false)
    const unknown = await other.submit(movement('credit', 'record', 50, 'record-unknown'), true)
    expect(codeOf(unknown)).toBe('OUTCOME_UNKNOWN')
    expect(await other.submit(movement('debit', 'record', 51), false)).toMatchObject({
      code: 'INSUFFICIENT_FUNDS',
      details: { balance: 1n },
    })
  })
})

describe('a stale snapshot that seeds a decision', () => {
  it('does not: an item from before the last events is only where the fold begins', async () => {
    const coordinator = room.start(ledger)
    const first = await coordinator.submit(movement('credit', 'snap', 100), false)
    const seq = first.tag === 'done' && 'seq' in first.reply ? first.reply.seq : 0
    await coordinator.submit(movement('debit', 'snap', 100), false)
    // nobody projects here: the table stays at the first event, as with a projector that hangs
    const [id, from] = [clientId('snap'), { account: { balance: 0n, version: 0, seq: 0 } }]
    const to = { account: { balance: 100n, version: 1, seq } }
    await right(writeChanges(ledger.tables, ledger.first_table, [{ id, from, to }]))
    const late = room.start(ledger)
    expect(await late.submit(movement('debit', 'snap', 1), false)).toMatchObject({
      code: 'INSUFFICIENT_FUNDS',
      details: { balance: 0n },
    })
    expect(await late.submit(movement('credit', 'snap', 1), false)).toMatchObject({
      reply: { balance: 1n, version: 3 },
    })
  })

  it('does not freeze a refusal: what the receiver of a transfer has left meanwhile counts', async () => {
    const [one, two] = [room.start(ledger), room.start(ledger)]
    await one.submit(movement('credit', 'brim', 2n ** 63n - 1n), false)
    await one.submit(movement('credit', 'pourer', 10), false)
    await two.submit(movement('debit', 'brim', 5), false)
    expect(codeOf(await one.submit(transfer('pourer', 'brim', 5, 'pour-1'), true))).toBe('done')
    expect((await balances()).get('pourer')).toBe(5n)
  })
})

describe('a refusal on stale state', () => {
  it('is reconsidered, for a transfer as for a debit, given id or not', async () => {
    const [one, two] = [room.start(ledger), room.start(ledger)]
    for (const [i, given] of [true, false, true, false].entries()) {
      const id = `poor-${i}`
      await one.submit(movement('credit', id, 1), false)
      await two.submit(movement('credit', id, 99), false)
      const command =
        i < 2 ? movement('debit', id, 100, `rich-${i}`) : transfer(id, 'taker', 100, `rich-${i}`)
      expect(codeOf(await one.submit(command, given))).toBe('done')
    }
  })
})

describe('an acknowledged command that is lost', () => {
  it('is not, when another instance stored one of its batch in the very place where the batch should be', async () => {
    const other = room.start(ledger)
    const coordinator = room.start(
      withFate(ledger, async (attempt, forward) => {
        if (attempt > 1) return forward()
        // the caller of `asked-twice` grew tired of waiting, and asks somebody else
        await other.submit(movement('credit', 'place', 5, 'asked-twice'), true)
        return noAnswer()
      }),
    )
    const outcomes = await Promise.all([
      coordinator.submit(movement('credit', 'place', 5, 'asked-twice'), true),
      coordinator.submit(movement('credit', 'place', 7, 'asked-once'), true),
      coordinator.submit(movement('credit', 'beside', 9), false),
    ])
    expect(outcomes.map(codeOf)).toEqual(['done', 'done', 'done'])
    const times = await timesStored()
    expect(outcomes.map(outcome => times.get(idOf(outcome)))).toEqual([1, 1, 1])
    expect(await balances()).toEqual(
      new Map([
        ['place', 12n],
        ['beside', 9n],
      ]),
    )
  })
})

describe('a retry after a timeout that doubles', () => {
  it.each([
    ['the acknowledgement', lostOnTheWayBack],
    ['the batch', lostOnTheWayThere],
  ])(
    'does not: %s is lost, and every command of it has one effect and its own answer',
    async (what, fate) => {
      const [name] = what.split(' ').slice(1)
      const coordinator = room.start(withFate(ledger, fate))
      const outcomes = await Promise.all([
        ...Array.from({ length: 20 }, (_, i) =>
          coordinator.submit(movement('credit', `${name}-${i % 3}`, 10), false),
        ),
        coordinator.submit(transfer(`${name}-0`, `${name}-1`, 30, `${name}-tr`), true),
      ])
      expect(outcomes.map(codeOf)).toEqual(Array(21).fill('done'))
      const times = await timesStored()
      expect(outcomes.map(outcome => times.get(idOf(outcome)))).toEqual(Array(21).fill(1))
      expect([...(await balances()).values()]).toEqual([40n, 100n, 60n])
    },
  )

  it('does not, when the batch arrives after the caller has asked another instance', async () => {
    const late: (() => Promise<Msg>)[] = []
    const coordinator = room.start(
      withFate(ledger, async (_, forward) => {
        late.push(forward)
        return noAnswer()
      }),
      { timeout_ms: 50 },
    )
    const command = movement('credit', 'tired', 5, 'tired-1')
    expect(codeOf(await coordinator.submit(command, true))).toBe('OUTCOME_UNKNOWN')
    const outcome = await room.start(ledger).submit(command, true)
    expect(outcome).toMatchObject({ tag: 'done', replayed: false, reply: { balance: 5n, version: 1 } })
    expect(late.length).toBeGreaterThan(0)
    for (const forward of late) expect((await forward()).string()).toContain('"error"')
    expect(await room.start(ledger).submit(command, true)).toEqual({ ...outcome, replayed: true })
    expect((await timesStored()).get('tired-1')).toBe(1)
  })

  it('does not, while nats-server stands still for longer than a publish waits', async () => {
    let attempts = 0
    const coordinator = room.start(
      withFate(ledger, async (_, forward) => {
        attempts += 1
        return forward()
      }),
    )
    await coordinator.submit(movement('credit', 'still', 1), false)
    // on a busy machine the credit may have needed more than one
    const before = attempts
    const { pid } = ledger.servers.nats
    process.kill(pid, 'SIGSTOP')
    const outcome = coordinator.submit(movement('debit', 'still', 1, 'still-1'), false)
    try {
      await until(() => attempts >= before + 2, { deadline_ms: 30_000, what: 'a second try' })
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    expect(await outcome).toMatchObject({ tag: 'done', reply: { balance: 0n, version: 2 } })
    expect((await timesStored()).get('still-1')).toBe(1)
  })
})

describe('a caller that waits without end', () => {
  it('does not exist: what cannot be looked up is UNAVAILABLE in time, and is not stored afterwards', async () => {
    let found: () => void = () => undefined
    const find = () =>
      new Promise<undefined>(resolve => {
        found = () => resolve(undefined)
      })
    const coordinator = room.start(ledger, { timeout_ms: 100, find })
    const began_ms = performance.now()
    const outcome = await coordinator.submit(movement('credit', 'patient', 5, 'patient-1'), true)
    expect(codeOf(outcome)).toBe('UNAVAILABLE')
    expect(performance.now() - began_ms).toBeLessThan(5_000)
    found()
    expect(codeOf(await coordinator.submit(movement('credit', 'patient', 1), false))).toBe('done')
    expect((await balances()).get('patient')).toBe(1n)
  })

  it('does not exist: what nobody acknowledges is OUTCOME_UNKNOWN in time', async () => {
    const silent = withFate(ledger, () => new Promise<never>(() => undefined))
    const coordinator = room.start(silent, { timeout_ms: 100 })
    const outcomes = await Promise.all([
      coordinator.submit(movement('credit', 'silent', 5, 'silent-1'), true),
      coordinator.submitAll([movement('credit', 'silent', 6, 'silent-2')], true),
    ])
    expect(outcomes.map(o => (o.tag === 'failed' ? o.code : o.tag))).toEqual(Array(2).fill('OUTCOME_UNKNOWN'))
  })
})

describe('a command whose id the stream knows', () => {
  it('is OUTCOME_UNKNOWN when what is stored cannot be found: nobody says that nothing is', async () => {
    const known = { error: { code: 400, err_code: 10_201, description: 'duplicate message id' } }
    const refused = { data: new TextEncoder().encode(JSON.stringify(known)) } as Msg
    const coordinator = room.start(withFate(ledger, async () => refused))
    const outcome = await coordinator.submit(movement('credit', 'hidden', 5, 'hidden-1'), true)
    expect(codeOf(outcome)).toBe('OUTCOME_UNKNOWN')
  })
})

describe('a customer that others write to without end', () => {
  it('does not make the commands of other customers fail or wait', async () => {
    const coordinator = room.start(ledger, { timeout_ms: 3_000 })
    let hammering = true
    let hits = 0
    const hammer = async (): Promise<void> => {
      while (hammering) {
        await ledger.emit('anvil', { type: 'credit', amount: 1 })
        hits += 1
      }
    }
    const hammers = Array.from({ length: HAMMERS }, hammer)
    await until(() => hits > 100, { deadline_ms: 30_000, what: 'the hammering' })
    const waited_ms: number[] = []
    const others: Outcome[] = []
    const client = async (_: unknown, i: number): Promise<void> => {
      for (let round = 0; round < 20; round += 1) {
        const began_ms = performance.now()
        const struck = coordinator.submit(movement('credit', 'anvil', 1), false)
        others.push(await coordinator.submit(transfer(`by-${i}`, `by-${i + 1}`, 1, `by-${i}-${round}`), true))
        waited_ms.push(performance.now() - began_ms)
        expect(['done', 'CONFLICT', 'UNAVAILABLE']).toContain(codeOf(await struck))
      }
    }
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => coordinator.submit(movement('credit', `by-${i}`, 50), false)),
    )
    await Promise.all(Array.from({ length: 10 }, client))
    hammering = false
    await Promise.all(hammers)
    expect(others.map(codeOf)).toEqual(Array(200).fill('done'))
    const sorted_ms = waited_ms.toSorted((a, b) => a - b)
    expect(sorted_ms[Math.floor(sorted_ms.length * 0.9)]).toBeLessThan(1_000)
  })
})
