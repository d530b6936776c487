/** Parked customers go on after a decision, and all folds of the program come to the same result. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { findDeadLetter } from '../src/dead-letters/letters.js'
import { skipParked } from '../src/dead-letters/skip-parked.js'
import { eventSubject } from '../src/ledger/account-id.js'
import { type Customer, NEW_CUSTOMER, step } from '../src/ledger/fold.js'
import type { Skip } from '../src/ledger/skip.js'
import { clientId, placeAt } from '../src/ledger/testing/arbitrary.js'
import { decodePlain } from '../src/ledger/testing/plain.js'
import { PROJECTIONS } from '../src/projections/definitions/ledger.js'
import { listParked } from '../src/projections/parked.js'
import { replay } from '../src/projections/rebuild/rebuild.js'
import { wholeRandomFrom } from '../src/random.js'
import { FROM_THE_BEGINNING, foldSubject } from '../src/stream/fold-subject.js'
import { readRange } from '../src/stream/read.js'
import type { Recorded } from '../src/stream/recorded.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import { readHeads } from '../src/tables/heads.js'
import { type ProjectedLedger, startProjectedLedger } from '../src/verify/testing/projected.js'
import { coordinatorRoom, movement } from './support/coordinators.js'
import { left, right } from './support/ledger.js'
import { until } from './support/servers.js'

let ledger: ProjectedLedger
const room = coordinatorRoom()

beforeAll(async () => {
  ledger = await startProjectedLedger()
  await ledger.projectAll()
})
afterAll(async () => {
  await room.stopAll()
  await ledger.stop()
})

const FUTURE = { schema: 99, type: 'unknown' }
const credit = (amount: number) => ({ type: 'credit', amount })
const debit = (amount: number) => ({ type: 'debit', amount })
const skip = (seq: number) => ({ schema: 2, type: 'skip', seq, reason: 'nobody knows it', by: 'ann' })

const balanceOf = async (id: string): Promise<Customer | undefined> =>
  (await right(readHeads(ledger.tables, ledger.table_name, [clientId(id)]))).get(clientId(id))

const parkedIds = async (): Promise<string[]> =>
  (await listParked({ ...ledger, projection: PROJECTIONS.ledger })).map(({ client_id }) => client_id)

const goesOn = (id: string): Promise<true> =>
  until(async () => !(await parkedIds()).includes(id), { deadline_ms: 30_000, what: `${id} to go on` })

const folded = async (id: string, to_seq = Number.POSITIVE_INFINITY): Promise<Customer> =>
  (await right(foldSubject(ledger, clientId(id), FROM_THE_BEGINNING, { to_seq, events_max: 1e6 }))).customer

const rebuild = () =>
  replay(ledger, PROJECTIONS.ledger, {
    keep: false,
    checkpoint_ms: 1,
    onProgress: () => undefined,
    signal: new AbortController().signal,
  })

it('a parked customer goes on without the event about which somebody decides, as if it had never been', async () => {
  await ledger.emit('one', credit(10))
  const seq = await ledger.emit('one', FUTURE)
  await ledger.emit('one', credit(5))
  const refused = await ledger.emit('one', debit(100))
  await ledger.emit('one', debit(3))
  await ledger.caughtUp()
  expect(await balanceOf('one')).toMatchObject({ account: { balance: 10n }, parked: { seq } })
  const coordinator = room.start(ledger)
  expect(await coordinator.submit(movement('credit', 'one', 1, 'one-1'), true)).toMatchObject({
    code: 'UNAVAILABLE',
  })

  for (const wrong of [seq + 1, refused, 999_999]) {
    const decision = { seq: wrong, reason: 'wrong', by: 'ann' }
    expect(await left(skipParked(ledger.nc, decision))).toMatchObject({ tag: 'Refused' })
  }
  const decision = { seq, reason: 'nobody knows it', by: 'ann' }
  const decided = await right(skipParked(ledger.nc, decision))
  expect(decided).toMatchObject({ client_id: 'one', seq, is_repeated: false })
  expect(await right(skipParked(ledger.nc, decision))).toEqual({ ...decided, is_repeated: true })
  await goesOn('one')
  await ledger.caughtUp()
  expect(await balanceOf('one')).toMatchObject({ account: { balance: 12n, version: 3 } })
  expect((await balanceOf('one'))?.parked).toBeUndefined()
  expect(await right(findDeadLetter(ledger.nc, seq))).toMatchObject({
    reason: 'SKIPPED',
    detail: 'schema 99, by ann: nobody knows it',
  })
  expect(await right(findDeadLetter(ledger.nc, refused))).toMatchObject({ reason: 'INSUFFICIENT_FUNDS' })
  expect(await right(findDeadLetter(ledger.nc, decided.decision_seq))).toBeUndefined()
  expect(await coordinator.submit(movement('credit', 'one', 1, 'one-2'), true)).toMatchObject({ tag: 'done' })
  expect((await folded('one', seq + 1)).account).toMatchObject({ balance: 15n })
  await ledger.caughtUp()
  expect((await ledger.check()).differences).toEqual([])
})

it('of several parked events each wants its decision, one after the other', async () => {
  const first = await ledger.emit('two', FUTURE)
  await ledger.emit('two', credit(1))
  const second = await ledger.emit('two', { ...FUTURE, schema: 3 })
  await ledger.emit('two', credit(2))
  const decide = (seq: number) => skipParked(ledger.nc, { seq, reason: 'r', by: 'b' })
  expect((await left(decide(second))).message).toContain(`waits at the event at sequence ${first}`)
  await right(decide(first))
  await until(async () => (await balanceOf('two'))?.parked?.seq === second, {
    deadline_ms: 30_000,
    what: 'the customer to wait at its second event',
  })
  expect((await balanceOf('two'))?.account).toMatchObject({ balance: 1n })
  await right(decide(second))
  await goesOn('two')
  expect((await balanceOf('two'))?.account).toMatchObject({ balance: 3n, version: 2 })
})

it('a decision about an event at which nobody waits is a dead letter, and changes nothing', async () => {
  const seq = await ledger.emit('three', credit(1))
  const about_credit = await ledger.emit('three', skip(seq))
  const about_later = await ledger.emit('three', skip(about_credit + 100))
  const of_another = await ledger.emit('three', skip(1))
  const old = await ledger.emit('three', { ...skip(seq), schema: 1 })
  await ledger.emit('three', credit(1))
  await ledger.caughtUp()
  expect((await balanceOf('three'))?.account).toMatchObject({ balance: 2n, version: 2 })
  for (const each of [about_credit, about_later, of_another, old])
    expect(await right(findDeadLetter(ledger.nc, each))).toMatchObject({ reason: 'MALFORMED' })
})

it('a decision that comes while nobody projects is followed when somebody does', async () => {
  await ledger.stopProjecting()
  const seq = await ledger.emit('four', FUTURE)
  await ledger.emit('four', credit(4))
  await ledger.projectAll()
  await ledger.stopProjecting()
  await right(skipParked(ledger.nc, { seq, reason: 'r', by: 'b' }))
  await ledger.projectAll()
  await goesOn('four')
  expect((await balanceOf('four'))?.account).toMatchObject({ balance: 4n, version: 1 })
})

/** Folds every event of a subject with the ledger's own rules and all decisions. */
const expected = async (id: string): Promise<Customer> => {
  const records: Recorded[] = []
  const range = { stream: LEDGER_STREAM, subject: eventSubject(clientId(id)), from_seq: 1, to_seq: 1e9 }
  for await (const record of readRange(ledger.nc, range)) records.push(record)
  const skips = new Map<number, Skip>()
  for (const { seq, body } of records) {
    const decoded = decodePlain(body)
    if (decoded.tag === 'skip' && decoded.skip.seq < seq) skips.set(decoded.skip.seq, decoded.skip)
  }
  const left_over = records.filter(({ seq, body }) => !(skips.has(seq) && decodePlain(body).tag === 'future'))
  return left_over.reduce((customer, { seq, body }) => {
    const next = step(customer, placeAt(seq), decodePlain(body))
    return next.tag === 'applied' || next.tag === 'parked' ? next.customer : customer
  }, NEW_CUSTOMER)
}

/** Gives the same histories in every run. */
const random = wholeRandomFrom(4_711)

const randomEvent = (waiting: readonly number[]): object | string => {
  const kind = random(10)
  if (kind < 4) return credit(1 + random(9))
  if (kind < 6) return debit(1 + random(9))
  if (kind === 6) return 'junk'
  if (kind === 7) return { ...FUTURE, schema: 3 + random(2) }
  return skip(waiting[random(Math.max(waiting.length, 1))] ?? 1 + random(50))
}

it('any history with decisions is the fold of the stream without the events that are passed over', async () => {
  const ids = Array.from({ length: 12 }, (_, i) => `any-${i}`)
  const waiting = new Map<string, number[]>(ids.map(id => [id, []]))
  for (let i = 0; i < 240; i += 1) {
    const id = ids[random(ids.length)] ?? ''
    const event = randomEvent(waiting.get(id) ?? [])
    const seq = await ledger.emit(id, event)
    if (typeof event === 'object' && 'schema' in event && !('seq' in event)) waiting.get(id)?.push(seq)
  }
  await ledger.caughtUp()
  const agree = async (): Promise<boolean> => {
    for (const id of ids) {
      const [is, should_be] = [await balanceOf(id), await expected(id)]
      if (is?.account.balance !== should_be.account.balance || is.parked?.seq !== should_be.parked?.seq)
        return false
    }
    return true
  }
  await until(agree, { deadline_ms: 30_000, what: 'every balance to be as it should' })
  for (const id of ids) expect(await folded(id)).toEqual(await expected(id))
  expect((await ledger.check()).differences).toEqual([])
  await rebuild()
  expect((await ledger.check()).differences).toEqual([])
})
