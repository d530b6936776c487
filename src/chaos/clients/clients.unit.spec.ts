/** The questions of a chaos run's clients, and their verdicts on answers. */

import { describe, expect, it } from 'vitest'
import { isSettled, remember, verdictOf } from './answers.js'
import type { CallResult } from './ask.js'
import { createCustomers } from './customers.js'
import { createMemory, createRing } from './memory.js'
import { createRandom } from './random.js'
import { nextRead } from './reads.js'
import { createWrites } from './writes.js'

const answer = (body: unknown, headers: Readonly<Record<string, string>> = {}): CallResult => ({
  tag: 'answer',
  body: JSON.stringify(body),
  headers,
})
const error = (code: string): CallResult => answer({ error: { code } }, { 'Nats-Service-Error': code })

/** A time at which nothing special happens. */
const WALL_MS = 1_800_000_000_000

const writesOf = (seed: number, count: number) => {
  const random = createRandom(seed)
  const writes = createWrites(random, createCustomers(100), `s${seed}`)
  return Array.from({ length: count }, () => writes.next(WALL_MS))
}

describe('the writes', () => {
  const made = writesOf(1, 2_000)

  it('are the same for the same seed, and others for another one', () => {
    expect(writesOf(1, 50)).toEqual(made.slice(0, 50))
    expect(writesOf(2, 50)).not.toEqual(made.slice(0, 50))
  })

  it('are of every kind, with and without an id of their own', () => {
    expect(new Set(made.map(({ question }) => question.kind))).toEqual(
      new Set([
        ...['credit', 'debit', 'transfer', 'batch', 'event', 'raw'],
        ...['hold', 'capture', 'release', 'limit', 'restrict', 'reverse'],
      ]),
    )
    for (const kind of ['credit', 'transfer', 'batch', 'event', 'raw'])
      expect(
        new Set(made.filter(({ question }) => question.kind === kind).map(one => one.is_repeatable)),
      ).toEqual(new Set([true, false]))
  })

  it('have keys that no two share', () => {
    const keys = made.flatMap(({ question }) => question.body.match(/"s1-\d+(?:\.\d+)?"/g) ?? [])
    expect(keys.length).toBeGreaterThan(made.length)
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('go straight into the stream under an id that does not last', () => {
    expect(made.filter(({ question, is_lasting }) => question.kind === 'raw' && is_lasting)).toEqual([])
  })
})

describe('the reads', () => {
  it('are of every kind once something is known', () => {
    const random = createRandom(1)
    const customers = createCustomers(3)
    const memory = createMemory()
    for (const id of ['busy-1', 'busy-2', 'c-1']) memory.learnState(id, { version: 3, seq: 9 })
    memory.ids.add('id-1')
    const asked = Array.from({ length: 500 }, () => nextRead(random, customers, memory, 1_790_000_000_000))
    expect(new Set(asked.map(({ kind }) => kind))).toEqual(
      new Set(['balance', 'strong', 'min_version', 'as_of', 'statement', 'list', 'transaction']),
    )
  })
})

describe('an answer', () => {
  it.each<[CallResult, string]>([
    [answer({ transaction_id: 'x', seq: 1 }), 'done'],
    [error('INSUFFICIENT_FUNDS'), 'done'],
    [error('UNAVAILABLE'), 'nothing'],
    [error('OUTCOME_UNKNOWN'), 'unknown'],
    [error('INTERNAL_ERROR'), 'unknown'],
    [answer({ error: { code: 503, err_code: 10_008 } }), 'unknown'],
    [answer({ results: [{ seq: 1 }, { error: { code: 'INSUFFICIENT_FUNDS' } }] }), 'done'],
    [answer({ results: [{ seq: 1 }, { error: { code: 'CONFLICT' } }] }), 'nothing'],
    [
      answer({ results: [{ error: { code: 'CONFLICT' } }, { error: { code: 'OUTCOME_UNKNOWN' } }] }),
      'unknown',
    ],
    [{ tag: 'failure', reason: 'timeout' }, 'unknown'],
    [{ tag: 'failure', reason: 'no responders' }, 'nothing'],
  ])('%j means %s', (result, verdict) => {
    expect(verdictOf(result)).toBe(verdict)
  })

  it('of customer.transaction is for good unless it says unknown', () => {
    expect([answer({ status: 'committed' }), answer({ status: 'declined' })].map(isSettled)).toEqual([
      true,
      true,
    ])
    expect([answer({ status: 'unknown' }), error('UNAVAILABLE')].map(isSettled)).toEqual([false, false])
  })

  it('tells of customers, of which the newest state is kept', () => {
    const memory = createMemory()
    const state = (client_id: string, version: number, seq: number) => ({
      client_id,
      balance: 1,
      version,
      seq,
    })
    remember(memory, answer({ from: state('a', 2, 5), to: state('b', 1, 6) }))
    remember(memory, answer({ results: [state('a', 1, 4), state('c', 1, 7)] }))
    expect(['a', 'b', 'c'].map(memory.stateOf)).toEqual([
      { version: 2, seq: 5 },
      { version: 1, seq: 6 },
      { version: 1, seq: 7 },
    ])
  })
})

it('a ring keeps the newest', () => {
  const ring = createRing<number>(3)
  for (const n of [1, 2, 3, 4]) ring.add(n)
  expect([...ring.all()].sort()).toEqual([2, 3, 4])
})
