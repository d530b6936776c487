/** The ids of all events, followed on a real stream: certain only by a proof, and complete across lives and restarts. */

import { nanos } from 'nats'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { codeOf, coordinatorRoom, movement } from '../../../test/support/coordinators.js'
import { withoutProof } from '../../../test/support/fate.js'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { dieWithout } from '../../../test/support/part-of-batch.js'
import { until } from '../../../test/support/servers.js'
import { leadershipOf } from '../../stream/leadership.js'
import { publishBatch } from '../../stream/publish.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import { followKnownIds, type RunningKnownIds } from './known-ids.js'

let ledger: TestLedger
let followers: RunningKnownIds[]
const coordinators = coordinatorRoom()

beforeEach(async () => {
  ledger = await startTestLedger()
  followers = []
})
afterEach(async () => {
  await coordinators.stopAll()
  for (const follower of followers) await follower.stop()
  await ledger.stop()
})

const follow = (deps: TestLedger = ledger): RunningKnownIds => {
  const known = followKnownIds(deps)
  followers.push(known)
  return known
}

const emit = (id: string): Promise<number> =>
  ledger.emit(`c${id.length}`, { type: 'credit', amount: 1, transaction_id: id })

const reachesEnd = (known: RunningKnownIds): Promise<unknown> =>
  until(() => known.reachEnd(1_000), { deadline_ms: 30_000, what: 'the ids to be followed to the end' })

describe('the known ids', () => {
  it('are those of all events, also of those that were stored before the start and by others', async () => {
    const seq = await emit('early')
    const known = follow()
    await reachesEnd(known)
    expect([known.mayHave('early'), known.seqOf('early'), known.mayHave('late')]).toEqual([true, seq, false])
    const late_seq = await emit('late')
    await until(async () => known.seqOf('late') !== undefined, { deadline_ms: 5_000, what: 'the new event' })
    expect([known.mayHave('late'), known.seqOf('late'), known.exactAfter()]).toEqual([true, late_seq, 0])
  })

  it('are read in pages where there are many, and none is left out', async () => {
    for (let batch = 0; batch < 4; batch += 1) {
      const messages = Array.from({ length: 1_000 }, (_, i) => ({
        subject: `customer.balance.c${i % 50}`,
        body: JSON.stringify({ type: 'credit', amount: 1, transaction_id: `b${batch}-${i}` }),
      }))
      await right(publishBatch(ledger.nc, messages, 10_000))
    }
    const known = follow()
    await reachesEnd(known)
    const missing = []
    for (let batch = 0; batch < 4; batch += 1) {
      for (let i = 0; i < 1_000; i += 1) {
        if (known.seqOf(`b${batch}-${i}`) !== batch * 1_000 + i + 1) missing.push(`b${batch}-${i}`)
      }
    }
    expect(missing).toEqual([])
  })

  it('that come faster than single requests bring them are followed by several at once, and none is left out', async () => {
    await emit('first')
    const known = follow()
    await reachesEnd(known)
    const BATCHES = 6
    const batchOf = (batch: number) =>
      Array.from({ length: 1_000 }, (_, i) => ({
        subject: `customer.balance.c${i % 50}`,
        body: JSON.stringify({ type: 'credit', amount: 1, transaction_id: `f${batch}-${i}` }),
      }))
    await Promise.all(
      Array.from({ length: BATCHES }, (_, batch) => right(publishBatch(ledger.nc, batchOf(batch), 10_000))),
    )
    const { last_seq } = await right(leadershipOf(ledger.nc).prove())
    const { seq = 0, lag_events = 0 } = known.lag() ?? {}
    expect(seq + lag_events).toBe(last_seq)
    await reachesEnd(known)
    expect(known.lag()).toEqual({ seq: last_seq, lag_events: 0, lag_ms: 0 })
    const seqs = new Set<number | undefined>()
    for (let batch = 0; batch < BATCHES; batch += 1)
      for (let i = 0; i < 1_000; i += 1) seqs.add(known.seqOf(`f${batch}-${i}`))
    expect([seqs.size, seqs.has(undefined), Math.max(...[...seqs].map(each => each ?? 0))]).toEqual([
      BATCHES * 1_000,
      false,
      last_seq,
    ])
  })

  it('may have any id while no server proves where the stream ends', async () => {
    await emit('one')
    const known = follow(withoutProof(ledger))
    expect(await known.reachEnd(100)).toBe(false)
    expect([known.mayHave('never'), known.exactAfter(), known.lag()]).toEqual([true, undefined, undefined])
  })

  it('may have any id when the last proof is older than half of the duplicate window', async () => {
    const window_ms = 400
    await ledger.jsm.streams.update(LEDGER_STREAM, { duplicate_window: nanos(window_ms) })
    await emit('one')
    const known = follow()
    await reachesEnd(known)
    expect(known.mayHave('never')).toBe(false)
    // asking is what brings the next proof, so nobody asks meanwhile
    const asked_ms = performance.now()
    await until(async () => performance.now() - asked_ms > window_ms, {
      deadline_ms: 5_000,
      what: 'half a window',
    })
    expect(known.mayHave('never')).toBe(true)
  })

  it('of another stream are not mixed with those of the one before', async () => {
    await emit('old')
    const known = follow()
    await reachesEnd(known)
    const { config } = await ledger.jsm.streams.info(LEDGER_STREAM)
    await ledger.jsm.streams.delete(LEDGER_STREAM)
    await ledger.jsm.streams.add(config)
    await emit('new')
    await reachesEnd(known)
    expect([known.mayHave('old'), known.seqOf('new')]).toEqual([false, 1])
  })

  it('of a stream that was set back are those of the events that it has now', async () => {
    await emit('kept')
    const known = follow()
    await reachesEnd(known)
    await dieWithout(ledger.servers.nats, ledger.nc, async () => {
      await emit('lost-1')
      await emit('lost-2')
      await until(() => known.seqOf('lost-2'), { deadline_ms: 5_000, what: 'the events to be followed' })
    })
    const others = []
    for (const id of ['other-1', 'other-2', 'other-3'])
      others.push(
        await until(() => emit(id), { deadline_ms: 30_000, what: 'an event of the restored stream' }),
      )
    expect(others).toEqual([2, 3, 4])
    await reachesEnd(known)
    expect(['other-1', 'other-2', 'other-3', 'kept'].map(id => known.mayHave(id))).toEqual(
      Array(4).fill(true),
    )
    expect([known.seqOf('other-1'), known.mayHave('lost-1')]).toEqual([2, false])
  })

  it('make accounts and answers in memory be forgotten that were made of events which the stream lost', async () => {
    await ledger.emit('poor', { type: 'credit', amount: 100 })
    const known = follow()
    await reachesEnd(known)
    const coordinator = coordinators.start(ledger, { mayHave: known.mayHave })
    await dieWithout(ledger.servers.nats, ledger.nc, async () => {
      expect(codeOf(await coordinator.submit(movement('credit', 'poor', 50, 'lost'), true))).toBe('done')
      await until(() => known.seqOf('lost'), { deadline_ms: 5_000, what: 'the event to be followed' })
    })
    const credit = () => ledger.emit('poor', { type: 'credit', amount: 1, transaction_id: 'other' })
    // it has the place of the lost event, so the stream does not refuse what is decided for that one
    expect(await until(credit, { deadline_ms: 30_000, what: 'the server to take events' })).toBe(2)
    await until(() => known.seqOf('other'), { deadline_ms: 30_000, what: 'the ids to begin anew' })
    expect(codeOf(await coordinator.submit(movement('debit', 'poor', 120), false))).toBe('INSUFFICIENT_FUNDS')
    expect(await coordinator.submit(movement('credit', 'poor', 50, 'lost'), true)).toMatchObject({
      tag: 'done',
      replayed: false,
    })
  })
})
