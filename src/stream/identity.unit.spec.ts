import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import {
  compareOrigin,
  decodeOrigin,
  describeFinding,
  isOneStream,
  type Observed,
  type Origin,
  pointOf,
} from './identity.js'

const at = new Date('2026-01-01T00:00:00.123Z')
const point = (seq: number, body = `event ${seq}`) =>
  pointOf({ seq, subject: 'customer.balance.a', body: new TextEncoder().encode(body), at })

const noted: Origin = { created: '2026-01-01T00:00:00.1Z', missing: 0, first: point(1), newest: point(9) }
const observed: Observed = {
  created: noted.created,
  last_seq: 12,
  missing: 0,
  first: point(1),
  newest: point(9),
}
const MADE_ANEW = '2026-02-02T00:00:00Z'

describe('a stream and what was noted of it', () => {
  it('are the same when both events are there, however far the stream went on', () => {
    expect(compareOrigin(noted, observed)).toEqual({ tag: 'same' })
    expect(compareOrigin({ created: noted.created, missing: 0 }, observed)).toEqual({ tag: 'same' })
  })

  it('are the same when clients rounded a time differently', () => {
    const { first, newest } = observed
    if (first === undefined || newest === undefined) throw new Error('both are set above')
    const rounded = { ...observed, first: { ...first, at_ms: first.at_ms - 1 } }
    expect(compareOrigin(noted, rounded)).toEqual({ tag: 'same' })
  })

  it.each<[string, Partial<Observed>, object]>([
    ['is another one', { created: MADE_ANEW, first: point(1, 'other') }, { tag: 'another' }],
    ['is another one while it is empty', { created: MADE_ANEW, first: undefined }, { tag: 'another' }],
    ['was restored whole', { created: MADE_ANEW }, { tag: 'restored' }],
    ['was restored older', { created: MADE_ANEW, last_seq: 8, newest: undefined }, { tag: 'shorter' }],
    ['lost its tail', { last_seq: 8, newest: undefined }, { tag: 'shorter', last_seq: 8, noted_seq: 9 }],
    ['lost its tail and went on', { newest: point(9, 'other') }, { tag: 'changed', seq: 9 }],
    ['begins with another event', { first: point(1, 'other') }, { tag: 'changed', seq: 1 }],
    ['lost its first event', { first: undefined, missing: 1 }, { tag: 'changed', seq: 1 }],
    ['has a hole', { missing: 2 }, { tag: 'hole', missing: 2 }],
  ])('differ when the stream %s', (_, change, finding) => {
    const found = compareOrigin(noted, { ...observed, ...change })
    expect(found).toMatchObject(finding)
    expect(describeFinding(found)).toContain('customer-balances')
  })

  it('are the same when its group of servers tells another time, and not when another group does', () => {
    const grouped = { ...noted, raft_group: 'S-R3F-a' }
    const later = { ...observed, created: MADE_ANEW, raft_group: 'S-R3F-a' }
    expect(compareOrigin(grouped, later)).toEqual({ tag: 'same' })
    expect(compareOrigin(grouped, { ...later, newest: point(9, 'other') })).toMatchObject({ tag: 'changed' })
    expect(compareOrigin(grouped, { ...later, raft_group: 'S-R3F-b' })).toMatchObject({ tag: 'restored' })
    expect(compareOrigin(noted, later)).toMatchObject({ tag: 'restored' })
    const { created, missing, raft_group } = grouped
    expect(compareOrigin({ created, missing, raft_group }, later)).toEqual({ tag: 'same' })
    expect(isOneStream({ created, missing, raft_group }, { ...later, missing })).toBe(true)
    expect(decodeOrigin(JSON.parse(JSON.stringify(grouped)))).toEqual(E.right(grouped))
  })

  it('are compared by the newest event where the first one was noted before there was one', () => {
    const { created, missing, newest } = noted
    const early = { created, missing, newest }
    const anew = { ...observed, created: MADE_ANEW }
    expect(compareOrigin(early, anew)).toMatchObject({ tag: 'restored' })
    expect(compareOrigin(early, { ...anew, newest: point(9, 'other') })).toMatchObject({ tag: 'another' })
    expect(compareOrigin({ created, missing }, anew)).toMatchObject({ tag: 'another' })
  })

  it('are the same when a hole was noted too', () => {
    expect(compareOrigin({ ...noted, missing: 2 }, { ...observed, missing: 2 })).toEqual({ tag: 'same' })
  })

  it('differ when the same event was stored at another time', () => {
    const later = pointOf({
      seq: 9,
      subject: 'customer.balance.a',
      body: new TextEncoder().encode('event 9'),
      at: new Date(at.getTime() + 60_000),
    })
    expect(compareOrigin(noted, { ...observed, newest: later })).toEqual({ tag: 'changed', seq: 9 })
  })

  it('are one stream by its time, which may be written in two ways, or else by its first event', () => {
    const other = { created: noted.created, missing: 0, first: point(1, 'other') }
    expect(isOneStream(noted, { ...other, created: '2026-01-01T00:00:00.100Z' })).toBe(true)
    expect(isOneStream(noted, { ...other, created: MADE_ANEW })).toBe(false)
    expect(isOneStream(noted, { ...noted, created: MADE_ANEW })).toBe(true)
  })

  it('are compared as well after the note was written as JSON, and what is no note is refused', () => {
    expect(decodeOrigin(JSON.parse(JSON.stringify(noted)))).toEqual(E.right(noted))
    for (const other of ['x', null, {}, { ...noted, newest: { seq: '9' } }, { ...noted, created: 5 }]) {
      expect(E.isLeft(decodeOrigin(other))).toBe(true)
    }
  })
})
