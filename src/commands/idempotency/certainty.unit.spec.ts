/** When the set of known ids may say that an id is new. */

import { expect, it } from 'vitest'
import type { Proof } from '../../stream/leadership.js'
import { createCertainty } from './certainty.js'

const WINDOW_MS = 120_000

const proof = (last_seq: number, asked_ms: number): Proof => ({
  created: 'then',
  last_seq,
  first_seq: 1,
  messages: last_seq,
  leader: 'n1',
  asked_ms,
  answered_ms: asked_ms + 1,
  server_time: new Date(0),
  duplicate_window_ms: WINDOW_MS,
  leads_until_ms: asked_ms + 3_500,
  alone_until_ms: asked_ms + 3_500,
})

const at = (start: number) => {
  let position = start
  const certainty = createCertainty(() => position)
  return {
    ...certainty,
    goTo: (seq: number): void => {
      position = seq
      certainty.reached()
    },
  }
}

it('is never certain without a proof', () => {
  expect(at(100).isAt(0)).toBe(false)
})

it('lasts for half of the duplicate window after the question whose proof it has reached', () => {
  const one = at(5)
  one.proved(proof(5, 1_000))
  expect([one.isAt(1_000 + WINDOW_MS / 2 - 1), one.isAt(1_000 + WINDOW_MS / 2)]).toEqual([true, false])
})

it('begins when the end of a proof is reached, and counts from its question', () => {
  const one = at(5)
  one.proved(proof(9, 1_000))
  one.goTo(8)
  expect(one.isAt(1_001)).toBe(false)
  one.goTo(9)
  expect([one.isAt(1_001), one.isAt(1_000 + WINDOW_MS / 2)]).toEqual([true, false])
})

it('is not made younger by proofs that are ahead of the place', () => {
  const one = at(5)
  one.proved(proof(5, 0))
  one.proved(proof(9, 50_000))
  one.proved(proof(12, 59_000))
  expect(one.isAt(60_000)).toBe(false)
  one.goTo(9)
  expect([one.isAt(109_999), one.isAt(110_000)]).toEqual([true, false])
})

it('takes the newest proof, whatever the order in which the answers come', () => {
  const one = at(5)
  one.proved(proof(5, 20_000))
  one.proved(proof(4, 10_000))
  expect(one.isAt(20_000 + WINDOW_MS / 2 - 1)).toBe(true)
})

it('ends when the stream is another one', () => {
  const one = at(5)
  one.proved(proof(5, 1_000))
  one.restart()
  expect([one.isAt(1_001), one.awaited()]).toEqual([false, undefined])
})
