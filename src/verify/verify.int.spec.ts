// has servers of its own: it changes tables by hand

import { setTimeout as pause } from 'node:timers/promises'
import { UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { jetstream } from '@nats-io/jetstream'
import { headers, Match } from 'nats'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { dieAmidBatch } from '../../test/support/part-of-batch.js'
import { PROJECTIONS } from '../projections/definitions/ledger.js'
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
  await ledger.emit('only-declined', { type: 'declined', amount: 99, transaction_id: '@1' })
  for (const id of ['c6', 'c7', 'c6']) await ledger.emit(id, credit(1, { transaction_id: 'same' }))
  // transaction ids that look like the ids of other items, the last of them for the second time
  for (const transaction_id of ['c0', '=all:0', '#same', '@1'])
    await ledger.emit('c7', credit(1, { transaction_id }))
  await ledger.emit('c8', credit(1, { after: { balance: 31, version: 4 } }))
  await ledger.emit('later', credit(5))
  await ledger.emit('later', { schema: 3, type: 'credit', amount: 5 })
  await ledger.emit('later', credit(5))
  await ledger.emit('future-only', { schema: 3 })
}

const ROWS = 30 + 1 + 1 + 2 + 2 + 3 + 4 + 1 + 1

describe('verify', () => {
  beforeEach(async () => {
    await emitAll()
    await ledger.projectAll()
  })

  it('agrees with a table that is right, and says what it looked at', async () => {
    const report = await ledger.check()
    expect(report.differences).toEqual([])
    expect(report).toMatchObject({
      customers: 14,
      parked: 2,
      rejected: 4,
      transfers: 1,
      rows_compared: ROWS,
      heads_compared: 14,
      sums_compared: true,
      sums_doubt: undefined,
      not_compared: [],
    })
    expect(report.table).toEqual({ name: ledger.table_name, generation: 1, differences: 0 })
  })

  it('names the customer, the attribute and both values of an item that was changed by hand', async () => {
    const about = { where: 'balances', kind: 'differs', id: 'c0', seq: 21 }
    await ledger.update('c0', 'client_balance', 31)
    expect((await ledger.check()).differences).toEqual([
      { ...about, field: 'client_balance', is: '31', should_be: '30' },
    ])
    await ledger.update('c0', 'client_balance', 30)
    await ledger.update('c0', 'version', '3')
    await ledger.update('c0', 'note', 'mine')
    expect((await ledger.check()).differences).toEqual([
      { ...about, field: 'version', is: '3', should_be: '3' },
      { ...about, field: 'note', is: 'mine' },
    ])
  })

  it.each([
    ['later', 'parked_last_seq', 1],
    ['c0', 'client_balance', 30.5],
    ['c0', 'client_balance', -30],
    ['c0', 'version', 4],
    ['c0', 'seq', 20],
    ['c0', 'shard', '9'],
    ['c0', 'expires_ms', 1],
    // an attribute of rows, which would put the head among the rows of a customer
    ['c0', 'client_id', 'c0'],
  ] as const)('sees one attribute of the head %s that differs: %s is %s', async (id, field, value) => {
    await ledger.update(id, field, value)
    const found = [{ where: 'balances', kind: 'differs', id, field, is: String(value) }]
    expect((await ledger.check()).differences).toMatchObject(found)
    expect((await ledger.check({ client_id: id })).differences).toMatchObject(found)
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
    await ledger.update(`@${seq}`, 'by', 'token:till')
    await ledger.update(`@${seq + 1}`, 'by', 'token:till')
    expect((await ledger.check()).differences).toMatchObject([
      {
        where: 'journal',
        kind: 'differs',
        id: `@${seq}`,
        field: 'by',
        is: 'token:till',
        should_be: 'token:shop',
      },
      { where: 'journal', kind: 'differs', id: `@${seq + 1}`, field: 'by', is: 'token:till' },
    ])
  })

  it('names balances that are missing, balances of nobody, and items that are nothing that the table has', async () => {
    await ledger.remove('c4')
    await ledger.put({ id: 'nobody', client_balance: 5, version: 1, seq: 1 })
    await ledger.put({ id: 'later.nobody', client_balance: 5, version: 1, seq: 999_999 })
    for (const id of ['!', ' c0', 'é', '_c0']) await ledger.put({ id, client_balance: 5, version: 1, seq: 1 })
    for (const id of ['=', '=all', '=all:4', '=week:1:0', '=day:2026-01-01:eur:0']) await ledger.put({ id })
    const { differences, table } = await ledger.check()
    expect(differences.map(({ where, kind, id }) => `${where} ${kind} ${id}`).sort()).toEqual([
      'balances missing c4',
      'balances stray  c0',
      'balances stray !',
      'balances stray _c0',
      'balances stray later.nobody',
      'balances stray nobody',
      'balances stray é',
      'totals stray =',
      'totals stray =all',
      'totals stray =all:4',
      'totals stray =day:2026-01-01:eur:0',
      'totals stray =week:1:0',
    ])
    expect(table.differences).toBe(12)
  })

  it('mentions that the table says that its sums may be wrong, and compares them all the same', async () => {
    await ledger.update('table identity', 'sums_doubt', 'c0 was not what the stream says')
    const agreed = await ledger.check()
    expect(agreed).toMatchObject({ sums_doubt: 'c0 was not what the stream says', sums_compared: true })
    expect(agreed).toMatchObject({ differences: [], not_compared: [] })
    await ledger.update('=all:1', 'declined', 7)
    const { sums_doubt, differences } = await ledger.check()
    expect(sums_doubt).toBe('c0 was not what the stream says')
    expect(differences).toMatchObject([{ where: 'totals', id: '=all', field: 'declined' }])
  })

  it('compares every row of the journal: changed, missing, under a wrong key, and of no event', async () => {
    await ledger.update('#t-1', 'amount', 8)
    await ledger.update('@5', 'seq', 6)
    await ledger.update('@6', 'shard', '0')
    await ledger.remove('@7')
    await ledger.remove('#d-1')
    await ledger.put({ id: '#stray', client_id: 'c0', seq: 3, type: 'credit', amount: 1 })
    await ledger.put({ id: '@999999', client_id: 'c0', seq: 999_999, type: 'credit', amount: 1 })
    const { differences } = await ledger.check()
    const found = differences.map(({ kind, id, field, is, should_be }) => ({
      kind,
      id,
      field,
      is,
      should_be,
    }))
    const nothing = { field: undefined, is: undefined, should_be: undefined }
    expect(found).toHaveLength(7)
    expect(found).toEqual(
      expect.arrayContaining([
        { kind: 'differs', id: '#t-1', field: 'amount', is: '8', should_be: '7' },
        { kind: 'differs', id: '@5', field: 'seq', is: '6', should_be: '5' },
        // a row with a shard would be among the heads of the indexes
        { kind: 'differs', id: '@6', field: 'shard', is: '0', should_be: undefined },
        { kind: 'missing', id: '@7', ...nothing },
        { kind: 'missing', id: '#d-1', ...nothing },
        { kind: 'stray', id: '#stray', ...nothing },
        { kind: 'stray', id: '@999999', ...nothing },
      ]),
    )
  })

  it('compares the sums, and finds sums of days without events', async () => {
    const { Attributes } = await ledger.tables.send(
      new UpdateCommand({
        TableName: ledger.table_name,
        Key: { id: '=all:0' },
        UpdateExpression: 'ADD credits :one',
        ExpressionAttributeValues: { ':one': 1n },
        ReturnValues: 'ALL_NEW',
      }),
    )
    expect(Attributes?.credits).toBeGreaterThan(1n)
    await ledger.put({
      id: '=day:1999-12-31:3',
      credits: 2,
      credited: 20,
      balance: 20,
      customers: 1,
    })
    const { differences } = await ledger.check()
    expect(differences).toHaveLength(5)
    expect(differences).toEqual(
      expect.arrayContaining([
        { where: 'totals', kind: 'differs', id: '=all', field: 'credits', is: '42', should_be: '41' },
        {
          where: 'totals',
          kind: 'differs',
          id: '=day:1999-12-31',
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
    await expect(nobody).rejects.toThrow('neither the stream nor the table knows the customer nobody')
    await expect(nobody).rejects.toBeInstanceOf(CannotVerify)
    await ledger.put({ id: '#stray', client_id: 'nobody', seq: 3, type: 'credit', amount: 1 })
    expect((await ledger.check({ client_id: 'nobody' })).differences).toMatchObject([{ id: '#stray' }])
  })

  it('of one customer looks at nothing else', async () => {
    await ledger.update('c0', 'client_balance', 31)
    await ledger.remove('@2')
    await ledger.put({ id: '#stray', client_id: 'c2', seq: 3, type: 'credit', amount: 1 })
    expect((await ledger.check({ client_id: 'c3' })).differences).toEqual([])
    expect((await ledger.check({ client_id: 'c0' })).differences).toMatchObject([{ id: 'c0' }])
    expect((await ledger.check({ client_id: 'c1' })).differences).toMatchObject([
      { kind: 'missing', id: '@2' },
    ])
    expect((await ledger.check({ client_id: 'c2' })).differences).toMatchObject([
      { kind: 'stray', id: '#stray' },
    ])
    await ledger.remove('c3')
    expect((await ledger.check({ client_id: 'c3' })).differences).toMatchObject([
      { kind: 'missing', id: 'c3' },
    ])
  })

  it('compares the active generation, or the one that is asked for', async () => {
    await ledger.update('c0', 'client_balance', 31)
    const options = { checkpoint_ms: 10_000, keep: true, onProgress: () => undefined }
    await replay(ledger, PROJECTIONS.ledger, { ...options, signal: new AbortController().signal })
    const active = await ledger.check()
    expect(active.differences).toEqual([])
    expect(active.table).toEqual({ name: `${ledger.table_name}.g2`, generation: 2, differences: 0 })
    expect((await ledger.check({ generation: 2 })).table).toEqual(active.table)
    await expect(ledger.check({ generation: 3 })).rejects.toThrow(
      `there is neither table ${ledger.table_name}.g3 nor consumer ledger-g3`,
    )
    // the kept generation stands still
    const last = await ledger.emit('c0', credit(1))
    const kept = await ledger.check({ generation: 1 })
    expect(kept.seq).toBeLessThan(last)
    expect(kept.differences).toMatchObject([
      { where: 'balances', id: 'c0', field: 'client_balance', is: '31' },
    ])
  })

  it('waits for a projector that has its table and not yet its consumer, for as long as it may', async () => {
    await ledger.stopProjecting()
    await right(dropConsumer(ledger.nc, 'ledger'))
    await expect(ledger.check({ timeout_ms: 300 })).rejects.toThrow(
      'table balances-ledger is there, but nobody fills it: no consumer ledger after 300 ms',
    )
    const checked = ledger.check()
    await pause(500)
    const projector = startProjector(ledger, PROJECTIONS.ledger)
    expect(await checked.finally(projector.stop)).toMatchObject({
      differences: [],
      table: { name: 'balances-ledger', differences: 0 },
    })
  })

  it('cannot tell while nobody runs the projection', async () => {
    await ledger.stopProjecting()
    await ledger.emit('c1', credit(1))
    await expect(ledger.check({ timeout_ms: 300 })).rejects.toThrow(CannotVerify)
  })
})
