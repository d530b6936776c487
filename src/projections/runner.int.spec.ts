import { jetstream } from '@nats-io/jetstream'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { findDeadLetter, listDeadLetters } from '../dead-letters/letters.js'
import { E } from '../fp.js'
import { createHealth } from '../health.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { decodePlain } from '../ledger/testing/plain.js'
import { provision } from '../stream/provision.js'
import { publish } from '../stream/publish.js'
import { DEAD_LETTER_STREAM, LEDGER_STREAM } from '../stream/settings.js'
import { readHeads } from '../tables/heads.js'
import { PROJECTIONS } from './definitions/ledger.js'
import type { ProjectionDeps } from './deps.js'
import { listParked } from './parked.js'
import { type Projector, startProjector } from './runner.js'

let ledger: TestLedger
const projectors: Projector[] = []

beforeAll(async () => {
  ledger = await startTestLedger()
})

afterEach(async () => {
  await Promise.all(projectors.splice(0).map(projector => projector.stop()))
})

afterAll(async () => {
  await ledger.stop()
})

const start = (more: Partial<ProjectionDeps> = {}): Projector => {
  const projector = startProjector({ ...ledger, ...more }, PROJECTIONS.ledger)
  projectors.push(projector)
  return projector
}

const item = async (id: string): Promise<Customer> =>
  (await right(readHeads(ledger.tables, ledger.first_table, [clientId(id)]))).get(clientId(id)) ??
  NEW_CUSTOMER

const balance = async (id: string): Promise<bigint> => (await item(id)).account.balance

const balanceIs = (id: string, expected: bigint): Promise<true> =>
  until(async () => (await balance(id)) === expected, {
    deadline_ms: 30_000,
    what: `${id} to have ${expected}`,
  })

/** Waits until the projection has handled everything in the stream. */
const settled = (): Promise<true> =>
  until(
    async () => {
      const { state } = await ledger.jsm.streams.info(LEDGER_STREAM)
      const { ack_floor } = await ledger.jsm.consumers.info(LEDGER_STREAM, 'ledger')
      return ack_floor.stream_seq >= state.last_seq
    },
    { deadline_ms: 30_000, what: 'the projector to be caught up' },
  )

const credit = (amount: number) => ({ type: 'credit', amount })
const debit = (amount: number) => ({ type: 'debit', amount })

describe('the projector', () => {
  it('folds what was published before it started, and what comes after', async () => {
    await ledger.emit('early', credit(10))
    start()
    await balanceIs('early', 10n)
    await ledger.emit('early', credit(5))
    await balanceIs('early', 15n)
  })

  it('counts an event once although it is stopped and started again', async () => {
    for (let round = 1; round <= 3; round += 1) {
      const projector = start()
      await ledger.emit('restarted', credit(1))
      await balanceIs('restarted', BigInt(round))
      await projector.stop()
    }
    start()
    await ledger.emit('restarted', credit(1))
    await settled()
    expect((await item('restarted')).account).toMatchObject({ balance: 4n, version: 4 })
  })

  it('keeps a dead letter with reason, subject, sequence, headers and body, and applies what follows', async () => {
    start()
    await ledger.emit('poor', credit(10))
    const overdraft = await ledger.emit('poor', debit(11))
    const rubbish = await ledger.emit('poor', 'not json')
    const deep = await ledger.emit('a.b', credit(1))
    await ledger.emit('poor', debit(10))
    await settled()
    expect((await item('poor')).account).toMatchObject({ balance: 0n, version: 2 })
    expect(await right(findDeadLetter(ledger.nc, overdraft))).toMatchObject({
      seq: overdraft,
      subject: 'customer.balance.poor',
      reason: 'INSUFFICIENT_FUNDS',
      body: JSON.stringify(debit(11)),
    })
    expect(await right(findDeadLetter(ledger.nc, rubbish))).toMatchObject({
      reason: 'MALFORMED',
      body: 'not json',
    })
    const strays = await right(listDeadLetters(ledger.nc, { client_id: '_', limit: 10 }))
    expect(strays).toMatchObject([{ seq: deep, subject: 'customer.balance.a.b', reason: 'MALFORMED' }])
  })

  it('two at once give each event its effect once', async () => {
    start()
    start()
    const emits = Array.from({ length: 200 }, (_, i) => ledger.emit(`pair-${i % 7}`, credit(1)))
    await Promise.all(emits)
    await settled()
    const balances = await Promise.all(Array.from({ length: 7 }, (_, i) => balance(`pair-${i}`)))
    expect(balances.reduce((sum, n) => sum + n, 0n)).toBe(200n)
  })

  it('the one that stood by goes on when the active one is gone', async () => {
    const first = start()
    await ledger.emit('taken-over', credit(1))
    await balanceIs('taken-over', 1n)
    start()
    await first.stop()
    await ledger.emit('taken-over', credit(1))
    await balanceIs('taken-over', 2n)
  })

  it('keeps the stream order although somebody else took the first events and never acknowledged them', async () => {
    const first = start()
    await settled()
    await first.stop()
    const consumer = await jetstream(ledger.nc).consumers.get(LEDGER_STREAM, 'ledger')
    await ledger.emit('ordered', credit(10))
    await ledger.emit('ordered', debit(10))
    const taken = await consumer.fetch({ group: 'active', max_messages: 2, expires: 10_000 })
    let kept = 0
    for await (const _message of taken) if (++kept === 2) break
    await ledger.emit('ordered', credit(7))
    start()
    // the credit of 7 is delivered first, and the two earlier events only when their acknowledgement wait is over: in
    // the order of delivery, the fold would lose them
    await balanceIs('ordered', 7n)
    expect((await item('ordered')).account.version).toBe(3)
  })

  it('goes on while the dead letters have no room, or no stream, and says so', async () => {
    const health = createHealth(() => undefined)
    start({ health })
    const { config } = await ledger.jsm.streams.info(DEAD_LETTER_STREAM)
    await ledger.jsm.streams.update(DEAD_LETTER_STREAM, { ...config, max_bytes: 100 })
    const full = await ledger.emit('roomless', debit(1))
    await ledger.emit('roomless', credit(3))
    await balanceIs('roomless', 3n)
    const { parts } = health.read()
    expect(parts['dead letters']).toMatchObject({ state: 'degraded' })
    expect(parts['dead letters']?.detail).toContain(`event ${full} is not kept`)
    await ledger.jsm.streams.delete(DEAD_LETTER_STREAM)
    await ledger.emit('roomless', debit(9))
    await ledger.emit('roomless', credit(4))
    await balanceIs('roomless', 7n)
    await right(provision(ledger.nc, { replicas: 1 }))
    const again = await ledger.emit('roomless', debit(9))
    await settled()
    expect(await right(findDeadLetter(ledger.nc, again))).toMatchObject({ reason: 'INSUFFICIENT_FUNDS' })
  })

  it('survives kills of DynamoDB and of NATS: each acknowledged event counts once', async () => {
    start()
    let acknowledged = 0
    for (let i = 0; i < 300; i += 1) {
      if (i === 50 || i === 150) process.kill(ledger.servers.dynamodb.pid, 'SIGKILL')
      if (i === 100 || i === 200) process.kill(ledger.servers.nats.pid, 'SIGKILL')
      await until(() => emitOnce('battered', i), { deadline_ms: 30_000, what: `event ${i} to be stored` })
      acknowledged += 1
    }
    await settled()
    await balanceIs('battered', BigInt(acknowledged))
    expect((await item('battered')).account.version).toBe(300)
  })
})

/** One credit of 1 with an id of its own, so that a repetition after an unknown outcome is stored once. */
const emitOnce = async (id: string, n: number): Promise<boolean> => {
  const message = { subject: `customer.balance.${id}`, body: JSON.stringify(credit(1)), msg_id: `${id}-${n}` }
  return E.isRight(await publish(ledger.nc, message, 1_000)())
}

describe('a customer with an event of a schema from the future', () => {
  /** The decoder of a later program that knows schema 3, which has the same fields as schema 1 here. */
  const decodeThree: ProjectionDeps['decode'] = body =>
    decodePlain(Buffer.from(Buffer.from(body).toString().replace('"schema":3', '"schema":1')))

  it('is parked, said in health, and taken up again by a program that knows the schema; the others go on', async () => {
    const old = start()
    await ledger.emit('parked@1', credit(10))
    const future = await ledger.emit('parked@1', { schema: 3, ...credit(5) })
    await ledger.emit('parked@1', credit(1))
    await ledger.emit('not-parked', credit(3))
    await settled()
    expect(await item('parked@1')).toMatchObject({
      account: { balance: 10n },
      parked: { seq: future, schema: 3 },
    })
    expect(await balance('not-parked')).toBe(3n)
    expect(ledger.health.read()).toMatchObject({ state: 'degraded' })
    expect(JSON.stringify(ledger.health.read())).toContain('parked@1 (schema 3)')
    expect(await listParked({ ...ledger, projection: PROJECTIONS.ledger })).toMatchObject([
      { client_id: 'parked@1', seq: future, schema: 3 },
    ])
    await old.stop()

    start({ decode: decodeThree, newest_schema: 3 })
    await balanceIs('parked@1', 16n)
    await until(() => ledger.health.read().state === 'ok', { deadline_ms: 30_000, what: 'health to be ok' })
    expect(await listParked({ ...ledger, projection: PROJECTIONS.ledger })).toEqual([])
    await ledger.emit('parked@1', credit(1))
    await balanceIs('parked@1', 17n)
  })

  it('does not hold up the others, however many customers one publisher parks', async () => {
    start()
    const ids = Array.from({ length: 500 }, (_, i) => `crowd-${i}`)
    await Promise.all(ids.map(id => ledger.emit(id, { schema: 3, ...credit(5) })))
    await ledger.emit('behind-the-crowd', credit(3))
    await balanceIs('behind-the-crowd', 3n)
    expect(await listParked({ ...ledger, projection: PROJECTIONS.ledger })).toHaveLength(500)
    start({ decode: decodeThree, newest_schema: 3 })
    await until(async () => (await listParked({ ...ledger, projection: PROJECTIONS.ledger })).length === 0, {
      deadline_ms: 50_000,
      what: 'all to go on',
    })
    expect(await balance('crowd-499')).toBe(5n)
  })

  it('stays parked when the old program starts again', async () => {
    const old = start()
    await ledger.emit('parked-2', { schema: 9, ...credit(5) })
    await settled()
    await old.stop()
    start()
    await ledger.emit('parked-2', credit(1))
    await settled()
    expect(await item('parked-2')).toMatchObject({
      account: { balance: 0n, version: 0 },
      parked: { schema: 9 },
    })
    expect(ledger.health.read().state).toBe('degraded')
  })
})
