/** The control of admission, against a stream and projections that are played (testing/play.ts). */

import { describe, expect, it } from 'vitest'
import { createControl, FOLLOWER } from './control.js'
import { boundsOf } from './pace.js'
import { type Played, play, type Second } from './testing/play.js'

const between = (lines: readonly Second[], from_s: number, to_s: number): readonly Second[] =>
  lines.filter(({ s }) => s > from_s && s <= to_s)
const ratePerS = (lines: readonly Second[]): number =>
  lines.reduce((sum, { admitted }) => sum + admitted, 0) / lines.length
const refusedIn = (lines: readonly Second[]): number =>
  lines.reduce((sum, { offered, admitted }) => sum + offered - admitted, 0)
const lagsIn = (lines: readonly Second[]): number[] => lines.map(({ lag_s }) => lag_s)

const steady = (takes_per_s: number, every_ms = 300): Played => ({ takes_per_s: () => takes_per_s, every_ms })

/** From `from_s` to `to_s` the lag is within 20 % of the bound, and what is admitted within 10 % of `rate`. */
const expectSettled = (
  lines: readonly Second[],
  from_s: number,
  to_s: number,
  bound_s: number,
  rate: number,
): void => {
  const settled = between(lines, from_s, to_s)
  for (const lag_s of lagsIn(settled)) {
    expect(lag_s).toBeGreaterThan(bound_s * 0.8)
    expect(lag_s).toBeLessThan(bound_s * 1.2)
  }
  expect(ratePerS(settled) / rate).toBeGreaterThan(0.9)
  expect(ratePerS(settled) / rate).toBeLessThan(1.1)
}

describe('a load that projections cannot take', () => {
  it.each([
    ['twice what they take', 2, 300],
    ['ten times what they take', 10, 300],
    ['twice, with acknowledgements in leaps of two seconds', 2, 2_000],
    ['ten times, with acknowledgements in leaps of two seconds', 10, 2_000],
  ])('settles at the bound: %s', (_, times, every_ms) => {
    const lines = play({
      seconds: 360,
      offered_per_s: s => (s < 240 ? 200 * times : 60),
      projections: [steady(200, every_ms)],
    })
    expectSettled(lines, 90, 240, 30, 200)
    expect(Math.max(...lagsIn(lines))).toBeLessThan(38)
    // back to rest: what is offered now is less than the projections take
    expect(refusedIn(between(lines, 300, 360))).toBe(0)
  })

  it.each([1, 2, 5, 120])('settles at a bound of %s s', bound_s => {
    const lines = play({
      bound_s,
      seconds: bound_s * 10 + 60,
      offered_per_s: () => 500,
      projections: [steady(200, 100)],
    })
    expectSettled(lines, bound_s * 4 + 20, bound_s * 10 + 60, bound_s, 200)
  })
})

it('refuses nothing below half of the bound: neither a steady load nor a burst that is soon handled', () => {
  const lines = play({
    seconds: 120,
    // 2,500 at once are handled in 12 s
    offered_per_s: s => (s >= 60 && s < 61 ? 2_500 : 180),
    projections: [steady(400, 1_000)],
  })
  expect(refusedIn(lines)).toBe(0)
})

it.each([0, 50, 200, 1_000])(
  'refuses nothing when projections all but stop for four seconds: %i of 4,300 events/s',
  slow_per_s => {
    for (const every_ms of [100, 300, 700]) {
      const takes_per_s = (s: number): number => (s >= 60 && s < 64 ? slow_per_s : 9_000)
      const lines = play({
        seconds: 120,
        offered_per_s: () => 4_300,
        projections: [{ takes_per_s, every_ms }],
      })
      expect(refusedIn(lines)).toBe(0)
    }
  },
)

it('lets instances share what there is, also with one of two events a command and beside publishers that it cannot slow', () => {
  const three = play({ seconds: 240, offered_per_s: () => 1_000, projections: [steady(200)], instances: 3 })
  expectSettled(three, 120, 240, 30, 200)
  const transfers = play({
    seconds: 240,
    offered_per_s: () => 1_000,
    projections: [steady(200)],
    events_per_command: 2,
  })
  expectSettled(transfers, 120, 240, 30, 100)
  const beside = play({
    seconds: 240,
    offered_per_s: () => 1_000,
    projections: [steady(200)],
    raw_per_s: () => 100,
  })
  expectSettled(beside, 120, 240, 30, 100)
})

it('soon takes commands again after a flood by others, though what they left takes minutes', () => {
  const lines = play({
    seconds: 300,
    offered_per_s: () => 50,
    projections: [steady(1_000)],
    raw_per_s: s => (s >= 30 && s < 50 ? 10_000 : 0),
  })
  // what is stored takes longer than the bound all the time
  expect(Math.min(...between(lines, 40, 50).map(({ admitted }) => admitted))).toBeGreaterThan(20)
  expect(Math.min(...lagsIn(between(lines, 60, 120)))).toBeGreaterThan(25)
  expect(refusedIn(between(lines, 60, 300))).toBe(0)
})

it('never refuses everything, even if others publish more than the projections take', () => {
  const lines = play({
    seconds: 300,
    offered_per_s: () => 500,
    projections: [steady(200)],
    raw_per_s: () => 400,
  })
  for (const { admitted } of between(lines, 120, 300)) expect(admitted).toBeGreaterThan(3)
})

it('follows a capacity that drops to a tenth, goes on taking commands, and comes back', () => {
  const lines = play({
    seconds: 900,
    offered_per_s: s => (s < 800 ? 400 : 50),
    projections: [{ takes_per_s: s => (s >= 120 && s < 240 ? 20 : 200) }],
  })
  expectSettled(lines, 90, 119, 30, 200)
  // what is stored already takes ten times as long: half of the new capacity is admitted while that shrinks
  const slow = between(lines, 150, 239)
  expect(ratePerS(slow) / 20).toBeGreaterThan(0.4)
  expect(ratePerS(slow) / 20).toBeLessThan(1.1)
  for (const { admitted } of slow) expect(admitted).toBeGreaterThan(0)
  expectSettled(lines, 400, 800, 30, 200)
  expect(refusedIn(between(lines, 860, 900))).toBe(0)
})

it('follows the slowest of several projections', () => {
  const lines = play({
    seconds: 240,
    offered_per_s: () => 1_000,
    projections: [steady(900), steady(150, 1_000), steady(2_000)],
  })
  expectSettled(lines, 120, 240, 30, 150)
})

it('keeps its limit while a slow projection makes no progress for a while: it opens no flood gate', () => {
  const lines = play({
    seconds: 240,
    offered_per_s: () => 2_000,
    projections: [{ takes_per_s: s => (s >= 120 && s < 145 ? 0 : 200) }],
  })
  for (const { admitted } of between(lines, 60, 145)) expect(admitted).toBeLessThan(300)
  expectSettled(lines, 200, 240, 30, 200)
})

it('lets a table that has gone away for good be no reason to refuse, also if commands were slowed before', () => {
  const lines = play({
    seconds: 240,
    offered_per_s: () => 400,
    projections: [{ takes_per_s: s => (s >= 120 ? 0 : 200) }],
  })
  expect(refusedIn(between(lines, 100, 120))).toBeGreaterThan(0)
  expect(refusedIn(between(lines, 155, 240))).toBe(0)
})

describe('what slows nobody', () => {
  it('a projection whose table is away for minutes', () => {
    const lines = play({
      seconds: 400,
      offered_per_s: () => 150,
      projections: [{ takes_per_s: s => (s >= 60 && s < 240 ? 0 : 400) }, steady(400)],
    })
    expect(refusedIn(between(lines, 0, 240))).toBe(0)
    // it catches up with what came meanwhile, and what comes now is less than it takes
    expect(refusedIn(between(lines, 240, 400))).toBe(0)
  })

  it('a projection that folds the whole history, because it is new', () => {
    const lines = play({
      seconds: 400,
      offered_per_s: () => 150,
      projections: [steady(400), { ...steady(160), from_s: 200 }],
    })
    expect(refusedIn(lines)).toBe(0)
  })

  it('a projection that is a long way behind when it is first seen', () => {
    const control = createControl(boundsOf(30_000))
    for (let at_ms = 0; at_ms < 60_000; at_ms += 1_000) {
      control.note(new Map([['p', { seq: 1 + at_ms, lag_events: 1e6 - at_ms, lag_ms: 86_400_000 }]]), at_ms)
      expect(control.admit(1_000, at_ms)).toBe(true)
    }
  })

  it('a lag that cannot be asked for, though the last one was high', () => {
    const lines = play({
      seconds: 150,
      offered_per_s: () => 400,
      projections: [steady(200)],
      mayAsk: s => s < 90 || s >= 120,
    })
    expect(refusedIn(between(lines, 80, 90))).toBeGreaterThan(0)
    expect(refusedIn(between(lines, 102, 120))).toBe(0)
    expect(refusedIn(between(lines, 130, 150))).toBeGreaterThan(0)
  })

  it('a table that is emptied and folded again from the beginning', () => {
    const control = createControl(boundsOf(30_000))
    const note = (at_ms: number, seq: number): void =>
      control.note(new Map([['p', { seq, lag_events: 1_000_000 - seq, lag_ms: 20_000 }]]), at_ms)
    for (let at_ms = 0; at_ms < 10_000; at_ms += 1_000) note(at_ms, 900_000 + at_ms)
    expect(control.limit(10_000)).toBeDefined()
    for (let at_ms = 10_000; at_ms < 20_000; at_ms += 1_000) note(at_ms, at_ms)
    expect(control.limit(20_000)).toBeUndefined()
  })
})

it('takes a request of many commands as a whole, and lets those after it wait for that', () => {
  const control = createControl(boundsOf(30_000))
  for (let at_ms = 0; at_ms <= 20_000; at_ms += 10) {
    control.admit(1, at_ms)
    if (at_ms % 1_000 !== 0) continue
    control.note(new Map([['p', { seq: 1 + at_ms / 10, lag_events: 2_700, lag_ms: 20_000 }]]), at_ms)
  }
  const { commands_per_s = 0 } = control.limit(20_000) ?? {}
  expect(commands_per_s).toBeGreaterThan(50)
  expect(commands_per_s).toBeLessThan(150)
  expect(control.admit(1_000, 24_000)).toBe(true)
  expect(control.limit(24_000)).toBeDefined()
  expect(control.admit(1, 24_000)).toBe(false)
})

it('keeps what this instance follows in memory within 10 s, whatever the bound of the projections', () => {
  const control = createControl(boundsOf(300_000))
  let [behind, admitted] = [0, 0]
  // it takes 100 events in a second, and 300 commands are offered
  for (let at_ms = 100; at_ms <= 120_000; at_ms += 100) {
    for (let offered = 0; offered < 30; offered += 1) {
      if (!control.admit(1, at_ms)) continue
      admitted += 1
      behind += 1
    }
    behind = Math.max(0, behind - 10)
    if (at_ms % 1_000 !== 0) continue
    const lag = { seq: 1 + admitted - behind, lag_events: behind, lag_ms: behind * 10 }
    control.note(new Map([[FOLLOWER, lag]]), at_ms)
    if (at_ms > 60_000) expect(behind / 100).toBeLessThan(12)
  }
  expect(control.limit(120_000)).toMatchObject({ consumer: FOLLOWER, bound_ms: 10_000 })
  expect(admitted / 12_000).toBeGreaterThan(0.9)
})
