/** What `jetledger status --check` finds, from a state that was read. */

import { expect, it } from 'vitest'
import { isSilent, problemsOf } from './check.js'

const NOW_MS = Date.parse('2026-11-27T12:00:00Z')
const said = { instance: 'vm:1', generation: 1, seq: 5, at: '2026-11-27T11:59:50Z' }
const caught_up = { seq: 5, lag_events: 0, lag_ms: 0 }
const WELL: Parameters<typeof problemsOf>[0] = {
  instances: [{ id: 'a', version: '1', endpoints: [] }],
  projections: [{ projection: 'ledger', generation: 1, lag: caught_up, said }],
  parked: [],
  dead_letters: { open: 3, total: 3, unstorable: {}, junk: 0 },
  trouble: [],
  warnings: [],
  stream: {
    messages: 5,
    last_seq: 5,
    bytes: 9,
    replicas: 3,
    leader: 'n1',
    followers: [{ name: 'n2', state: 'current' }],
  },
}
const LIMITS = { lag_ms_max: 30_000, dead_letters_max: undefined }
const found = (change: object, limits = {}) =>
  problemsOf({ ...WELL, ...change }, { ...LIMITS, ...limits }, NOW_MS)
const projections = (change: object) => ({ projections: [{ ...WELL.projections[0], ...change }] })

it('is content with a ledger that is well', () => {
  expect(found({})).toEqual([])
  expect(found(projections({ lag: { seq: 4, lag_events: 1, lag_ms: 30_000 } }))).toEqual([])
})

it.each<[object, string]>([
  [{ instances: [] }, 'nobody serves'],
  [{ trouble: ['the ledger stands still'] }, 'stands still'],
  [{ warnings: ['an old server'] }, 'an old server'],
  [{ parked: ['7'] }, '1 customers are parked'],
  [projections({ said: undefined }), 'nobody has run it yet'],
  [projections({ lag: undefined }), 'nobody has run it yet'],
  [projections({ lag: { seq: 4, lag_events: 1, lag_ms: 30_001 } }), '1 events behind, for 30001 ms'],
  [projections({ said: { ...said, at: '2026-11-27T11:59:39Z' } }), 'vm:1 is silent since'],
  [{ stream: { ...WELL.stream, followers: [{ name: 'n2', state: 'behind' }] } }, 'on n2 is behind'],
])('names in one sentence: %j', (change, sentence) => {
  expect(found(change)).toEqual([expect.stringContaining(sentence)])
})

it('counts open dead letters only against a limit', () => {
  expect(found({}, { dead_letters_max: 3 })).toEqual([])
  expect(found({}, { dead_letters_max: 2 })).toEqual(['3 dead letters are open'])
})

it('takes an instance for silent after four reports that did not come', () => {
  expect([isSilent(said, NOW_MS), isSilent(said, NOW_MS + 10_001)]).toEqual([false, true])
})
