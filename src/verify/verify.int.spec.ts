// has servers of its own: it changes tables by hand

import { setTimeout as pause } from 'node:timers/promises'
import { UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { jetstream } from '@nats-io/jetstream'
import { headers, Match } from 'nats'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { dieAmidBatch } from '../../test/support/part-of-batch.js'
import { PROJECTIONS } from '../projections/definitions/all.js'
import { replay } from '../projections/rebuild/rebuild.js'
import { startProjector } from '../projections/runner.js'
import { dropConsumer } from '../stream/consumer.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { CannotVerify } from './problem.js'
import { credit, debit, type ProjectedLedger, startProjectedLedger } from './testing/projected.js'
import type { VerifyOptions } from './verify.js'

let ledger: ProjectedLedger

beforeEach(async () => {
  ledger = await startProjectedLedger()
})

afterEach(async () => {
  await ledger.stop()
})

/** A bit of everything that the ledger knows. */
const emitAll = async (): Promise<void> => {
  for (let i = 0; i < 30; i += 1) await ledger.emit(`c${i % 10}`, credit(10))
  await ledger.emit('c1', debit(25, { reference: 'caf\u00e9 \ud800', metadata: { b: [1, 'x'], a: null } }))
  await ledger.emit('c1', debit(25))
  await ledger.emit('c2', 'not JSON')
  await ledger.emit('c2.x', credit(1))
  await ledger.emit('big', credit('9223372036854775807'))
  await ledger.emit('big', credit(1))
  await ledger.transfer('c3', 'c4', 7, 't-1')
  const declined = { command: 'debit', code: 'INSUFFICIENT_FUNDS', client_id: 'c5', balance: 30 }
  await ledger.emit('c5', { type: 'declined', amount: 99, transaction_id: 'd-1', declined })
  await ledger.emit('only-declined', { type: 'declined', amount: 99, transaction_id: 'seq:1' })
  for (const id of ['c6', 'c7', 'c6']) await ledger.emit(id, credit(1, { transaction_id: 'same' }))
  await ledger.emit('c8', credit(1, { after: { balance: 31, version: 4 } }))
  await ledger.emit('later', credit(5))
  await ledger.emit('later', { schema: 3, type: 'credit', amount: 5 })
  await ledger.emit('later', credit(5))
  await ledger.emit('future-only', { schema: 3 })
}

const ROWS = 30 + 1 + 1 + 2 + 2 + 3 + 1 + 1

describe('verify', () => {
  beforeEach(async () => {
    await emitAll()
    await ledger.projectAll()
  })

  it('agrees with tables that are right, and says what it looked at', async () => {
    const report = await ledger.check()
    expect(report.differences).toEqual([])
    expect(report).toMatchObject({
      customers: 14,
      parked: 2,
      rejected: 4,
      transfers: 1,
      rows_compared: ROWS,
      heads_compared: 4 * 14,
      skipped: [],
      not_compared: [],
    })
    expect(report.tables.map(({ projection }) => projection)).toEqual(Object.keys(PROJECTIONS))
  })

  it('names the customer, the attribute and both values of an item that was changed by hand', async () => {
    const about = { where: 'balances', kind: 'differs', id: 'c0', seq: 21 }
    await ledger.update('balances', 'c0', 'client_balance', 31)
    expect((await ledger.check()).differences).toEqual([
      { ...about, field: 'client_balance', is: '31', should_be: '30' },
    ])
    await ledger.update('balances', 'c0', 'client_balance', '30')
    await ledger.update('balances', 'c0', 'note', 'mine')
    expect((await ledger.check()).differences).toEqual([
      { ...about, field: 'client_balance', is: '30', should_be: '30' },
      { ...about, field: 'note', is: 'mine' },
    ])
  })

  it.each([
    ['balances', 'later', 'parked_last_seq', 1],
    ['balances', 'c0', 'client_balance', 30.5],
    ['journal', 'account:c0', 'version', 4],
    ['totals', 'account:c0', 'seq', 20],
    ['ranking', 'c0', 'shard', '9'],
    ['ranking', 'c0', 'balance', -30],
  ] as const)('sees one attribute of %s %s that differs: %s is %s', async (projection, id, field, value) => {
    await ledger.update(projection, id, field, value)
    const { differences } = await ledger.check()
    expect(differences).toMatchObject([
      { where: projection, kind: 'differs', id: id.replace('account:', ''), field, is: String(value) },
    ])
  })

  it('compares the caller of each event, and passes over what no program of ours has written as one', async () => {
    const publishAs = async (...by: readonly string[]): Promise<number> => {
      const h = headers()
      for (const one of by) h.append('Ledger-By', one, Match.Exact)
      const body = JSON.stringify(credit(1))
      return (await jetstream(ledger.nc).publish('customer.balance.by', body, { headers: h })).seq
    }
    const seq = await publishAs('token:shop')
    for (const by of [['shop'], ['token:a', 'token:b'], ['token:a b'], [`nats:${'x'.repeat(257)}`]])
      await publishAs(...by)
    await ledger.caughtUp()
    expect((await ledger.check()).differences).toEqual([])
    await ledger.update('journal', `seq:${seq}`, 'by', 'token:till')
    await ledger.update('journal', `seq:${seq + 1}`, 'by', 'token:till')
    expect((await ledger.check()).differences).toMatchObject([
      {
        where: 'journal',
        kind: 'differs',
        id: `seq:${seq}`,
        field: 'by',
        is: 'token:till',
        should_be: 'token:shop',
      },
      { where: 'journal', kind: 'differs', id: `seq:${seq + 1}`, field: 'by', is: 'token:till' },
    ])
  })

  it('names items that are missing and items of nobody, in every table', async () => {
    for (const projection of ['balances', 'ranking'] as const) {
      await ledger.remove(projection, 'c4')
      await ledger.put(projection, { id: 'nobody', client_balance: 5, balance: 5, version: 1, seq: 1 })
    }
    for (const projection of ['journal', 'totals'] as const) {
      await ledger.remove(projection, 'account:c4')
      await ledger.put(projection, { id: 'account:nobody', balance: 5, version: 1, seq: 999_999 })
    }
    const { differences, tables } = await ledger.check()
    for (const projection of Object.keys(PROJECTIONS)) {
      const found = differences.filter(({ where }) => where === projection)
      expect(found.map(({ kind, id }) => [kind, id]).sort()).toEqual([
        ['missing', 'c4'],
        ['stray', 'nobody'],
      ])
    }
    expect(tables.map(({ differences: count }) => count)).toEqual([2, 2, 2, 2])
  })

  it('compares every row of the journal: changed, missing, under a wrong key, and of no event', async () => {
    await ledger.update('journal', 't-1', 'amount', 8)
    await ledger.update('journal', 'seq:5', 'seq', 6)
    await ledger.remove('journal', 'seq:7')
    await ledger.remove('journal', 'd-1')
    await ledger.put('journal', { id: 'stray', client_id: 'c0', seq: 3, type: 'credit', amount: 1 })
    await ledger.put('journal', {
      id: 'seq:999999',
      client_id: 'c0',
      seq: 999_999,
      type: 'credit',
      amount: 1,
    })
    const { differences } = await ledger.check()
    const found = differences.map(({ kind, id, field, is, should_be }) => ({
      kind,
      id,
      field,
      is,
      should_be,
    }))
    const nothing = { field: undefined, is: undefined, should_be: undefined }
    expect(found).toHaveLength(6)
    expect(found).toEqual(
      expect.arrayContaining([
        { kind: 'differs', id: 't-1', field: 'amount', is: '8', should_be: '7' },
        { kind: 'differs', id: 'seq:5', field: 'seq', is: '6', should_be: '5' },
        { kind: 'missing', id: 'seq:7', ...nothing },
        { kind: 'missing', id: 'd-1', ...nothing },
        { kind: 'stray', id: 'stray', ...nothing },
        { kind: 'stray', id: 'seq:999999', ...nothing },
      ]),
    )
  })

  it('compares the sums, and finds sums of days without events', async () => {
    const { Attributes } = await ledger.tables.send(
      new UpdateCommand({
        TableName: ledger.tableOf('totals'),
        Key: { id: 'all:0' },
        UpdateExpression: 'ADD credits :one',
        ExpressionAttributeValues: { ':one': 1n },
        ReturnValues: 'ALL_NEW',
      }),
    )
    expect(Attributes?.credits).toBeGreaterThan(1n)
    await ledger.put('totals', {
      id: 'day:1999-12-31:3',
      credits: 2,
      credited: 20,
      balance: 20,
      customers: 1,
    })
    const { differences } = await ledger.check()
    expect(differences).toHaveLength(5)
    expect(differences).toEqual(
      expect.arrayContaining([
        { where: 'totals', kind: 'differs', id: 'all', field: 'credits', is: '38', should_be: '37' },
        {
          where: 'totals',
          kind: 'differs',
          id: 'day:1999-12-31',
          field: 'credited',
          is: '20',
          should_be: '0',
        },
      ]),
    )
  })

  it('finds a wrong claim in the stream, which no table can be healed of', async () => {
    const seq = await ledger.emit('c9', credit(1, { after: { balance: 1_000, version: 4 } }))
    const unread = await ledger.emit('c9', credit(1, { after: 'yes' }))
    const { differences, differences_stream } = await ledger.check()
    expect(differences).toEqual([
      { where: 'stream', kind: 'after', id: 'c9', seq, field: 'after.balance', is: '1000', should_be: '31' },
      expect.objectContaining({ where: 'stream', kind: 'after', seq: unread, is: '"yes"' }),
    ])
    expect(differences_stream).toBe(2)
  })

  it('finds transfers that are not whole', async () => {
    const half = debit(1, { transaction_id: 'h', transfer: { counterparty: 'c1' } })
    await ledger.emit('c0', half)
    await ledger.emit('c0', credit(1))
    await ledger.transfer('c0', 'c1', 1_000, 'forged')
    const seq = await ledger.emit('c0', { ...half, transaction_id: 'last' })
    await ledger.caughtUp()
    const { differences } = await ledger.check()
    expect(differences.map(({ where, kind, seq, detail }) => `${where} ${kind} ${seq}: ${detail}`)).toEqual([
      `stream transfer ${seq - 4}: half a transfer: its credit to c1 is not the next event`,
      `stream transfer ${seq - 2}: one side counts and the other does not: debit INSUFFICIENT_FUNDS, credit applied`,
      `stream transfer ${seq}: half a transfer: its credit to c1 is not the next event`,
    ])
  })

  it('finds a part of a batch, and asked for one customer only where it holds its events', async () => {
    const batch = ['c1', 'c2', 'c3'].map(token => ({
      subject: `customer.balance.${token}`,
      body: JSON.stringify(credit(1)),
    }))
    const { nats } = ledger.servers
    await ledger.stopProjecting()
    await dieAmidBatch(nats, ledger.nc, batch, 2)
    await ledger.emit('c3', credit(1))
    await dieAmidBatch(nats, ledger.nc, batch, 1)
    await ledger.projectAll()
    const found = async (options: Partial<VerifyOptions> = {}) =>
      (await ledger.check(options)).differences.map(
        ({ where, kind, detail = '' }) => `${where} ${kind}: ${detail.replace(/batch \S+/, 'batch')}`,
      )
    const { last_seq } = (await ledger.jsm.streams.info(LEDGER_STREAM)).state
    const first = `stream batch: sequences ${last_seq - 3} to ${last_seq - 2} hold a part of the atomic batch that lacks its end`
    const last = `stream batch: sequence ${last_seq} holds a part of the atomic batch that lacks its end`
    expect(await found()).toEqual([first, last])
    expect(await found({ client_id: 'c1' })).toEqual([first, last])
    expect(await found({ client_id: 'c2' })).toEqual([first])
    expect(await found({ client_id: 'c3' })).toEqual([])
  })

  it('does not say of a customer that nothing knows that all agrees', async () => {
    const nobody = ledger.check({ client_id: 'nobody' })
    await expect(nobody).rejects.toThrow('neither the stream nor a table knows the customer nobody')
    await expect(nobody).rejects.toBeInstanceOf(CannotVerify)
    await ledger.put('journal', { id: 'stray', client_id: 'nobody', seq: 3, type: 'credit', amount: 1 })
    expect((await ledger.check({ client_id: 'nobody' })).differences).toMatchObject([{ id: 'stray' }])
  })

  it('of one customer looks at nothing else', async () => {
    await ledger.update('balances', 'c0', 'client_balance', 31)
    await ledger.remove('journal', 'seq:2')
    await ledger.put('journal', { id: 'stray', client_id: 'c2', seq: 3, type: 'credit', amount: 1 })
    expect((await ledger.check({ client_id: 'c3' })).differences).toEqual([])
    expect((await ledger.check({ client_id: 'c0' })).differences).toMatchObject([{ id: 'c0' }])
    expect((await ledger.check({ client_id: 'c1' })).differences).toMatchObject([
      { kind: 'missing', id: 'seq:2' },
    ])
    expect((await ledger.check({ client_id: 'c2' })).differences).toMatchObject([
      { kind: 'stray', id: 'stray' },
    ])
    await ledger.remove('balances', 'c3')
    expect((await ledger.check({ client_id: 'c3' })).differences).toMatchObject([
      { kind: 'missing', id: 'c3' },
    ])
  })

  it('compares the active generation, or the one that is asked for', async () => {
    await ledger.update('balances', 'c0', 'client_balance', 31)
    const options = { checkpoint_ms: 10_000, keep: true, onProgress: () => undefined }
    await replay(ledger, PROJECTIONS.balances, { ...options, signal: new AbortController().signal })
    const { differences, tables } = await ledger.check()
    expect(differences).toEqual([])
    expect(tables[0]).toMatchObject({ projection: 'balances', generation: 2, table: 'balances.g2' })
    expect((await ledger.check({ generation: 2 })).skipped).toHaveLength(3)
    // the kept generation stands still
    const last = await ledger.emit('c0', credit(1))
    const kept = await ledger.check({ generation: 1 })
    expect(kept.seq).toBeLessThan(last)
    expect(kept.differences).toMatchObject([
      { where: 'balances', id: 'c0', field: 'client_balance', is: '31' },
    ])
  })

  it('leaves out a projection that is not run any more, and says so', async () => {
    await ledger.stopProjecting()
    await ledger.emit('c1', credit(1))
    const projector = startProjector(ledger, PROJECTIONS.balances)
    const { differences, tables, skipped } = await ledger.check({ projections: ['balances'] })
    await projector.stop()
    expect(differences).toEqual([])
    expect(tables).toMatchObject([{ projection: 'balances' }])
    expect(skipped).toEqual(
      ['journal', 'totals', 'ranking'].map(projection => ({
        projection,
        reason: 'not in JETLEDGER_PROJECTIONS',
      })),
    )
  })

  it('waits for a projector that has its table and not yet its consumer, for as long as it may', async () => {
    await ledger.stopProjecting()
    await right(dropConsumer(ledger.nc, 'ranking'))
    await expect(ledger.check({ timeout_ms: 300 })).rejects.toThrow(
      'table balances-ranking is there, but nobody fills it: no consumer ranking after 300 ms',
    )
    const checked = ledger.check({ projections: ['ranking'] })
    await pause(500)
    const projector = startProjector(ledger, PROJECTIONS.ranking)
    expect(await checked.finally(projector.stop)).toMatchObject({
      differences: [],
      tables: [{ projection: 'ranking' }],
    })
  })

  it('cannot tell while nobody runs the projections', async () => {
    await ledger.stopProjecting()
    await ledger.emit('c1', credit(1))
    await expect(ledger.check({ timeout_ms: 300 })).rejects.toThrow(CannotVerify)
  })
})
