import { expect, it } from 'vitest'
import { type Line, measureLines, type RunOnce } from './rounds.js'
import { median, type Run, summarize, toRun } from './run.js'

const line = (name: string, ...to: readonly string[]): Line => ({
  name,
  work: name,
  in_flight: 10,
  ratios: to.length === 0 ? [] : [{ to }],
})

const run = (accepted_per_s: number, change: Partial<Run> = {}): Run => ({
  accepted_per_s,
  requests_per_s: accepted_per_s,
  requests: accepted_per_s,
  errors: {},
  p50_ms: 1,
  p95_ms: 2,
  p99_ms: 3,
  p999_ms: 3.5,
  max_ms: 4,
  cpu: {},
  ...change,
})

it('every second round goes backwards, first at full speed and then at half of the median', async () => {
  const log: string[] = []
  const runOnce: RunOnce = async ({ name }, pace, round) => {
    log.push(pace.kind === 'paced' ? `${name} ${pace.requests_per_s}/s` : `${name} full`)
    return run([100, 300, 120][round] ?? 0)
  }
  await measureLines([line('a'), line('b')], 3, runOnce)
  expect(log.slice(0, 6)).toEqual(['a full', 'b full', 'b full', 'a full', 'a full', 'b full'])
  expect(log.slice(6)).toEqual(['a 60/s', 'b 60/s', 'b 60/s', 'a 60/s', 'a 60/s', 'b 60/s'])
})

it('a ratio is the median of the rounds own ratios, to the best of its baselines', async () => {
  const speeds: Record<string, readonly number[]> = {
    base: [100, 1_000, 10],
    other: [50, 2_000, 1],
    mine: [80, 1_000, 9],
  }
  const runOnce: RunOnce = async ({ name }, _, round) => run(speeds[name]?.[round] ?? 0)
  const results = await measureLines([line('base'), line('other'), line('mine', 'base', 'other')], 3, runOnce)
  expect(results[2]?.ratios).toEqual([{ to: ['base', 'other'], value: 0.8 }])
})

it('a line that nobody answers is asked once, reported as such, and the others go on', async () => {
  let asked = 0
  const runOnce: RunOnce = async ({ name }) => {
    if (name !== 'absent') return run(100)
    asked += 1
    return 'unanswered'
  }
  const [absent, present] = await measureLines(
    [line('absent', 'present'), line('present', 'absent')],
    3,
    runOnce,
  )
  expect(asked).toBe(1)
  expect(absent).toEqual({ name: 'absent', in_flight: 10, unanswered: true, ratios: [] })
  expect(present).toMatchObject({ unanswered: false, ratios: [], half: { accepted_per_s: 100 } })
})

it('a line that accepted nothing has no half speed', async () => {
  const paces: string[] = []
  await measureLines([line('a')], 1, async (_, { kind }) => {
    paces.push(kind)
    return run(0, { errors: { BUSY: 7 } })
  })
  expect(paces).toEqual(['full'])
})

it('rounds come to medians, of errors to sums, of the greatest latency to the greatest', () => {
  const runs = [
    run(10, { p99_ms: 5, max_ms: 9, errors: { BUSY: 1 }, cpu: { service: 0.5 } }),
    run(30, { p99_ms: 50, max_ms: 99, errors: { BUSY: 2, TIMEOUT: 1 }, cpu: { service: 0.7 } }),
    run(20, { p99_ms: undefined, max_ms: undefined, cpu: { service: 0.9 } }),
  ]
  expect(summarize(runs)).toMatchObject({
    accepted_per_s: 20,
    requests: 60,
    p99_ms: 27.5,
    max_ms: 99,
    errors: { BUSY: 3, TIMEOUT: 1 },
    cpu: { service: 0.7 },
  })
})

it('clients side by side add up, their latencies in one histogram', () => {
  const client = (accepted: number, latency_us: number) => ({
    accepted,
    requests: 3,
    errors: { BUSY: 1 },
    latencies: { counts: [[latency_us, 3]] as const, max_us: latency_us },
  })
  expect(toRun([client(3_000, 10), client(1_000, 100)], 2_000, {})).toMatchObject({
    accepted_per_s: 2_000,
    requests_per_s: 3,
    errors: { BUSY: 2 },
    p50_ms: 0.01,
    p999_ms: 0.1,
    max_ms: 0.1,
  })
})

it('the median of an even number is the mean of the two in the middle', () => {
  expect([median([4, 1, 3, 2]), median([2, undefined]), median([])]).toEqual([2.5, 2, undefined])
})
