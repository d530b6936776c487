import { describe, expect, it } from 'vitest'
import { createPlace } from './place.js'

const AT = Date.parse('2026-11-21T12:00:00.123Z')
const subject = (seq: number, delivery: number, pending: number, consumer = 'c1', deliveries = 1) =>
  `$JS.ACK.customer-balances.${consumer}.${deliveries}.${seq}.${delivery}.${AT}456789.${pending}`

const readAll = (...subjects: readonly string[]) => {
  const place = createPlace()
  return subjects.map(one => {
    const { seq, delivery, pending } = place.read(one) ? place : { seq: 0, delivery: 0, pending: 0 }
    return [seq, delivery, pending]
  })
}

/** The place after the last of the subjects. */
const placeOf = (...subjects: readonly string[]) => {
  const place = createPlace()
  for (const one of subjects) place.read(one)
  return place
}

describe('the place of a pulled message', () => {
  it('is read from one subject after the other', () => {
    expect(readAll(subject(7, 1, 120), subject(8, 2, 119), subject(1_000_010, 3, 0))).toEqual([
      [7, 1, 120],
      [8, 2, 119],
      [1_000_010, 3, 0],
    ])
  })

  it('is the same in a domain, whether the server adds a token of its own or not', () => {
    const inDomain = (tail: string) => `$JS.ACK.hub.ACCOUNT.customer-balances.c1.1.41.5.${AT}456789.17${tail}`
    expect(readAll(inDomain(''), inDomain('.x7Yz'))).toEqual([
      [41, 5, 17],
      [41, 5, 17],
    ])
    expect(placeOf(inDomain('.x7Yz'))).toMatchObject({ at_ms: AT, deliveries: 1 })
  })

  it('is found again when the subjects begin otherwise', () => {
    expect(readAll(subject(1, 1, 9), subject(20, 2, 8, 'another'))).toEqual([
      [1, 1, 9],
      [20, 2, 8],
    ])
  })

  it('is none in what is no acknowledgement subject', () => {
    expect(readAll('', '_INBOX.abc', subject(3, 1, 1), '')).toEqual([
      [0, 0, 0],
      [0, 0, 0],
      [3, 1, 1],
      [0, 0, 0],
    ])
  })

  it('has a time, and the number of deliveries', () => {
    expect(placeOf(subject(1, 1, 1))).toMatchObject({ at_ms: AT, deliveries: 1 })
    const again = placeOf(subject(1, 1, 1), subject(2, 2, 1, 'c1', 12), subject(3, 3, 7))
    expect(again).toMatchObject({ seq: 3, deliveries: 1, pending: 7 })
    expect(placeOf(subject(1, 1, 1), subject(2, 2, 1, 'c1', 12))).toMatchObject({ seq: 2, deliveries: 12 })
  })
})
