/** The estimate of the stream's clock, from a proof that has its time. */

import { expect, it } from 'vitest'
import { estimateAt, overBy } from './server-clock.js'

const SERVER_MS = 1_795_773_600_000
const ANSWERED_MS = 5_000

/** A proof whose question and answer took `took_ms`. */
const proof = (took_ms: number) => ({
  server_time: new Date(SERVER_MS),
  asked_ms: ANSWERED_MS - took_ms,
  answered_ms: ANSWERED_MS,
})

it('is the time of the proof and what has passed since the middle of question and answer', () => {
  expect(estimateAt(proof(200), ANSWERED_MS + 1_000)).toEqual({ now_ms: SERVER_MS + 1_100, error_ms: 101 })
})

it('is none when it may be more than 10 s off: after a slow answer, or long after a quick one', () => {
  expect(estimateAt(proof(20_000), ANSWERED_MS)).toMatchObject({ error_ms: 10_000 })
  expect(estimateAt(proof(20_001), ANSWERED_MS)).toBeUndefined()
  expect(estimateAt(proof(0), ANSWERED_MS + 10_000_000)).toMatchObject({ error_ms: 10_000 })
  expect(estimateAt(proof(0), ANSWERED_MS + 10_000_001)).toBeUndefined()
})

it('says of a time that it is over only when it is, however far the estimate is off', () => {
  const estimate = estimateAt(proof(200), ANSWERED_MS)
  // the server had its time as soon as the question came, or as late as the answer went
  expect(estimate && overBy(estimate)).toEqual(new Date(SERVER_MS))
})
