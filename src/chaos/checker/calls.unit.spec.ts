/** Tests that the lines of a history become calls with their answers. */

import { expect, it } from 'vitest'
import type { HistoryLine } from '../history.js'
import { collectCalls } from './calls.js'

const call = (op: number): HistoryLine => ({
  ...{ tag: 'call', op, at_us: op * 10, client: 1, via: 'one', kind: 'credit', subject: 'customer.credit' },
  ...{ headers: { 'Chaos-Key': 'k' }, body: '{"amount":9007199254740993}' },
})

const collect = (...lines: readonly (HistoryLine | string)[]) => {
  const collected = collectCalls()
  for (const line of lines) collected.add(typeof line === 'string' ? line : JSON.stringify(line))
  return collected.history()
}

it('a call has its answer, its failure, or no end', () => {
  const { calls, problems } = collect(
    { tag: 'begin', at_us: 0, wall_ms: 1_790_000_000_000, seed: 1 },
    ...[call(1), call(2), call(3)],
    { tag: 'failure', op: 2, at_us: 31, reason: 'timeout', message: 'late' },
    { tag: 'answer', op: 1, at_us: 32, headers: { A: 'b' }, body: '{}' },
  )
  expect(problems).toEqual([])
  expect(calls.map(({ op, at_us, end }) => [op, at_us, end])).toEqual([
    [1, 10, { tag: 'answer', at_us: 32, headers: new Map([['A', 'b']]), body: '{}' }],
    [2, 20, { tag: 'failure', at_us: 31, reason: 'timeout' }],
    [3, 30, { tag: 'none', at_us: Number.POSITIVE_INFINITY }],
  ])
  expect(calls[0]?.headers).toEqual(new Map([['Chaos-Key', 'k']]))
})

it('a line that cannot be read is a problem, and so is an answer without a call', () => {
  const { problems } = collect('{"tag":"call","op":', '{"tag":"else","at_us":1}', {
    ...{ tag: 'answer', op: 9, at_us: 1, headers: {}, body: '' },
  })
  expect(problems).toHaveLength(3)
})

it('notes of the run are kept', () => {
  expect(collect({ tag: 'note', at_us: 5, text: 'a fault began' }).notes).toEqual([
    { at_us: 5, text: 'a fault began' },
  ])
})
