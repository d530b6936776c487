import { describe, expect, it } from 'vitest'
import { proofOf } from './leadership.js'

const ns = (ms: number): number => ms * 1_000_000
type Replica = { readonly active: number }
const answer = (replicas: readonly Replica[], leader: string | undefined = 'n1', num_replicas = 3) => ({
  created: '2026-01-01T00:00:00Z',
  ts: '2026-01-02T00:00:00.5Z',
  config: { num_replicas, duplicate_window: ns(120_000) },
  state: { first_seq: 1, last_seq: 42, messages: 42 },
  cluster: { ...(leader === undefined ? {} : { leader }), replicas },
})
const at = (...active_ms: number[]): Replica[] => active_ms.map(ms => ({ active: ns(ms) }))
const prove = (given: Parameters<typeof proofOf>[0]) => proofOf(given, 10_000, 10_005)

describe('what an answer proves', () => {
  it("is how far the stream is, and the server's time", () => {
    expect(prove(answer(at(100, 900)))).toEqual({
      created: '2026-01-01T00:00:00Z',
      first_seq: 1,
      last_seq: 42,
      messages: 42,
      leader: 'n1',
      asked_ms: 10_000,
      answered_ms: 10_005,
      server_time: new Date('2026-01-02T00:00:00.500Z'),
      duplicate_window_ms: 120_000,
      // the replica heard last completes the majority; the one heard longest ago could take itself for the leader
      leads_until_ms: 13_400,
      alone_until_ms: 12_600,
    })
  })

  it('is nothing without a leader', () => {
    expect(prove({ ...answer(at(1, 1)), cluster: { replicas: at(1, 1) } })).toBeUndefined()
    expect(prove(answer(at(1, 1), ''))).toBeUndefined()
  })

  it('is nothing of a leader that was not heard for as long as the others need for an election', () => {
    expect(prove(answer(at(3_495, 9_000)))).toBeUndefined()
    expect(prove(answer(at(3_494, 9_000)))).toBeDefined()
  })

  it('is nothing of one whose replicas were never heard', () => {
    expect(prove(answer([{ active: 0 }, { active: 0 }]))).toBeUndefined()
    expect(prove(answer([]))).toBeUndefined()
  })

  it('is not that it is alone while one replica was not heard', () => {
    expect(prove(answer([{ active: 0 }, ...at(5)]))).toMatchObject({
      leads_until_ms: 13_495,
      alone_until_ms: 0,
    })
  })

  it('needs a majority of five', () => {
    expect(prove(answer(at(5, 9_000, 9_000, 9_000), 'n1', 5))).toBeUndefined()
    expect(prove(answer(at(5, 6, 9_000, 9_000), 'n1', 5))).toMatchObject({ leads_until_ms: 13_494 })
  })

  it('counts members that are not replicas yet', () => {
    expect(prove(answer(at(9_000, 9_000), 'n1', 1))).toBeUndefined()
  })

  it('is everything of a single server', () => {
    const { cluster: _, ...alone } = answer([], 'n1', 1)
    expect(prove(alone)).toMatchObject({ leads_until_ms: 13_500, alone_until_ms: 13_500 })
    expect(prove(answer([], 'n1', 1))).toMatchObject({ leads_until_ms: 13_500, alone_until_ms: 13_500 })
  })
})
