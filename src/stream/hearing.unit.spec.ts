/** What the answers of leaders prove together. Times are milliseconds on one clock. */

import { describe, expect, it } from 'vitest'
import { type Hearing, hear, isConnected, type Lease, leaseOf, type Sighting } from './hearing.js'

/** An answer at a time, with the times at which the leader last heard each replica. */
type Answer = {
  readonly at: number
  readonly heard: Readonly<Record<string, number>>
  readonly leader?: string
  readonly members?: number
  readonly created?: string
}

const sighting = ({ at, heard, leader = 'n1', members = 3, created = 'then' }: Answer): Sighting => ({
  created,
  leader,
  asked_ms: at,
  answered_ms: at,
  members,
  heard_ago_ms: new Map(Object.entries(heard).map(([name, heard_ms]) => [name, at - heard_ms])),
})

/** The lease after answers that follow each other. */
const leaseAfter = (...answers: readonly Answer[]): Lease => {
  let hearing: Hearing | undefined
  let lease: Lease = { leads_until_ms: 0, alone_until_ms: 0 }
  for (const answer of answers) {
    hearing = hear(hearing, sighting(answer))
    lease = leaseOf(hearing, sighting(answer))
  }
  return lease
}
const leadsUntil = (...answers: readonly Answer[]): number => leaseAfter(...answers).leads_until_ms

const both = (at: number, heard_ms: number): Answer => ({ at, heard: { n2: heard_ms, n3: heard_ms } })

describe('a leader in a cluster', () => {
  it('proves nothing by one answer, however late it heard the replicas', () => {
    expect(leadsUntil(both(10_000, 10_000))).toBe(0)
    expect(leadsUntil(both(10_000, 9_999), both(10_100, 9_999))).toBe(0)
  })

  it('leads for as long as an election takes after the last time that it heard a majority and outlived', () => {
    expect(leadsUntil(both(10_000, 10_000), both(10_400, 10_400))).toBe(0)
    expect(leadsUntil(both(10_000, 10_000), both(10_400, 10_400), both(10_500, 10_500))).toBe(13_900)
    expect(leaseAfter(both(10_000, 9_000), both(11_000, 10_900), both(11_060, 10_900))).toEqual({
      leads_until_ms: 14_400,
      alone_until_ms: 14_400,
    })
  })

  it('needs a replica that it heard after the replies that may have been on their way', () => {
    expect(leadsUntil(both(10_000, 10_000), both(10_299, 10_299), both(10_400, 10_400))).toBe(0)
    expect(leadsUntil(both(10_000, 10_000), both(10_300, 10_300), both(10_400, 10_400))).toBe(13_800)
  })

  it('proves nothing by a reply that may have told it of its successor a moment ago', () => {
    expect(leadsUntil(both(10_000, 10_000), both(10_400, 10_400), both(10_449, 10_449))).toBe(0)
    expect(leadsUntil(both(10_000, 10_000), both(10_400, 10_400), both(10_450, 10_450))).toBe(13_900)
  })

  it('begins anew after a silence that is long enough for an election', () => {
    const led = [both(10_000, 10_000), both(10_400, 10_400), both(10_500, 10_500)]
    expect(leadsUntil(...led, both(13_600, 13_500))).toBe(14_000)
    expect(leadsUntil(...led, both(13_600, 13_501))).toBe(0)
    expect(leadsUntil(...led, both(13_600, 13_501), both(13_700, 13_501))).toBe(0)
    expect(leadsUntil(...led, both(13_600, 13_501), both(13_900, 13_900), both(14_000, 14_000))).toBe(17_400)
  })

  it('leads by a majority, and is alone only while it hears everybody', () => {
    const one = (at: number, n3: number): Answer => ({ at, heard: { n2: at, n3 } })
    expect(leaseAfter(one(10_000, 4_000), one(10_400, 4_000), one(10_500, 4_000))).toEqual({
      leads_until_ms: 13_900,
      alone_until_ms: 0,
    })
    const two = (at: number): Answer => ({ at, heard: { n2: at, n3: at }, members: 5 })
    expect(leaseAfter(two(10_000), two(10_400), two(10_500))).toEqual({
      leads_until_ms: 13_900,
      alone_until_ms: 0,
    })
    const only = (at: number): Answer => ({ at, heard: { n2: at }, members: 5 })
    expect(leadsUntil(only(10_000), only(10_400), only(10_500))).toBe(0)
  })

  it('forgets a replica that is no longer named', () => {
    const led = [both(10_000, 10_000), both(10_400, 10_400), both(10_500, 10_500)]
    expect(leadsUntil(...led, { at: 10_600, heard: {} })).toBe(0)
  })

  it('is another one when the stream was made anew', () => {
    const anew = (at: number): Answer => ({ ...both(at, at), created: 'now' })
    expect(leadsUntil(both(10_000, 10_000), both(10_400, 10_400), anew(10_500), anew(10_600))).toBe(0)
  })

  it('counts its earlier answers although another server answers as the leader in between', () => {
    const old = (at: number): Answer => ({ at, heard: { n1: 5_000, n2: 5_000 }, leader: 'n3' })
    expect(leadsUntil(both(10_000, 10_000), old(10_100), both(10_400, 10_400), both(10_500, 10_500))).toBe(
      13_900,
    )
    expect(leadsUntil(both(10_000, 10_000), both(10_400, 10_400), old(10_500))).toBe(0)
  })

  it('leads at once when it followed its predecessor a moment ago', () => {
    const led = [both(10_000, 10_000), both(10_400, 10_400), both(10_500, 10_500)]
    const next = (at: number): Answer => ({ at, heard: { n1: at, n3: at }, leader: 'n2' })
    expect(leaseAfter(...led, next(10_600))).toEqual({ leads_until_ms: 13_900, alone_until_ms: 0 })
    expect(leadsUntil(...led, next(14_100))).toBe(0)
  })
})

it('a single server leads by answering', () => {
  expect(leaseAfter({ at: 10_000, heard: {}, members: 1 })).toEqual({
    leads_until_ms: 13_500,
    alone_until_ms: 13_500,
  })
})

it('a server is connected that heard a majority of late', () => {
  const is = (heard: Readonly<Record<string, number>>, members = 3): boolean =>
    isConnected(sighting({ at: 10_000, heard, members }))
  expect(is({ n2: 6_501 })).toBe(true)
  expect(is({ n2: 6_500, n3: 1 })).toBe(false)
  expect(is({})).toBe(false)
  expect(is({ n2: 9_999, n3: 1, n4: 1 }, 5)).toBe(false)
  expect(is({}, 1)).toBe(true)
})
